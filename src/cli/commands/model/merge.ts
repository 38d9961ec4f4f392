import { mergeAdapter, openCheckpoint, readAdapterConfig, readPeftAdapter, type MergedDtype } from '../../../train/index.js';
import { fileFolder } from '../../files/model-folder.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { facts } from '../../frame/table.js';
import { given } from '../dataset/job.js';
import { listFiles, readNamed } from './files.js';
import { besides, mayWriteFolder, writeFolder } from './output-folder.js';
import { grouped } from './tensors.js';

export interface MergeArgs {
  readonly directory: string;
  readonly adapter: string;
  readonly output: string;
  readonly type: 'bf16' | 'f32';
  readonly force: boolean;
}

const DTYPES: Readonly<Record<MergeArgs['type'], MergedDtype>> = { bf16: 'BF16', f32: 'F32' };

export async function modelMerge(ctx: Context, args: MergeArgs): Promise<CommandResult> {
  const [directory, folder, output] = [given(ctx, args.directory), given(ctx, args.adapter), given(ctx, args.output)];
  await mayWriteFolder(ctx, directory, output, ['config.json', 'model.safetensors'], args.force);
  await listFiles(directory); // names a directory that is not there
  const checkpoint = await openCheckpoint(fileFolder(directory));
  const lora = readAdapterConfig(await readNamed(folder, 'adapter_config.json'));
  const adapter = readPeftAdapter(await readNamed(folder, 'adapter_model.safetensors'), checkpoint.config, lora);
  const { layers, tiedEmbedding } = checkpoint.config;
  const total = layers * 11 + (tiedEmbedding ? 2 : 3);
  const sizeBytes = await step(ctx, `merging into ${output}`, async (progress) => {
    let done = 0;
    const { config, weights } = mergeAdapter(checkpoint, adapter, DTYPES[args.type], (detail) => {
      ctx.signal.throwIfAborted();
      progress.update({ done: done++, total, detail });
    });
    await writeFolder(output, { ...(await besides(directory)), 'model.safetensors': weights.chunks(), 'config.json': config });
    return weights.sizeBytes;
  });
  const { rank, alpha, targets } = lora;
  return {
    data: { output, dtype: args.type, sizeBytes, rank, alpha, targets },
    text: facts([
      ['merged model', output],
      ['weights', `${grouped(sizeBytes)} bytes, linear layers in ${args.type}: W · scale + ${alpha} / ${rank} · B · A`],
      ['note', 'no longer ternary: other programs load it, r3mes does not; it rounds no activations to 8 bits, so it agrees with the adapter to about that'],
    ]),
  };
}
