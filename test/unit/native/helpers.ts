/** A backbone small enough to make in a test, and a request for it. */
import { createModel, TARGETS, type ModelShape, type ModelWeights, type NativeModel } from '../../../src/native/index.js';
import type { Sequences } from '../../../src/native/index.js';

export const SHAPE: ModelShape = { hiddenSize: 16, ffnSize: 24, layers: 2, heads: 4, kvHeads: 2, headSize: 4, vocabSize: 20, maxPositions: 4096, rmsEpsilon: 1e-5, ropeTheta: 10_000 };

/** [out, in] of each linear layer of `SHAPE`. */
const SIZES = [[16, 16], [8, 16], [8, 16], [16, 16], [24, 16], [24, 16], [16, 24]] as const;

export function weights(): ModelWeights {
  const norm = (size: number): Float32Array => new Float32Array(size).fill(1);
  let state = 9;
  const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
  const layer = () => ({
    inputNorm: norm(16),
    attentionSubNorm: norm(16),
    postAttentionNorm: norm(16),
    ffnSubNorm: norm(24),
    linears: SIZES.map(([out, inFeatures]) => ({
      codes: Uint8Array.from({ length: (out * inFeatures) / 4 }, () => [0, 2, 4, 6].reduce((byte, shift) => byte | (Math.floor(next() * 3) << shift), 0)),
      scale: 0.5,
    })),
  });
  const embedding = Float32Array.from({ length: 20 * 16 }, () => next() * 2 - 1);
  return { embedding: { dtype: 'F32', bytes: new Uint8Array(embedding.buffer) }, finalNorm: norm(16), layers: [layer(), layer()] };
}

export const smallModel = (): Promise<NativeModel> => createModel(SHAPE, weights());

/** Elements of a rank 1 adapter on all targets. */
export const ADAPTER_SIZE = 2 * SIZES.reduce((sum, [out, inFeatures]) => sum + out + inFeatures, 0);

export function request(sequences: number, sequenceLength: number): Sequences {
  return {
    tokens: Int32Array.from({ length: sequences * sequenceLength }, (_, i) => (i * 7 + ((i * i) % 13)) % 20),
    sequenceLength,
    lora: { rank: 1, alpha: 1, targets: 2 ** TARGETS.length - 1 },
    adapter: Float32Array.from({ length: ADAPTER_SIZE }, (_, i) => Math.sin(i) / 4),
  };
}
