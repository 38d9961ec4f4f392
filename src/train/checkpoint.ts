/**
 * Hugging Face BitNet b1.58 checkpoints as a frozen model: packed (`autobitlinear`, legacy `bitlinear`) or float masters of
 * the online mode, in one file or in shards. Tensors are read one by one; nothing but what the engine is given stays.
 */
import { InvalidInputError, R3mesError } from '../protocol/errors.js';
import { createModel, TARGETS, type LayerWeights, type ModelWeights, type RawMatrix, type Target, type TernaryMatrix } from '../native/index.js';
import { memoryFolder, readSmall, type ModelFolder } from './byte-source.js';
import { checkedCodes } from './checked-parts.js';
import { checkTensors, countParameters, EMBEDDING, FINAL_NORM, HEAD, linearName, linearShape, normsOf } from './checkpoint-layout.js';
import { readCheckpointConfig, type WeightForm } from './config.js';
import { byteLength, widened } from './safetensors.js';
import { TensorFiles, WEIGHTS_FILE } from './tensor-files.js';
import { isMasterDtype, ternarize } from './ternarize.js';
import type { BitNetConfig, Model } from './types.js';

export const CONFIG_FILE = 'config.json';
const MAX_CONFIG_BYTES = 16 * 1_048_576;

/** A checkpoint whose names, shapes and types are those of its config.json; its values are not read yet. */
export interface Checkpoint {
  readonly config: BitNetConfig;
  readonly form: WeightForm;
  readonly tensors: TensorFiles;
  /** config.json as it is. */
  readonly configBytes: Uint8Array;
}

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Memory that the process may still take, in bytes. Default: what the system says. */
  readonly availableBytes?: number;
  /** Called after each layer. */
  readonly onLayer?: (done: number, total: number) => void;
}

/** @throws R3mesError FILE_NOT_FOUND; InvalidInputError naming file, field or tensor. */
export async function openCheckpoint(folder: ModelFolder): Promise<Checkpoint> {
  const source = await folder.open(CONFIG_FILE);
  if (source === undefined) throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `no such file: ${CONFIG_FILE}`, hint: 'expected a Hugging Face model' });
  const configBytes = await readSmall(source, CONFIG_FILE, MAX_CONFIG_BYTES);
  const { config, form } = readCheckpointConfig(configBytes);
  const tensors = await TensorFiles.open(folder);
  checkTensors(tensors, config, form);
  return { config, form, tensors, configBytes };
}

/** The scale that multiplies the product: a legacy checkpoint holds the one that divides. @throws InvalidInputError */
export function productScale(stored: number, form: WeightForm, what: string): number {
  if (!Number.isFinite(stored) || stored <= 0) throw new InvalidInputError(`${what} is ${stored}, expected a finite number above 0`);
  if (form !== 'bitlinear') return stored;
  const scale = Math.fround(1 / stored);
  if (!Number.isFinite(scale) || scale <= 0) throw new InvalidInputError(`${what} is ${stored}, expected a number whose reciprocal binary32 holds`);
  return scale;
}

/** A linear layer as the engine takes it, whatever form it is stored in. @throws InvalidInputError naming the tensor. */
export async function readLinear({ tensors, config, form }: Checkpoint, layer: number, target: Target): Promise<TernaryMatrix> {
  const name = linearName(layer, target);
  if (form !== 'online') {
    const scaleName = `${name}_scale`;
    const [stored = NaN] = widened(await tensors.read(scaleName), scaleName);
    const scale = productScale(stored, form, `${tensors.fileOf(scaleName)}: tensor ${scaleName}`);
    return { codes: (await tensors.read(name)).bytes, scale };
  }
  const dtype = tensors.infos.get(name)?.dtype;
  if (dtype === undefined || !isMasterDtype(dtype)) throw new InvalidInputError(`${tensors.fileOf(name)}: tensor ${name} is ${dtype ?? 'missing'}, expected F32, BF16 or F16`);
  const what = `${tensors.fileOf(name)}: tensor ${name}`;
  return ternarize({ what, dtype, shape: linearShape(config, target), parts: () => tensors.parts(name) });
}

/** The same, every code looked at: the engine does that itself. @throws InvalidInputError naming the tensor and the byte. */
export async function readCheckedLinear(checkpoint: Checkpoint, layer: number, target: Target): Promise<TernaryMatrix> {
  const linear = await readLinear(checkpoint, layer, target);
  const name = linearName(layer, target);
  checkedCodes(`${checkpoint.tensors.fileOf(name)}: tensor ${name}`, linearShape(checkpoint.config, target)[1], linear.codes);
  return linear;
}

