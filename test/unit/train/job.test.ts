import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adapterLayout, evaluate, floatBits, gradientHash, initialAdapter, loadCheckpoint, lossesDigest, readGradientFile, runJob, verifyGradientFile, writeSafetensors, type Adapter, type Job, type Model } from '../../../src/train/index.js';
import { ALL, checkpointTensors, configJson, encoded, expectRejected, random, SMALL, tokens } from './helpers.js';

let model: Model;
beforeAll(async () => {
  model = await loadCheckpoint({ config: encoded(configJson()), weights: writeSafetensors(checkpointTensors()) });
});
afterAll(() => model.dispose());

const next = random(3);
const layout = adapterLayout(SMALL, ALL);
const ADAPTER: Adapter = { layout, values: Float32Array.from({ length: layout.size }, () => next() - 0.5) };
const job = (changes: Partial<Job> = {}): Job => ({
  backboneCid: 'bafybackbone',
  baseAdapterCid: 'bafkadapter',
  jobId: new Uint8Array(32).fill(1),
  sequenceLength: 8,
  chunkTokens: 16,
  adapter: ADAPTER,
  chunks: [tokens(16, 20, 1), tokens(16, 20, 2)],
  ...changes,
});

describe('a job', () => {
  it('yields loss, gradients, hash, digest and file, which belong together', async () => {
    const result = await runJob(model, job());
    expect(result.sequenceLosses).toHaveLength(4);
    const sum = result.sequenceLosses.reduce((a, b) => a + b, 0n);
    expect(result.loss).toBe(Math.fround(Math.fround(Number(sum) * 2 ** -20) / 28));
    expect(result.lossBits).toBe(floatBits(result.loss));
    expect(result.gradients).toHaveLength(layout.size);
    expect(result.gradientHash).toEqual(gradientHash(job(), layout, result.lossBits, result.gradients));
    expect(result.lossesDigest).toEqual(lossesDigest(result.sequenceLosses));
    expect(readGradientFile(result.file, layout)).toEqual(result.gradients);
    expect(verifyGradientFile(result.file, { identity: job(), layout, lossBits: result.lossBits, gradientHash: result.gradientHash })).toEqual(result.gradients);
  });

  it('is the same however it is computed, and another with other tokens', async () => {
    const first = await runJob(model, job(), { threads: 1, microBatch: 1 });
    for (const [threads, microBatch] of [[2, 1], [7, 3], [1, 8], [3, 2]] as const) expect(await runJob(model, job(), { threads, microBatch })).toEqual(first);
    expect((await runJob(model, job({ chunks: [tokens(16, 20, 1), tokens(16, 20, 3)] }))).gradientHash).not.toEqual(first.gradientHash);
  });

  it('goes downhill along its gradient', async () => {
    const { loss, gradients } = await runJob(model, job());
    const norm = Math.sqrt(gradients.reduce((sum, g) => sum + g * g, 0));
    const moved = { layout, values: ADAPTER.values.map((x, i) => x - (0.02 * gradients[i]!) / norm) };
    expect((await runJob(model, job({ adapter: moved }))).loss).toBeLessThan(loss);
  });

  it('has the loss that evaluation finds', async () => {
    const { loss, sequenceLosses } = await runJob(model, job());
    expect(await evaluate(model, ADAPTER, job().chunks, 8)).toEqual({ loss, sequenceLosses });
  });

  it.each<[string, Partial<Job>, string]>([
    ['a short chunk', { chunks: [tokens(16, 20), tokens(8, 20)] }, 'chunk 1 has 8 tokens, expected 16'],
    ['a long chunk', { chunks: [tokens(24, 20)] }, 'chunk 0 has 24 tokens, expected 16'],
    ['a chunk of broken sequences', { chunks: [tokens(16, 20), tokens(15, 20)] }, 'chunk 1 has 15 tokens, expected a multiple of the sequence length 8'],
    ['an empty chunk', { chunks: [new Int32Array()] }, 'chunk 0 has 0 tokens'],
  ])('with %s is refused', async (_what, changes, says) => expectRejected(() => runJob(model, job(changes)), says));

  it.each<[string, Partial<Job>, string]>([
    ['a token beyond the vocabulary', { chunks: [tokens(16, 20).fill(20, 9, 10)] }, 'BAD_TOKEN'],
    ['a negative token', { chunks: [tokens(16, 20).fill(-1, 0, 1)] }, 'BAD_TOKEN'],
    ['sequences of one token', { sequenceLength: 1 }, 'NO_LABELS'],
    ['sequences beyond the positions', { sequenceLength: 128, chunkTokens: 128, chunks: [tokens(128, 20)] }, 'BAD_SHAPE'],
    ['no chunks', { chunks: [] }, 'BAD_SHAPE'],
    ['an adapter of another model', { adapter: { layout, values: ADAPTER.values.subarray(1) } }, 'BAD_SHAPE'],
    ['an adapter of NaN', { adapter: { layout, values: ADAPTER.values.slice().fill(NaN, 5, 6) } }, 'NOT_FINITE'],
  ])('with %s is refused by the engine', async (_what, changes, code) => {
    await expect(runJob(model, job(changes))).rejects.toMatchObject({ name: 'R3mesError', code });
  });
});

describe('evaluation', () => {
  it('without adapter is that of the backbone, which the first adapter does not change', async () => {
    const chunks = [tokens(24, 20), tokens(16, 20)];
    const bare = await evaluate(model, undefined, chunks, 8);
    expect(bare.sequenceLosses).toHaveLength(5);
    expect(await evaluate(model, initialAdapter(SMALL, ALL, encoded('seed')), chunks, 8)).toEqual(bare);
    expect((await evaluate(model, ADAPTER, chunks, 8)).loss).not.toBe(bare.loss);
  });

  it('of broken sequences is refused', async () => expectRejected(() => evaluate(model, undefined, [tokens(12, 20)], 8), 'chunk 0 has 12 tokens, expected a multiple of the sequence length 8'));
});
