/** From the gradients of a window to the next adapter: clip, trimmed mean in integers, AdamW. docs/arithmetic.md §4. */
import { u32be } from '../protocol/bytes.js';
import { InvalidInputError } from '../protocol/errors.js';
import { taggedHash, type HashField } from '../protocol/hash.js';
import { adamW, clip, meanGradient, trimmedMean } from '../native/index.js';
import { writeAdapter } from './adapter.js';
import { floatBits } from './gradient.js';
import { writeOptimizer, zeroOptimizer } from './optimizer.js';
import type { AdapterLayout, AggregateInput, AggregateResult } from './types.js';

/** The engine counts optimizer steps in 32 bits. */
const MAX_STEP = 2n ** 31n - 1n;

/** H("aggregate", count, then per tensor its name, dimensions and int32 means). */
function hashMeans(layout: AdapterLayout, mean: Int32Array): Uint8Array {
  const fields = layout.slots.flatMap<HashField>(({ name, shape, offset }) => {
    const part = mean.subarray(offset, offset + shape[0] * shape[1]);
    return [name, 2n, BigInt(shape[0]), BigInt(shape[1]), new Uint8Array(part.buffer, part.byteOffset, part.byteLength)];
  });
  return taggedHash('aggregate', BigInt(layout.slots.length), ...fields);
}

/** Everyone who calls this with the same gradients gets the same bytes. @throws InvalidInputError, R3mesError of the engine. */
export async function aggregate(input: AggregateInput): Promise<AggregateResult> {
  const { adapter, settings, gradients } = input;
  const { layout } = adapter;
  if (gradients.length === 0) throw new InvalidInputError('there are no gradients to aggregate');
  const step = input.step + 1n;
  if (step > MAX_STEP) throw new InvalidInputError(`the optimizer has made ${input.step} steps, expected fewer than ${MAX_STEP}`);
  const clipped: Float32Array[] = [];
  const norms: number[] = [];
  for (const gradient of gradients) {
    const result = await clip(gradient, settings.clipNorm);
    clipped.push(result.gradient);
    norms.push(result.norm);
  }
  const mean = await trimmedMean(clipped);
  const before = input.optimizer ?? zeroOptimizer(layout);
  const { parameters, firstMoment, secondMoment } = await adamW({
    learningRate: settings.learningRate,
    beta1: settings.beta1,
    beta2: settings.beta2,
    epsilon: settings.epsilon,
    weightDecay: settings.weightDecay,
    parameters: adapter.values,
    ...before,
    gradient: meanGradient(mean),
    step: Number(step),
  });
  const next = { layout, values: parameters };
  const optimizer = { firstMoment, secondMoment };
  return {
    adapter: next,
    optimizer,
    step,
    adapterFile: writeAdapter(next),
    optimizerFile: writeOptimizer(layout, optimizer),
    aggregateHash: hashMeans(layout, mean),
    normsDigest: taggedHash('norms', BigInt(norms.length), ...norms.map((norm) => u32be(floatBits(norm)))),
    norms,
  };
}
