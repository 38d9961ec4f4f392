/** Whether a backbone is what its float master becomes: every packed byte, every scale and everything that is not packed. */
import { createHash, type Hash } from 'node:crypto';

import { toHex } from '../protocol/bytes.js';
import { InvalidInputError } from '../protocol/errors.js';
import { TARGETS } from '../native/index.js';
import { readCheckedLinear, type Checkpoint } from './checkpoint.js';
import { EMBEDDING, FINAL_NORM, HEAD, linearName, linearShape, normsOf } from './checkpoint-layout.js';
import { BLOCK_VALUES, FloatBlocks } from './float-blocks.js';
import { widened, type Dtype, type TensorInfo } from './safetensors.js';
import { isMasterDtype, ternarize } from './ternarize.js';
import type { BitNetConfig } from './types.js';

/** A tensor that is not what the master makes of it. */
export interface MasterDifference {
  readonly tensor: string;
  /** Row and column of a weight; nothing for a scale. */
  readonly index: readonly number[];
  readonly seen: number;
  readonly expected: number;
  /** How many of its elements differ. */
  readonly count: number;
}

export interface MasterComparison {
  readonly equal: boolean;
  /** SHA-256 of all packed weights, layer by layer in the order of `TARGETS`: the backbone's, and what the master makes. */
  readonly weightsHash: string;
  readonly masterHash: string;
  readonly tensors: number;
  /** Of all scales: |seen − expected| ÷ expected. */
  readonly largestScaleError: number;
  /** In the order of the tensors. */
  readonly differences: readonly MasterDifference[];
}

const SIZES: readonly (keyof BitNetConfig)[] = ['hiddenSize', 'ffnSize', 'layers', 'heads', 'kvHeads', 'headSize', 'vocabSize', 'rmsEpsilon', 'ropeTheta', 'tiedEmbedding'];

function checkSameModel(backbone: BitNetConfig, master: BitNetConfig): void {
  const other = SIZES.find((key) => backbone[key] !== master[key]);
  if (other !== undefined) throw new InvalidInputError(`config.json: ${other} is ${String(backbone[other])}, expected ${String(master[other])} as in the master's`, 'are these two forms of one model?');
}

/**
 * How far a scale may be from the exact one, relatively: half a unit of the type that holds it, and what it costs that whoever
 * packed the weights summed them in binary32 and in an order of his own. Weights themselves are compared exactly.
 */
function scaleTolerance(dtype: Dtype): number {
  return 2 ** -18 + (dtype === 'BF16' ? 2 ** -8 : dtype === 'F16' ? 2 ** -11 : 0);
}

function firstWeight(tensor: string, seen: Uint8Array, expected: Uint8Array, [out, width]: readonly [number, number]): MasterDifference | undefined {
  const quarter = out / 4;
  let count = 0;
  let first = { row: out, column: 0, seen: 0, expected: 0 };
  for (const [at, byte] of seen.entries()) {
    const other = expected[at] ?? 0;
    if (byte === other) continue;
    for (let i = 0; i < 4; i++) {
      const [code, wanted] = [(byte >> (2 * i)) & 3, (other >> (2 * i)) & 3];
      if (code === wanted) continue;
      count++;
      const row = i * quarter + Math.floor(at / width);
      const column = at % width;
      if (row < first.row || (row === first.row && column < first.column)) first = { row, column, seen: code - 1, expected: wanted - 1 };
    }
  }
  return count === 0 ? undefined : { tensor, index: [first.row, first.column], seen: first.seen, expected: first.expected, count };
}

function infoOf({ tensors }: Checkpoint, name: string): TensorInfo {
  return tensors.infos.get(name) ?? { dtype: 'F32', shape: [] };
}

function blocksOf(checkpoint: Checkpoint, name: string): FloatBlocks {
  return new FloatBlocks(infoOf(checkpoint, name).dtype, checkpoint.tensors.parts(name), name);
}

class Comparison {
  readonly differences: MasterDifference[] = [];
  readonly #hashes: readonly [Hash, Hash] = [createHash('sha256'), createHash('sha256')];
  #tensors = 0;
  #largestScaleError = 0;

