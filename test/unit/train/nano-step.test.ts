/**
 * A whole step on bitnet-nano, fixed for ever: three jobs, their aggregation, and every hash that goes on the chain. The vector
 * holds all that another implementation needs to find the same.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { ISAS } from '../../../src/native/binding.js';
import { loadEngine } from '../../../src/native/index.js';

import { addBytes, memoryStore } from '../../../src/storage/index.js';
import type * as Train from '../../../src/train/index.js';
import type { Adapter, Job, Model, OptimizerSettings } from '../../../src/train/index.js';
import { encoded, readNano, ROOT } from './helpers.js';

interface Vector {
  readonly adapter: { readonly seed: string; readonly rank: number; readonly alpha: number; readonly cid: string };
  readonly sequenceLength: number;
  readonly chunkTokens: number;
  readonly optimizer: OptimizerSettings;
  readonly jobs: readonly { readonly id: string }[];
}

const VECTOR = JSON.parse(readFileSync(resolve(ROOT, 'test/vectors/arithmetic/bitnet-nano-step.json'), 'utf8')) as Vector;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Token i of job j (both from 0), as the vector says it. */
const token = (j: number, i: number): number => (7919 * i + i * i + 104_729 * (j + 1)) % 1024;

let train: typeof Train;
let model: Model;
let adapter: Adapter;

/** The training layer over the engine of one instruction set: each is a library of its own, found when it is first needed. */
async function prepare(isa: string): Promise<void> {
  vi.resetModules();
  vi.stubEnv('R3MES_ISA', isa);
  train = await import('../../../src/train/index.js');
  model = await train.loadCheckpoint({ config: readNano('config.json'), weights: readNano('model.safetensors') });
  const { seed, rank, alpha } = VECTOR.adapter;
  adapter = train.initialAdapter(model.config, { rank, alpha, targets: [...train.TARGETS] }, encoded(seed));
}

afterEach(() => {
  vi.unstubAllEnvs();
});

async function backboneCid(): Promise<string> {
  const entry = (path: string) => ({ path, content: Readable.from([readNano(path)]) });
  return (await memoryStore().addDirectory(Readable.from([entry('config.json'), entry('model.safetensors')]))).cid;
}
async function cidOf(bytes: Uint8Array): Promise<string> {
  return (await addBytes(memoryStore(), bytes)).cid;
}

/** Computes the step and writes it down as the vector has it. */
async function computeStep(microBatch: number): Promise<unknown> {
  const { sequenceLength, chunkTokens, optimizer } = VECTOR;
  const backbone = await backboneCid();
  const base = await cidOf(train.writeAdapter(adapter));
  const gradients: Float32Array[] = [];
  const jobs: unknown[] = [];
  for (const [j, { id }] of VECTOR.jobs.entries()) {
    const chunks = [0, 1].map((c) => Int32Array.from({ length: chunkTokens }, (_, i) => token(j, c * chunkTokens + i)));
    const job: Job = { backboneCid: backbone, baseAdapterCid: base, jobId: new Uint8Array(Buffer.from(id, 'hex')), sequenceLength, chunkTokens, adapter, chunks };
    const result = await train.runJob(model, job, { microBatch });
    gradients.push(result.gradients);
    jobs.push({
      id,
      lossBits: result.lossBits.toString(16).padStart(8, '0'),
      gradientHash: hex(result.gradientHash),
      lossesDigest: hex(result.lossesDigest),
      payloadCid: await cidOf(result.file),
      fileSha256: sha256(result.file),
    });
  }
  const result = await train.aggregate({ adapter, step: 0n, settings: optimizer, gradients });
  return {
    ...VECTOR,
    backbone: { cid: backbone, configSha256: sha256(readNano('config.json')), weightsSha256: sha256(readNano('model.safetensors')) },
    adapter: { ...VECTOR.adapter, cid: base },
    jobs,
    aggregation: {
      adapterCid: await cidOf(result.adapterFile),
      optimizerCid: await cidOf(result.optimizerFile),
      step: Number(result.step),
      aggregateHash: hex(result.aggregateHash),
      normBits: result.norms.map((norm) => train.floatBits(norm).toString(16).padStart(8, '0')),
      normsDigest: hex(result.normsDigest),
    },
  };
}

const { binding } = loadEngine();

describe.each(ISAS)('a step on bitnet-nano has its golden hashes with %s', (isa) => {
  const isHere = binding.isaSupported(isa);
  if (!isHere) console.log(`skipped: this machine has no ${isa}`);
  beforeAll(async () => {
    if (isHere) await prepare(isa);
  });
  afterAll(() => {
    if (isHere) model.dispose();
  });

  it.skipIf(!isHere).each([1, 2, 7].flatMap((threads) => [1, 3, 8].map((microBatch) => [threads, microBatch] as const)))('on %d threads, %d sequences at once', async (threads, microBatch) => {
    vi.stubEnv('R3MES_THREADS', String(threads));
    expect(await computeStep(microBatch)).toEqual(VECTOR);
  });
});
