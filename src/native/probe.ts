/** The process that asks a GPU: `probe.js INDEX`. Answers its parent with one message. */
import { fileURLToPath } from 'node:url';

import type { CudaDevice, ModelShape, ModelWeights, SequencesRequest, TrainResult } from './binding.js';
import { TARGETS } from './binding.js';
import { engine } from './load.js';

export type ProbeAnswer = { readonly type: 'works'; readonly device: CudaDevice } | { readonly type: 'refused'; readonly reason: string };

const SHAPE: ModelShape = { hiddenSize: 64, ffnSize: 96, layers: 1, heads: 2, kvHeads: 1, headSize: 32, vocabSize: 80, maxPositions: 128, rmsEpsilon: 1e-5, ropeTheta: 10_000 };
const RANK = 4;

/** [out, in] of each linear layer of `SHAPE`. */
const SIZES = [[64, 64], [32, 64], [32, 64], [64, 64], [96, 64], [96, 64], [64, 96]] as const;

/** Whole numbers below 2¹⁵ that look random, the same on every machine. */
function made(length: number): number[] {
  return Array.from({ length }, (_, i) => (i * 7919 + ((i * i) % 4093) * 31) % 32_768);
}

function weights(): ModelWeights {
  const norm = (size: number): Float32Array => new Float32Array(size).fill(1);
  const linears = SIZES.map(([out, inFeatures]) => ({
    codes: Uint8Array.from(made((out * inFeatures) / 4), (n) => [0, 2, 4, 6].reduce((byte, shift, i) => byte | ((Math.floor(n / 3 ** i) % 3) << shift), 0)),
    scale: 0.0625,
  }));
  const embedding = Float32Array.from(made(SHAPE.vocabSize * SHAPE.hiddenSize), (n) => (n - 16_384) / 16_384);
  const layer = { inputNorm: norm(64), attentionSubNorm: norm(64), postAttentionNorm: norm(64), ffnSubNorm: norm(96), linears };
  return { embedding: { dtype: 'F32', bytes: new Uint8Array(embedding.buffer) }, finalNorm: norm(64), layers: [layer] };
}

function request(onCpu: boolean): SequencesRequest {
  const size = SIZES.reduce((sum, [out, inFeatures]) => sum + RANK * (out + inFeatures), 0);
  return {
    tokens: Int32Array.from(made(2 * 70), (n) => n % SHAPE.vocabSize),
    sequenceLength: 70,
    lora: { rank: RANK, alpha: 2 * RANK, targets: 2 ** TARGETS.length - 1 },
    adapter: Float32Array.from(made(size), (n) => (n - 16_384) / 131_072),
    threads: 1,
    microBatch: 1,
    cancel: new Int32Array(1),
    onCpu,
  };
}

function same(a: TrainResult, b: TrainResult): boolean {
  const bytes = (x: Float32Array): Buffer => Buffer.from(x.buffer, x.byteOffset, x.byteLength);
  return a.loss === b.loss && a.sequenceLosses.every((loss, i) => loss === b.sequenceLosses[i]) && bytes(a.gradients).equals(bytes(b.gradients));
}

/** Whether GPU `index` computes what the CPU does. A negative index asks the twins of native/cuda, which need no GPU. */
export async function probe(index: number): Promise<ProbeAnswer> {
  try {
    const binding = engine();
    const none = { index, name: 'twin', architecture: 'none', capability: '0.0', driver: '0.0', totalBytes: 0, freeBytes: 0 };
    const devices = index < 0 ? [none] : binding.cudaDevices();
    const device = devices.find((d) => d.index === index);
    if (device === undefined) return { type: 'refused', reason: `this machine has ${devices.length} ${devices.length === 1 ? 'GPU' : 'GPUs'}, counted from 0` };
    const model = await binding.createModel(SHAPE, weights(), index);
    const [there, here] = [await binding.trainStep(model, request(false)), await binding.trainStep(model, request(true))];
    model.dispose();
    return same(there, here) ? { type: 'works', device } : { type: 'refused', reason: `${device.name} computes other bits than the CPU; please report it with the driver's version, ${device.driver}` };
  } catch (error) {
    return { type: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const answer = await probe(Number(process.argv[2]));
  process.send?.(answer, () => process.exit(0));
}
