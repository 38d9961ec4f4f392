import path from 'node:path';

import { loadModelTokenizer } from '../../../dataset/index.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import { addBytes, type ContentStore, type DirectoryEntry } from '../../../storage/index.js';
import { ARITHMETIC_VERSION, type Checkpoint, countParameters, normalizeCheckpoint, type NormalizedModel, openCheckpoint, readAdapterConfig, readConfig, readPeftAdapter, writeAdapter, writeAdapterConfig } from '../../../train/index.js';
import { fileFolder } from '../../files/model-folder.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';
import { step } from '../../frame/step.js';
import { facts } from '../../frame/table.js';
import { given, withStore } from '../dataset/job.js';
import { listFiles, readNamed } from './files.js';
import { besides, mayWriteFolder, writeFolder } from './output-folder.js';
import { grouped } from './tensors.js';

export interface ImportArgs {
  readonly directory: string;
  readonly base: string | undefined;
  readonly output: string | undefined;
  readonly content: string | undefined;
  readonly force: boolean;
}

/** No file of a model is longer. */
const MAX_FILE_BYTES = 1_099_511_627_776n;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** As the devnet stores its backbone: config.json and model.safetensors, nothing else, so that equal models have one CID. */
async function* backboneEntries({ config, weights }: NormalizedModel): AsyncGenerator<DirectoryEntry> {
  yield await Promise.resolve({ path: 'config.json', content: once(config) });
  yield { path: 'model.safetensors', content: weights.chunks() };
}

/** @returns nothing where the model has no tokenizer. @throws InvalidInputError for one of a larger vocabulary. */
async function importTokenizer(store: ContentStore, directory: string, checkpoint: Checkpoint): Promise<string | undefined> {
  const files = await listFiles(directory);
  if (!files.some(({ name }) => name === 'tokenizer.json')) return undefined;
  const { tokenizer, tokenizerJson } = await loadModelTokenizer(directory);
  const { vocabSize } = checkpoint.config;
  if (tokenizer.vocabSize > vocabSize) throw new InvalidInputError(`tokenizer.json: has ${tokenizer.vocabSize} ids, expected at most vocab_size ${vocabSize} of config.json`);
  return (await addBytes(store, tokenizerJson)).cid;
}

async function importModel(ctx: Context, store: ContentStore, directory: string, output: string | undefined): Promise<CommandResult> {
  const checkpoint = await openCheckpoint(fileFolder(directory));
  const { config, form } = checkpoint;
  const tokenizerCid = await importTokenizer(store, directory, checkpoint);
  const tensors = config.layers * 11 + (config.tiedEmbedding ? 2 : 3);
  const stored = await step(ctx, `importing ${path.basename(directory)}`, (progress) => {
    let done = 0;
    const made = normalizeCheckpoint(checkpoint, (detail) => progress.update({ done: done++, total: tensors, detail }));
    return store.addDirectory(backboneEntries(made), { signal: ctx.signal });
  });
  if (output !== undefined) {
    const read = (file: string) => store.read(stored.cid, { path: file, maxBytes: MAX_FILE_BYTES, signal: ctx.signal });
    await step(ctx, `writing ${output}`, async () => writeFolder(output, { ...(await besides(directory)), 'model.safetensors': read('model.safetensors'), 'config.json': read('config.json') }));
  }
  const { ternary, float } = countParameters(config);
  const data = {
    kind: 'model',
    directory,
    form,
    backboneCid: stored.cid,
    sizeBytes: stored.sizeBytes,
    tokenizerCid: tokenizerCid ?? null,
    fullParameters: ternary + float,
    layerCount: config.layers,
    vocabSize: config.vocabSize,
    maxSequenceLength: config.maxPositions,
    arithmeticVersion: ARITHMETIC_VERSION,
    output: output ?? null,
  };
  const text = facts([
    ['model', `${directory}, stored as ${form}`],
    ['backbone', stored.cid],
    ['size', `${grouped(Number(stored.sizeBytes))} bytes: packed, binary32 scales, canonical safetensors`],
    ['tokenizer', tokenizerCid ?? 'none'],
    ['parameters', `${grouped(ternary + float)}: ${grouped(ternary)} ternary, ${grouped(float)} float`],
    ...(output === undefined ? [] : [['copy', output] as const]),
  ]);
  return { data, text };
}

async function importAdapter(store: ContentStore, directory: string, base: string, output: string | undefined): Promise<CommandResult> {
  const lora = readAdapterConfig(await readNamed(directory, 'adapter_config.json'));
  if (!Number.isInteger(lora.alpha)) throw new InvalidInputError(`adapter_config.json: lora_alpha is ${lora.alpha}, expected a whole number: the registry of models holds no other`);
  const config = readConfig(await readNamed(base, 'config.json'));
  const bytes = writeAdapter(readPeftAdapter(await readNamed(directory, 'adapter_model.safetensors'), config, lora));
  const { cid, sizeBytes } = await addBytes(store, bytes);
  if (output !== undefined) await writeFolder(output, { 'adapter_model.safetensors': bytes, 'adapter_config.json': writeAdapterConfig(lora, path.basename(base)) });
  const { rank, alpha, targets } = lora;
  return {
    data: { kind: 'adapter', directory, adapterCid: cid, sizeBytes, rank, alpha, targets, output: output ?? null },
    text: facts([
      ['adapter', directory],
      ['CID', cid],
      ['size', `${grouped(Number(sizeBytes))} bytes: binary32, canonical safetensors`],
      ['LoRA', `rank ${rank}, alpha ${alpha}, on ${targets.join(', ')}`],
      ...(output === undefined ? [] : [['copy', output] as const]),
    ]),
  };
}

export async function modelImport(ctx: Context, args: ImportArgs): Promise<CommandResult> {
  const directory = given(ctx, args.directory);
  const output = args.output === undefined ? undefined : given(ctx, args.output);
  const files = await listFiles(directory);
  const isAdapter = files.some(({ name }) => name === 'adapter_config.json') && !files.some(({ name }) => name === 'config.json');
  const names = isAdapter ? ['adapter_config.json', 'adapter_model.safetensors'] : ['config.json', 'model.safetensors'];
  if (output !== undefined) await mayWriteFolder(ctx, directory, output, names, args.force);
  return withStore(ctx, args.content, (store) => {
    if (!isAdapter) return importModel(ctx, store, directory, output);
    if (args.base === undefined) throw usageError(`${directory} is an adapter, expected its model as well`, 'name the directory of the model with --base DIR');
    return importAdapter(store, directory, given(ctx, args.base), output);
  });
}
