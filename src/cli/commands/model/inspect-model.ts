import { z } from 'zod';

import { loadModelTokenizer } from '../../../dataset/index.js';
import { R3mesError } from '../../../protocol/errors.js';
import { adapterLayout, type BitNetConfig, type Checkpoint, countParameters, loadOpened, normalizeCheckpoint, openCheckpoint, readConfig, TARGETS, type Target, TensorFiles } from '../../../train/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';
import { EXIT } from '../../frame/exit-codes.js';
import { facts } from '../../frame/table.js';
import { fileFolder } from '../../files/model-folder.js';
import { type FileSize, readNamed, Refusals, sizeOf } from './files.js';
import { describeSums, grouped, sumTensors, type TensorSum } from './tensors.js';

export interface ModelToInspect {
  readonly directory: string;
  readonly files: readonly FileSize[];
  readonly rank: number;
  readonly targets: readonly string[];
}

/** What is told of a config.json even where it is refused. */
const seenSchema = z.object({
  architectures: z.array(z.string()).optional().catch(undefined),
  quantization_config: z
    .object({ quant_method: z.unknown(), linear_class: z.unknown(), quantization_mode: z.unknown() })
    .partial()
    .optional()
    .catch(undefined),
});

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function seen(config: Uint8Array) {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(config).toString('utf8'));
  } catch {
    return { architecture: null, quantization: null }; // readConfig says what is wrong with it
  }
  const { architectures, quantization_config: q } = seenSchema.catch({}).parse(value);
  const mode = text(q?.quantization_mode);
  const packing = mode === 'offline' ? 'four weights a byte, in strided rows' : 'none: weights are quantised when they are used';
  return {
    architecture: architectures?.[0] ?? null,
    quantization: q === undefined ? null : { method: text(q.quant_method), linearClass: text(q.linear_class), mode, packing },
  };
}

/** @throws R3mesError USAGE */
function chosenTargets(given: readonly string[]): readonly Target[] {
  const unknown = given.find((name) => !TARGETS.some((target) => target === name));
  if (unknown !== undefined) throw usageError(`--target: expected one of ${TARGETS.join(', ')}, got ${JSON.stringify(unknown)}`);
  return given.length === 0 ? TARGETS : TARGETS.filter((target) => given.includes(target));
}

/** What says nothing about the weights. */
const NOT_TRIED: ReadonlySet<string> = new Set(['ENGINE_UNAVAILABLE', 'OUT_OF_MEMORY']);

/** Whether the engine took the weights. Where it is not built, or they do not fit into memory, every value is looked at as it would. */
async function tryWeights(ctx: Context, checkpoint: Checkpoint): Promise<boolean> {
  try {
    (await loadOpened(checkpoint, { signal: ctx.signal })).dispose();
    return true;
  } catch (error) {
    if (!(error instanceof R3mesError) || !NOT_TRIED.has(error.code)) throw error;
    ctx.out.warn(`the weights were looked at without the engine: ${error.message}`);
    for await (const chunk of normalizeCheckpoint(checkpoint).weights.chunks()) if (chunk.length > 0) ctx.signal.throwIfAborted();
    return false;
  }
}

interface Weights {
  readonly sums: readonly TensorSum[];
  readonly engineChecked: boolean;
  /** Files of the weights that `KNOWN_FILES` does not name. */
  readonly shards: readonly FileSize[];
}

async function shardSizes(directory: string, tensors: TensorFiles): Promise<readonly FileSize[]> {
  const names = tensors.files.filter((name) => name !== 'model.safetensors');
  const sizes = await Promise.all(names.map((name) => sizeOf(directory, name)));
  return sizes.filter((size) => size !== undefined);
}

async function inspectWeights(ctx: Context, directory: string, isConfigGood: boolean, refusals: Refusals): Promise<Weights | undefined> {
  const name = 'model.safetensors';
  const folder = fileFolder(directory);
  const tensors = await refusals.of(name, () => TensorFiles.open(folder));
  if (tensors === undefined) return undefined;
  const engineChecked = isConfigGood && ((await refusals.of(name, async () => tryWeights(ctx, await openCheckpoint(folder)))) ?? false);
  return { sums: sumTensors(tensors.infos), engineChecked, shards: await shardSizes(directory, tensors) };
}

