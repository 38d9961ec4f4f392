import { z } from 'zod';

import { readAdapterConfig, readConfig, readPeftAdapter, readSafetensors } from '../../../train/index.js';
import type { CommandResult } from '../../frame/command.js';
import { EXIT } from '../../frame/exit-codes.js';
import { facts } from '../../frame/table.js';
import { type FileSize, readNamed, Refusals } from './files.js';
import { describeSums, grouped, sumTensors } from './tensors.js';

export interface AdapterToInspect {
  readonly directory: string;
  readonly files: readonly FileSize[];
  readonly base: string | undefined;
}

function baseModelOf(config: Uint8Array): string | null {
  try {
    return z.looseObject({ base_model_name_or_path: z.string() }).parse(JSON.parse(Buffer.from(config).toString('utf8'))).base_model_name_or_path;
  } catch {
    return null; // absent or unreadable; readAdapterConfig says what is wrong where it matters
  }
}

export async function inspectAdapter({ directory, files, base }: AdapterToInspect): Promise<CommandResult> {
  const refusals = new Refusals();
  const weightsName = 'adapter_model.safetensors';
  const configBytes = await readNamed(directory, 'adapter_config.json');
  const lora = await refusals.of('adapter_config.json', () => readAdapterConfig(configBytes));
  const weights = await refusals.of(weightsName, () => readNamed(directory, weightsName));
  const tensors = weights === undefined ? undefined : await refusals.of(weightsName, () => readSafetensors(weights, weightsName));
  const isReadable = lora !== undefined && weights !== undefined && tensors !== undefined;
  if (base !== undefined && isReadable) {
    const baseConfig = await refusals.of('config.json', async () => readConfig(await readNamed(base, 'config.json')));
    if (baseConfig !== undefined) await refusals.of(weightsName, () => readPeftAdapter(weights, baseConfig, lora));
  }
  const baseModel = baseModelOf(configBytes);
  const sums = tensors === undefined ? undefined : sumTensors(tensors);
  const parameters = sums === undefined ? null : { total: sums.reduce((total, { elements }) => total + elements, 0) };
  const usable = refusals.list.length === 0;
  const text = facts([
    ['adapter', directory],
    ...(lora === undefined ? [] : [['LoRA', `rank ${lora.rank}, alpha ${lora.alpha}, on ${lora.targets.join(', ')}`] as const]),
    ['base model', baseModel ?? 'not named'],
    ...(parameters === null ? [] : [['parameters', grouped(parameters.total)] as const]),
    ...describeSums(sums ?? []),
    ...files.map((file) => ['file', `${file.name}, ${grouped(file.sizeBytes)} bytes`] as const),
    ...(usable ? [['r3mes', base === undefined ? 'can read it; --base DIR holds it against its model' : `can train it on ${base}`] as const] : refusals.text),
  ]);
  return {
    data: {
      kind: 'adapter',
      directory,
      usable,
      refusals: refusals.list,
      rank: lora?.rank ?? null,
      alpha: lora?.alpha ?? null,
      targets: lora?.targets ?? null,
      baseModel,
      baseChecked: base !== undefined && isReadable,
      parameters,
      tensors: sums?.map((sum) => ({ ...sum })) ?? null,
      files: files.map((file) => ({ ...file })),
    },
    text,
    exitCode: usable ? EXIT.ok : EXIT.failure,
  };
}