  constructor(
    private readonly backbone: Checkpoint,
    private readonly master: Checkpoint,
  ) {}

  async linear(layer: number, target: (typeof TARGETS)[number]): Promise<void> {
    const { tensors, config, form } = this.backbone;
    const name = linearName(layer, target);
    const shape = linearShape(config, target);
    const dtype = this.master.tensors.infos.get(name)?.dtype ?? 'U8';
    if (!isMasterDtype(dtype)) throw new InvalidInputError(`${this.master.tensors.fileOf(name)}: tensor ${name} is ${dtype}, expected F32, BF16 or F16`);
    const made = await ternarize({ what: `${this.master.tensors.fileOf(name)}: tensor ${name}`, dtype, shape, parts: () => this.master.tensors.parts(name) });
    const { codes } = await readCheckedLinear(this.backbone, layer, target);
    this.#hashes[0].update(codes);
    this.#hashes[1].update(made.codes);
    this.note(firstWeight(name, codes, made.codes, shape));
    const scaleName = `${name}_scale`;
    const stored = await tensors.read(scaleName);
    const [seen = NaN] = widened(stored, scaleName);
    const expected = form === 'bitlinear' ? made.inverse : made.scale;
    const error = Math.abs(seen - expected) / expected;
    this.#largestScaleError = Math.max(this.#largestScaleError, error);
    this.note(error <= scaleTolerance(stored.dtype) ? undefined : { tensor: scaleName, index: [], seen, expected, count: 1 });
  }

  /** A tensor that both hold as floats, by value and in parts. */
  async floats(name: string): Promise<void> {
    const seen = blocksOf(this.backbone, name);
    const expected = blocksOf(this.master, name);
    const { shape } = infoOf(this.backbone, name);
    const width = shape.at(-1) ?? 1;
    let difference: MasterDifference | undefined;
    for (let first = 0; ; first += BLOCK_VALUES) {
      const [x, y] = [await seen.next(), await expected.next()];
      if (x === undefined || y === undefined) break;
      for (const [i, value] of x.entries()) {
        const wanted = y[i] ?? NaN;
        if (Object.is(value, wanted)) continue;
        const at = first + i;
        difference ??= { tensor: name, index: shape.length < 2 ? [at] : [Math.floor(at / width), at % width], seen: value, expected: wanted, count: 0 };
        difference = { ...difference, count: difference.count + 1 };
      }
    }
    this.note(difference);
  }

  result(): MasterComparison {
    const [weightsHash = '', masterHash = ''] = this.#hashes.map((hash) => toHex(hash.digest()));
    return { equal: this.differences.length === 0, weightsHash, masterHash, tensors: this.#tensors, largestScaleError: this.#largestScaleError, differences: this.differences };
  }

  private note(difference: MasterDifference | undefined): void {
    this.#tensors++;
    if (difference !== undefined) this.differences.push(difference);
  }
}

/**
 * Makes the master ternary and holds the backbone against it.
 * @throws InvalidInputError where the two are not a packed backbone and a float master of one shape, or the master is not finite.
 */
export async function verifyMaster(backbone: Checkpoint, master: Checkpoint, onLayer: (done: number, total: number) => void = () => undefined): Promise<MasterComparison> {
  if (backbone.form === 'online') throw new InvalidInputError('the backbone is a float master itself (quantization_mode "online"), expected packed weights');
  if (master.form !== 'online') throw new InvalidInputError('the master has packed weights (quantization_mode "offline"), expected floats with quantization_mode "online"');
  checkSameModel(backbone.config, master.config);
  const comparison = new Comparison(backbone, master);
  const { config } = backbone;
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of TARGETS) await comparison.linear(layer, target);
    for (const [name] of normsOf(config, layer)) await comparison.floats(name);
    onLayer(layer + 1, config.layers);
  }
  for (const name of [EMBEDDING, FINAL_NORM, ...(config.tiedEmbedding ? [] : [HEAD])]) await comparison.floats(name);
  return comparison.result();
}
