import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TrainingKeeper } from '../../../../../src/chain/modules/training/keeper.js';
import { minerOrderKey } from '../../../../../src/protocol/commitments.js';
import { compareBytes, toHex } from '../../../../../src/protocol/bytes.js';
import { Dataset } from '../../../../../src/protocol/gen/remes/remes/v1/dataset.js';
import { Model } from '../../../../../src/protocol/gen/remes/remes/v1/model.js';
import { Registration } from '../../../../../src/protocol/gen/remes/remes/v1/node.js';
import type { Job } from '../../../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { profile } from '../../../../../src/protocol/params.js';
import { contextAt } from '../kit.js';

interface Setup {
  readonly miners: number;
  readonly trainingChunks: number;
  readonly chunksPerJob: number;
  readonly beacon: Uint8Array;
  readonly chunkTokens?: number;
}

/** Opens one window over given numbers of miners and chunks. */
function assign({ miners, trainingChunks, chunksPerJob, beacon, chunkTokens = 256 }: Setup) {
  const addresses = Array.from({ length: miners }, (_, i) => `remes1miner${String(i).padStart(4, '0')}`);
  const registrations = new Map(addresses.map((address) => [address, Registration.fromPartial({ address })]));
  const held: string[] = [];
  const nodes = {
    eligible: () => addresses.map((address) => ({ address, stake: 1n })),
    registration: (_ctx: unknown, _part: unknown, address: string) => registrations.get(address),
    save: (_ctx: unknown, r: Registration) => void registrations.set(r.address, r),
    hold: (_ctx: unknown, _part: unknown, address: string) => void held.push(address),
    release: () => undefined,
    minStake: () => 1n,
    params: () => ({ maxMissedInARow: 3 }),
  };
  const model = Model.fromPartial({ id: 1n, tokenizerCid: 't', sequenceLength: 256, version: 5n });
  const dataset = Dataset.fromPartial({ id: 1n, tokenizerCid: 't', trainingChunks, chunkTokens });
  const keeper = new TrainingKeeper(nodes, { current: () => model }, { forTokenizer: () => dataset });
  const ctx = contextAt(10n);
  keeper.state.setParams(ctx, { ...profile('dev').training, chunksPerJob });
  keeper.state.setBeacon(ctx, { height: 10n, value: beacon });
  keeper.openNext(ctx);
  const window = keeper.state.newest(ctx);
  return { addresses, held, window, jobs: window === undefined ? [] : keeper.state.jobs(ctx, window), registrations, keeper, ctx };
}

const setups = fc.record({
  miners: fc.integer({ min: 1, max: 40 }),
  trainingChunks: fc.integer({ min: 1, max: 60 }),
  chunksPerJob: fc.integer({ min: 1, max: 4 }),
  beacon: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

describe('the jobs of a window', () => {
  it('are as many as miners and chunks allow, one a miner, no chunk twice, each chunk one of the dataset', () => {
    fc.assert(
      fc.property(setups, (setup) => {
        const { jobs, held, window, registrations } = assign(setup);
        const capacity = Math.floor(setup.trainingChunks / setup.chunksPerJob);
        expect(jobs).toHaveLength(Math.min(setup.miners, capacity));
        expect(window?.jobCount ?? 0).toBe(jobs.length);
        expect(new Set(jobs.map((j) => j.miner)).size).toBe(jobs.length);
        expect(new Set(jobs.map((j) => toHex(j.id))).size).toBe(jobs.length);
        const chunks = jobs.flatMap((j) => j.chunks);
        expect(chunks).toHaveLength(jobs.length * setup.chunksPerJob);
        expect(new Set(chunks).size).toBe(chunks.length);
        for (const chunk of chunks) expect(chunk >= 0 && chunk < setup.trainingChunks).toBe(true);
        expect([...held].sort()).toEqual(jobs.map((j) => j.miner).sort());
        for (const r of registrations.values()) expect(r.jobsAssigned).toBe(held.includes(r.address) ? 1n : 0n);
      }),
      { numRuns: 200 },
    );
  });

  it('cover the dataset exactly where there are as many miners as jobs: a permutation', () => {
    fc.assert(
      fc.property(setups, (setup) => {
        const { jobs } = assign({ ...setup, miners: setup.trainingChunks, chunksPerJob: 1 });
        expect(jobs.flatMap((j) => j.chunks).sort((a, b) => a - b)).toEqual(Array.from({ length: setup.trainingChunks }, (_, i) => i));
      }),
      { numRuns: 100 },
    );
  });

  it('go to the first miners in the order that the beacon gives, whatever the order of registration', () => {
    fc.assert(
      fc.property(setups, (setup) => {
        const { jobs, addresses } = assign(setup);
        const order = [...addresses].sort((a, b) => compareBytes(minerOrderKey(setup.beacon, 1n, a), minerOrderKey(setup.beacon, 1n, b)));
        expect(jobs.map((j) => j.miner)).toEqual(order.slice(0, jobs.length));
        expect(jobs.map((j) => j.index)).toEqual(jobs.map((_, i) => i));
      }),
      { numRuns: 100 },
    );
  });

  it('change with the beacon', () => {
    const of = (n: number): Job[] => assign({ miners: 10, trainingChunks: 60, chunksPerJob: 1, beacon: new Uint8Array(32).fill(n) }).jobs;
    expect(of(1)).toEqual(of(1));
    expect(of(1).map((j) => j.chunks)).not.toEqual(of(2).map((j) => j.chunks));
    expect(of(1).map((j) => j.miner)).not.toEqual(of(2).map((j) => j.miner));
  });

  it('can be found by id and by miner', () => {
    const { jobs, keeper, ctx } = assign({ miners: 3, trainingChunks: 9, chunksPerJob: 2, beacon: new Uint8Array(32) });
    for (const job of jobs) {
      expect(keeper.state.jobById(ctx, job.id)).toEqual(job);
      expect(keeper.state.jobOfMiner(ctx, 1n, job.miner)).toEqual(job);
    }
    expect(keeper.state.jobById(ctx, new Uint8Array(32))).toBeUndefined();
    expect(keeper.state.jobOfMiner(ctx, 2n, jobs[0]!.miner)).toBeUndefined();
  });

  it('are not given where a dataset holds less than one, or chunks are no whole sequences', () => {
    const beacon = new Uint8Array(32);
    expect(assign({ miners: 3, trainingChunks: 1, chunksPerJob: 2, beacon }).window).toBeUndefined();
    expect(assign({ miners: 3, trainingChunks: 9, chunksPerJob: 1, beacon, chunkTokens: 300 }).window).toBeUndefined();
    expect(assign({ miners: 0, trainingChunks: 9, chunksPerJob: 1, beacon }).window).toBeUndefined();
  });
});

describe('submissions of a block', () => {
  it('are counted anew at each height', () => {
    const { keeper, ctx } = assign({ miners: 1, trainingChunks: 1, chunksPerJob: 1, beacon: new Uint8Array(32) });
    expect([keeper.state.countSubmission(ctx), keeper.state.countSubmission(ctx)]).toEqual([1n, 2n]);
    expect(keeper.state.countSubmission(contextAt(11n, ctx.branch))).toBe(1n);
  });
});