async function readNorm(tensors: TensorFiles, name: string): Promise<Float32Array> {
  return widened(await tensors.read(name), name);
}

async function readMatrix(tensors: TensorFiles, name: string): Promise<RawMatrix> {
  const { dtype, bytes } = await tensors.read(name);
  return { dtype: dtype as RawMatrix['dtype'], bytes };
}

async function readLayer(checkpoint: Checkpoint, layer: number): Promise<LayerWeights> {
  const { tensors, config } = checkpoint;
  const norms: Float32Array[] = [];
  for (const [name] of normsOf(config, layer)) norms.push(await readNorm(tensors, name));
  const linears: TernaryMatrix[] = [];
  for (const target of TARGETS) linears.push(await readLinear(checkpoint, layer, target));
  const [inputNorm = new Float32Array(), attentionSubNorm = new Float32Array(), postAttentionNorm = new Float32Array(), ffnSubNorm = new Float32Array()] = norms;
  return { inputNorm, attentionSubNorm, postAttentionNorm, ffnSubNorm, linears };
}

async function readWeights(checkpoint: Checkpoint, options: LoadOptions): Promise<ModelWeights> {
  const { tensors, config } = checkpoint;
  const layers: LayerWeights[] = [];
  for (let i = 0; i < config.layers; i++) {
    options.signal?.throwIfAborted();
    layers.push(await readLayer(checkpoint, i));
    options.onLayer?.(i + 1, config.layers);
  }
  const embedding = await readMatrix(tensors, EMBEDDING);
  const finalNorm = await readNorm(tensors, FINAL_NORM);
  return { embedding, finalNorm, layers, ...(config.tiedEmbedding ? {} : { head: await readMatrix(tensors, HEAD) }) };
}

/**
 * About how much memory a model takes while it is loaded: in the engine the ternary weights by row and by column, the
 * embedding, and the head as 16-bit mantissas by row and by column; here what is handed over, which goes afterwards.
 */
export function loadingBytes({ config, tensors }: Pick<Checkpoint, 'config' | 'tensors'>): number {
  const packed = countParameters(config).ternary / 4;
  const matrix = (name: string): number => {
    const info = tensors.infos.get(name);
    return info === undefined ? 0 : byteLength(info);
  };
  const embedding = matrix(EMBEDDING);
  const head = config.tiedEmbedding ? 0 : matrix(HEAD);
  return 3 * packed + 2 * embedding + head + 4 * config.vocabSize * config.hiddenSize;
}

/** @throws R3mesError OUT_OF_MEMORY before anything is allocated: a system that overcommits would kill the process instead. */
function checkMemory(checkpoint: Checkpoint, availableBytes: number): void {
  const needed = loadingBytes(checkpoint);
  if (needed <= availableBytes) return;
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1_048_576)} MiB`;
  throw new R3mesError({
    code: 'OUT_OF_MEMORY',
    message: `the model needs about ${mebibytes(needed)} of memory while it is loaded, available are ${mebibytes(availableBytes)}`,
    hint: 'close other programs, raise the limit of the container, or take a machine with more memory',
  });
}

/** Reads a checkpoint that was opened into the engine. @throws as `loadModel`. */
export async function loadOpened(checkpoint: Checkpoint, options: LoadOptions = {}): Promise<Model> {
  checkMemory(checkpoint, options.availableBytes ?? process.availableMemory());
  const { config } = checkpoint;
  const native = await createModel(config, await readWeights(checkpoint, options));
  const { ternary, float } = countParameters(config);
  return { config, fullParameters: ternary + float, native, dispose: () => native.dispose() };
}

/**
 * Reads a checkpoint into the engine.
 * @throws R3mesError FILE_NOT_FOUND, OUT_OF_MEMORY; InvalidInputError naming file, field or tensor; R3mesError of the engine
 *   (code 3 in a packed byte, NaN); the signal's reason when aborted.
 */
export async function loadModel(folder: ModelFolder, options: LoadOptions = {}): Promise<Model> {
  return loadOpened(await openCheckpoint(folder), options);
}

/** The same of files that are in memory; they may be dropped afterwards. */
export function loadCheckpoint(files: { readonly config: Uint8Array; readonly weights: Uint8Array }): Promise<Model> {
  return loadModel(memoryFolder({ [CONFIG_FILE]: files.config, [WEIGHTS_FILE]: files.weights }));
}
