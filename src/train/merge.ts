/**
 * An adapter folded into its backbone. The sum of a ternary matrix and B·A is not ternary, so the result is a model of plain
 * float weights, W·w_s + (alpha / rank)·B·A, without quantization_config: other programs load it as they load any model. They
 * compute it without rounding activations to 8 bits, which r3mes does before every ternary product; so the two agree to
 * about that rounding, and r3mes itself does not load it.
 */
import { TARGETS, type Target } from '../native/index.js';
import { slotValues } from './adapter.js';
import { finiteParts } from './checked-parts.js';
import { readCheckedLinear, type Checkpoint } from './checkpoint.js';
import { expectedTensors, linearName, linearPath, linearShape } from './checkpoint-layout.js';
import { bf16Bits } from './float-bits.js';
import { canonicalConfig, streamedSafetensors, type NormalizedModel, type StreamedTensor } from './normalize.js';
import type { Adapter } from './types.js';

export type MergedDtype = 'BF16' | 'F32';

/** Bytes of rows that are made at once. */
const BLOCK_BYTES = 1_048_576;

interface Factors {
  /** [rank, in] */
  readonly a: Float32Array;
  /** [out, rank] */
  readonly b: Float32Array;
}

function factorsOf(adapter: Adapter, layer: number, target: Target): Factors | undefined {
  const key = `base_model.model.model.layers.${layer}.${linearPath(target)}.lora_`;
  const [a, b] = ['A', 'B'].map((factor) => adapter.layout.slots.find(({ name }) => name === `${key}${factor}.weight`));
  return a === undefined || b === undefined ? undefined : { a: slotValues(adapter.values, a), b: slotValues(adapter.values, b) };
}

function bytesOf(values: Float64Array, dtype: MergedDtype): Uint8Array {
  const narrow = dtype === 'F32' ? Float32Array.from(values) : Uint16Array.from(values, (x) => bf16Bits(Math.fround(x)));
  return new Uint8Array(narrow.buffer);
}

/** Rows of W·w_s + (alpha / rank)·B·A in binary64, rounded at the end. */
async function* mergedParts(checkpoint: Checkpoint, adapter: Adapter, layer: number, target: Target, dtype: MergedDtype): AsyncGenerator<Uint8Array> {
  const { codes, scale } = await readCheckedLinear(checkpoint, layer, target);
  const [out, width] = linearShape(checkpoint.config, target);
  const { rank, alpha } = adapter.layout.lora;
  const factors = factorsOf(adapter, layer, target);
  const quarter = out / 4;
  const rows = Math.max(1, Math.floor(BLOCK_BYTES / (8 * width)));
  for (let first = 0; first < out; first += rows) {
    const block = new Float64Array(Math.min(rows, out - first) * width);
    for (let row = first; row < Math.min(out, first + rows); row++) {
      const values = block.subarray((row - first) * width, (row - first + 1) * width);
      const at = (row % quarter) * width;
      const shift = 2 * Math.floor(row / quarter);
      for (let c = 0; c < width; c++) values[c] = ((((codes[at + c] ?? 0) >> shift) & 3) - 1) * scale;
      for (let j = 0; factors !== undefined && j < rank; j++) {
        const b = ((factors.b[row * rank + j] ?? 0) * alpha) / rank;
        for (let c = 0; c < width; c++) values[c] = (values[c] ?? 0) + b * (factors.a[j * width + c] ?? 0);
      }
    }
    yield bytesOf(block, dtype);
  }
}

/** @returns files that are made while they are read; reading throws what `normalizeCheckpoint` says. */
export function mergeAdapter(checkpoint: Checkpoint, adapter: Adapter, dtype: MergedDtype, onTensor: (name: string) => void = () => undefined): NormalizedModel {
  const { config, tensors, form } = checkpoint;
  const out = new Map<string, StreamedTensor>();
  const add = (name: string, tensor: StreamedTensor): void => {
    const parts = (): AsyncIterable<Uint8Array> => {
      onTensor(name);
      return tensor.parts();
    };
    out.set(name, { ...tensor, parts });
  };
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of TARGETS) {
      add(linearName(layer, target), { dtype, shape: linearShape(config, target), parts: () => mergedParts(checkpoint, adapter, layer, target, dtype) });
    }
  }
  for (const { name, role, shape } of expectedTensors(config, form)) {
    if (role !== 'norm' && role !== 'matrix') continue;
    const stored = tensors.infos.get(name)?.dtype ?? 'F32';
    add(name, { dtype: stored, shape, parts: () => finiteParts(`${tensors.fileOf(name)}: tensor ${name}`, stored, shape, tensors.parts(name)) });
  }
  return { config: canonicalConfig(checkpoint.configBytes, config, dtype === 'F32' ? 'float32' : 'bfloat16', undefined), weights: streamedSafetensors(out) };
}
