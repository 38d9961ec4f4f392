import { openCheckpoint, verifyMaster, type MasterDifference } from '../../../train/index.js';
import { fileFolder } from '../../files/model-folder.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { step } from '../../frame/step.js';
import { facts } from '../../frame/table.js';
import { given } from '../dataset/job.js';
import { listFiles } from './files.js';
import { grouped } from './tensors.js';

export interface VerifyArgs {
  readonly directory: string;
  readonly master: string;
}

function shownDifference({ tensor, index, seen, expected, count }: MasterDifference): string {
  const where = index.length === 0 ? '' : ` at [${index.join(', ')}]`;
  return `${tensor}${where} is ${seen}, expected ${expected}; ${grouped(count)} ${count === 1 ? 'element differs' : 'elements differ'}`;
}

/** Only these are listed for people; `--json` has all. */
const SHOWN = 10;

export async function modelVerify(ctx: Context, args: VerifyArgs): Promise<CommandResult> {
  for (const name of [args.directory, args.master]) await listFiles(given(ctx, name)); // names a directory that is not there
  const backbone = await openCheckpoint(fileFolder(given(ctx, args.directory)));
  const master = await openCheckpoint(fileFolder(given(ctx, args.master)));
  const result = await step(ctx, 'making the master ternary', (progress) =>
    verifyMaster(backbone, master, (done, total) => {
      ctx.signal.throwIfAborted();
      progress.update({ done, total, detail: `${done} of ${total} layers` });
    }),
  );
  const { equal, weightsHash, masterHash, tensors, largestScaleError, differences } = result;
  return {
    data: { equal, weightsHash, masterHash, tensors, largestScaleError, differing: differences.length, differences: differences.map((d) => ({ ...d })) },
    text: facts([
      ['packed weights', `SHA-256 ${weightsHash}`],
      ['of the master', `SHA-256 ${masterHash}`],
      ['tensors', `${tensors} compared, ${differences.length} differ`],
      ['scales', largestScaleError === 0 ? 'exactly those of the master' : `within ${largestScaleError.toExponential(1)} of the master's, relatively`],
      ...differences.slice(0, SHOWN).map((d) => ['differs', shownDifference(d)] as const),
      ['the backbone', equal ? 'is what its master becomes' : 'is not what this master becomes'],
    ]),
    exitCode: equal ? EXIT.ok : EXIT.failure,
  };
}
