/** Golden steps: jobs whose every bit is known, so that a machine can be asked whether it computes right. */
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { utf8 } from '../protocol/bytes.js';
import { cidOfBytes } from '../protocol/cid.js';
import { taggedHash } from '../protocol/hash.js';
import { TARGETS, type Target } from '../native/index.js';
import { adapterLayout, slotValues } from './adapter.js';
import type { Adapter, AdapterLayout, BitNetConfig, Job, LoraSettings } from './types.js';

/** One golden step on bitnet-nano. Lengths that fill no tile, ranks that fill no vector, and one sequence of several blocks. */
export interface GoldenStep {
  readonly name: string;
  readonly sequences: number;
  readonly sequenceLength: number;
  readonly rank: number;
  readonly targets: readonly Target[];
}

export const GOLDEN_STEPS: readonly GoldenStep[] = [
  { name: 'batch', sequences: 6, sequenceLength: 64, rank: 8, targets: TARGETS },
  { name: 'odd', sequences: 3, sequenceLength: 33, rank: 3, targets: ['q_proj', 'down_proj'] },
  { name: 'long', sequences: 1, sequenceLength: 400, rank: 16, targets: TARGETS },
];

const digest = z.string().regex(/^[0-9a-f]{64}$/u);

/** What the golden steps gave on the engine that defines the arithmetic. */
export const goldenResults = z.object({
  about: z.string(),
  arithmeticVersion: z.number().int().positive(),
  steps: z.array(
    z.object({
      name: z.string(),
      lossBits: z.number().int(),
      gradientHash: digest,
      tensors: z.array(z.object({ name: z.string(), sha256: digest })),
    }),
  ),
});
export type GoldenResults = z.infer<typeof goldenResults>;
export type GoldenStepResult = GoldenResults['steps'][number];

/** Whole 65,536ths between −1/64 and 1/64, none of them zero for long: both factors of LoRA get a gradient. */
function madeUpAdapter(config: BitNetConfig, lora: LoraSettings): Adapter {
  const layout = adapterLayout(config, lora);
  return { layout, values: Float32Array.from({ length: layout.size }, (_, i) => (((i * 7919) % 2049) - 1024) / 65_536) };
}

/** The job of a golden step: the same on every machine. */
export function goldenJob(config: BitNetConfig, step: GoldenStep): Job {
  const chunkTokens = step.sequences * step.sequenceLength;
  const cid = cidOfBytes(utf8('r3mes selftest')).toString();
  return {
    backboneCid: cid,
    baseAdapterCid: cid,
    jobId: taggedHash('selftest', step.name),
    sequenceLength: step.sequenceLength,
    chunkTokens,
    adapter: madeUpAdapter(config, { rank: step.rank, alpha: 2 * step.rank, targets: [...step.targets] }),
    chunks: [Int32Array.from({ length: chunkTokens }, (_, i) => (7919 * i + i * i) % config.vocabSize)],
  };
}

/** SHA-256 of the bytes of every tensor, in the adapter's order. */
export function tensorDigests(layout: AdapterLayout, values: Float32Array): { name: string; sha256: string }[] {
  return layout.slots.map((slot) => {
    const { buffer, byteOffset, byteLength } = slotValues(values, slot);
    return { name: slot.name, sha256: createHash('sha256').update(new Uint8Array(buffer, byteOffset, byteLength)).digest('hex') };
  });
}

/** Index of the first element whose bits differ; −1 if none does. Not by value: −0 is not 0 here, and a NaN equals itself. */
export function firstDifferentBits(a: Float32Array, b: Float32Array): number {
  const bitsA = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const bitsB = new Uint32Array(b.buffer, b.byteOffset, b.length);
  return bitsA.findIndex((bits, i) => bits !== bitsB[i]);
}
