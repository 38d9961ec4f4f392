import os from 'node:os';
import path from 'node:path';

import { InvalidInputError } from '../../../protocol/errors.js';
import { REFERENCE_BOUNDS, type ReferenceCaseFiles, runReferenceCase } from '../../../train/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { step } from '../../frame/step.js';
import { facts } from '../../frame/table.js';
import { fileFolder } from '../../files/model-folder.js';
import { listFiles, readNamed } from './files.js';

export interface CheckArgs {
  readonly directory: string;
  readonly threads: number;
  readonly microBatch: number;
}

async function readCase(directory: string): Promise<ReferenceCaseFiles> {
  await listFiles(directory);
  const adapter = path.join(directory, 'adapter');
  const settings = await readNamed(directory, 'case.json');
  try {
    JSON.parse(Buffer.from(settings).toString('utf8'));
  } catch (error) {
    throw new InvalidInputError(`${path.join(directory, 'case.json')} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return {
    model: fileFolder(directory),
    adapterConfig: await readNamed(adapter, 'adapter_config.json'),
    adapter: await readNamed(adapter, 'adapter_model.safetensors'),
    settings,
    io: await readNamed(directory, 'io.safetensors'),
  };
}

/** Small numbers as `1.2e-6`, others as they are. */
function shown(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : value.toFixed(6);
}

export async function modelCheck(ctx: Context, args: CheckArgs): Promise<CommandResult> {
  const directory = path.resolve(ctx.io.cwd, args.directory);
  const threads = args.threads === 0 ? os.availableParallelism() : args.threads;
  const files = await readCase(directory);
  const result = await step(ctx, `computing ${path.basename(directory)}`, () => runReferenceCase(files, { threads, microBatch: args.microBatch, signal: ctx.signal }));
  const { withinBounds, loss, referenceLoss, lossDifference, smallestCosine, smallestCosineTensor, logitsCosine, baseLogitsCosine, curveDifference, steps } = result;
  const text = facts([
    ['loss', `${loss.toFixed(6)}, reference ${referenceLoss.toFixed(6)}`],
    ['loss difference', `${shown(lossDifference)}, bound ${REFERENCE_BOUNDS.lossDifference}`],
    ['smallest gradient cosine', `${smallestCosine.toFixed(9)}, bound ${REFERENCE_BOUNDS.gradientCosine}: ${smallestCosineTensor}`],
    ['largest curve difference', `${shown(curveDifference)} in ${steps} steps, bound ${REFERENCE_BOUNDS.curveDifference}`],
    ['cosine of the logits', `${logitsCosine.toFixed(9)}${baseLogitsCosine === undefined ? '' : `, without the adapter ${baseLogitsCosine.toFixed(9)}`}`],
    ['within the bounds', withinBounds ? 'yes' : 'no'],
  ]);
  return {
    data: { case: path.basename(directory), withinBounds, loss, referenceLoss, lossDifference, smallestCosine, smallestCosineTensor, logitsCosine, baseLogitsCosine: baseLogitsCosine ?? null, curveDifference, steps, bounds: { ...REFERENCE_BOUNDS }, threads },
    text,
    exitCode: withinBounds ? EXIT.ok : EXIT.failure,
  };
}