async function inspectTokenizer(directory: string, files: readonly FileSize[], refusals: Refusals) {
  if (!files.some(({ name }) => name === 'tokenizer.json')) return null;
  const loaded = await refusals.of('tokenizer.json', () => loadModelTokenizer(directory));
  if (loaded === undefined) return null;
  const { tokenizer, tokenizerJson } = loaded;
  const model = z.looseObject({ model: z.looseObject({ type: z.string().optional() }) }).parse(JSON.parse(Buffer.from(tokenizerJson).toString('utf8')));
  return { type: model.model.type ?? null, vocabSize: tokenizer.vocabSize, eosTokenId: tokenizer.eosTokenId };
}

function adapterSize(config: BitNetConfig, rank: number, targets: readonly Target[]) {
  const { size } = adapterLayout(config, { rank, alpha: 2 * rank, targets });
  return { rank, targets, parameters: size, bytes: 4 * size };
}

export async function inspectModel(ctx: Context, { directory, files: known, rank, targets }: ModelToInspect): Promise<CommandResult> {
  const wanted = chosenTargets(targets);
  const refusals = new Refusals();
  const bytes = await readNamed(directory, 'config.json');
  const { architecture, quantization } = seen(bytes);
  const config = await refusals.of('config.json', () => readConfig(bytes));
  const weights = await inspectWeights(ctx, directory, config !== undefined, refusals);
  const files = [...known, ...(weights?.shards ?? [])];
  const tokenizer = await inspectTokenizer(directory, files, refusals);
  const counts = config === undefined ? null : countParameters(config);
  const parameters = counts === null ? null : { ...counts, total: counts.ternary + counts.float };
  const adapter = config === undefined ? null : adapterSize(config, rank, wanted);
  const usable = refusals.list.length === 0;
  const lines = facts([
    ['model', directory],
    ['architecture', architecture ?? 'unknown'],
    ['quantisation', quantization === null ? 'none' : `${quantization.method ?? '?'}, ${quantization.linearClass ?? '?'}, ${quantization.mode ?? '?'}: ${quantization.packing}`],
    ...(config === undefined ? [] : describeConfig(config)),
    ...(parameters === null ? [] : [['parameters', `${grouped(parameters.total)}: ${grouped(parameters.ternary)} ternary, ${grouped(parameters.float)} float`] as const]),
    ...describeSums(weights?.sums ?? []),
    ...(adapter === null ? [] : [['adapter', `rank ${rank} on ${wanted.join(', ')}: ${grouped(adapter.parameters)} parameters, ${grouped(adapter.bytes)} bytes`] as const]),
    ['tokenizer', tokenizer === null ? 'none that can be used' : `${tokenizer.type ?? 'unknown type'}, ${tokenizer.vocabSize} ids, end of text ${tokenizer.eosTokenId}`],
    ...files.map((file) => ['file', `${file.name}, ${grouped(file.sizeBytes)} bytes`] as const),
    ...(usable ? [['r3mes', weights?.engineChecked === true ? 'can train it' : 'can train it, as far as seen without the engine'] as const] : refusals.text),
  ]);
  return {
    data: {
      kind: 'model',
      directory,
      usable,
      refusals: refusals.list,
      architecture,
      quantization,
      config: config === undefined ? null : { ...config },
      parameters,
      maxSequenceLength: config?.maxPositions ?? null,
      tokenizer,
      adapter,
      tensors: weights?.sums.map((sum) => ({ ...sum })) ?? null,
      files: files.map((file) => ({ ...file })),
      engineChecked: weights?.engineChecked ?? false,
    },
    text: lines,
    exitCode: usable ? EXIT.ok : EXIT.failure,
  };
}

function describeConfig(config: BitNetConfig): readonly (readonly [string, string])[] {
  const { hiddenSize, ffnSize, layers, heads, kvHeads, headSize, vocabSize, maxPositions, rmsEpsilon, ropeTheta, tiedEmbedding } = config;
  return [
    ['layers', `${layers}, hidden ${hiddenSize}, feed-forward ${ffnSize}`],
    ['attention', `${heads} query heads over ${kvHeads} key/value heads of ${headSize}, RoPE base ${ropeTheta}`],
    ['vocabulary', `${vocabSize}, ${tiedEmbedding ? 'head tied to the embedding' : 'head of its own'}`],
    ['norms', `RMS, epsilon ${rmsEpsilon}`],
    ['sequences', `at most ${maxPositions} tokens; a model may have been trained on shorter ones and be bad beyond them`],
  ];
}
