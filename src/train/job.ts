/** One job: loss and gradients of its chunks; and the loss alone, where nothing is trained. */
import { InvalidInputError } from '../protocol/errors.js';
import { evaluateSequences, trainStep, type ComputeOptions, type LossResult } from '../native/index.js';
import { nativeLora } from './adapter.js';
import { floatBits, gradientHash, lossesDigest, writeGradientFile } from './gradient.js';
import type { Adapter, Job, JobResult, Model } from './types.js';

/** Chunks one after the other, each of whole sequences. @throws InvalidInputError for chunks of another length. */
function joinChunks(chunks: readonly Int32Array[], sequenceLength: number, chunkTokens?: number): Int32Array {
  let length = 0;
  for (const [i, chunk] of chunks.entries()) {
    if (chunk.length === 0 || chunk.length % sequenceLength !== 0) throw new InvalidInputError(`chunk ${i} has ${chunk.length} tokens, expected a multiple of the sequence length ${sequenceLength}`);
    if (chunkTokens !== undefined && chunk.length !== chunkTokens) throw new InvalidInputError(`chunk ${i} has ${chunk.length} tokens, expected ${chunkTokens}`);
    length += chunk.length;
  }
  const tokens = new Int32Array(length);
  let at = 0;
  for (const chunk of chunks) {
    tokens.set(chunk, at);
    at += chunk.length;
  }
  return tokens;
}

function adapted(adapter: Adapter | undefined) {
  return adapter === undefined ? {} : { lora: nativeLora(adapter.layout.lora), adapter: adapter.values };
}

/** Trains a job. @throws R3mesError with a code of the engine, InvalidInputError; the signal's reason when aborted. */
export async function runJob(model: Model, job: Job, options: ComputeOptions = {}): Promise<JobResult> {
  const tokens = joinChunks(job.chunks, job.sequenceLength, job.chunkTokens);
  const result = await trainStep(model.native, { tokens, sequenceLength: job.sequenceLength, ...adapted(job.adapter) }, options);
  const { layout } = job.adapter;
  const lossBits = floatBits(result.loss);
  return {
    ...result,
    lossBits,
    gradientHash: gradientHash(job, layout, lossBits, result.gradients),
    lossesDigest: lossesDigest(result.sequenceLosses),
    file: writeGradientFile(layout, result.gradients),
  };
}

/** Mean loss of the backbone, with or without an adapter, on chunks; in nats a label. */
export async function evaluate(
  model: Model,
  adapter: Adapter | undefined,
  chunks: readonly Int32Array[],
  sequenceLength: number,
  options: ComputeOptions = {},
): Promise<LossResult> {
  return evaluateSequences(model.native, { tokens: joinChunks(chunks, sequenceLength), sequenceLength, ...adapted(adapter) }, options);
}
