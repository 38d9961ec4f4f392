/** Compares what a backend computed with the golden results. */
import { type BitNetConfig, firstDifferentBits, GOLDEN_STEPS, type GoldenResults, goldenJob, tensorDigests } from '../../train/index.js';
import type { StepOutcome } from './worker-protocol.js';

/** First thing that is not as it must be. */
export interface Difference {
  readonly step: string;
  readonly threads: number;
  readonly microBatch: number;
  /** Name of the tensor, or `loss`. */
  readonly tensor: string;
  /** First element with other bits; absent for the loss, or where no right tensor is at hand. */
  readonly index?: number;
  readonly seen?: string;
  readonly expected?: string;
}

const bitsText = (value: number): string => `0x${(new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0).toString(16).padStart(8, '0')}`;

/**
 * @param right gradients of the same step that have the golden digests, if a backend gave them.
 * @returns nothing where every bit is as it must be.
 */
export function differenceFrom(golden: GoldenResults, config: BitNetConfig, outcome: StepOutcome, right?: Float32Array): Difference | undefined {
  const expected = golden.steps.find(({ name }) => name === outcome.step);
  const step = GOLDEN_STEPS.find(({ name }) => name === outcome.step);
  if (expected === undefined || step === undefined) throw new Error(`no golden step ${outcome.step}`);
  if (outcome.gradientHash === expected.gradientHash) return undefined;
  const at = { step: outcome.step, threads: outcome.threads, microBatch: outcome.microBatch };
  const { layout } = goldenJob(config, step).adapter;
  const digests = tensorDigests(layout, outcome.gradients);
  const slot = layout.slots[digests.findIndex(({ sha256 }, i) => sha256 !== expected.tensors[i]?.sha256)];
  if (slot === undefined) {
    const hex = (bits: number): string => `0x${bits.toString(16).padStart(8, '0')}`;
    return { ...at, tensor: 'loss', seen: hex(outcome.lossBits), expected: hex(expected.lossBits) };
  }
  if (right === undefined) return { ...at, tensor: slot.name };
  const end = slot.offset + slot.shape[0] * slot.shape[1];
  const index = firstDifferentBits(outcome.gradients.slice(slot.offset, end), right.slice(slot.offset, end));
  return { ...at, tensor: slot.name, index, seen: bitsText(outcome.gradients[slot.offset + index] ?? 0), expected: bitsText(right[slot.offset + index] ?? 0) };
}

/** `step long, 7 threads, micro-batch 1: lora_A[17] is 0x3f800000, expected 0x3f800001` */
export function differenceText(difference: Difference): string {
  const { step, threads, microBatch, tensor, index, seen, expected } = difference;
  const element = index === undefined ? tensor : `${tensor}[${index}]`;
  const values = seen === undefined ? 'differs' : `is ${seen}, expected ${expected ?? ''}`;
  return `step ${step}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, micro-batch ${microBatch}: ${element} ${values}`;
}

