import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { GradientStatus } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, WindowPhase } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { Simulation } from './simulation.js';

describe('three honest miners, three rounds', () => {
  let sim: Simulation;
  beforeAll(async () => {
    sim = await Simulation.start();
    await sim.untilSettled(3n);
  });
  afterAll(() => sim.chain.close());

  it('accepts an aggregation a window and moves the adapter', async () => {
    for (const id of [1n, 2n, 3n]) {
      const window = await sim.mustWindow(id);
      expect([window.phase, window.outcome, window.included.length]).toEqual([WindowPhase.FINALIZED, WindowOutcome.ACCEPTED, 3]);
      expect(window.accepted?.step).toBe(id);
    }
    expect((await sim.mustWindow(2n)).baseAdapterCid).toBe((await sim.mustWindow(1n)).accepted?.adapterCid);
    expect((await sim.model()).version).toBeGreaterThanOrEqual(3n);
  });

  it('finds nobody at fault and refuses no transaction', async () => {
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    expect(await sim.slashes()).toEqual([]);
    expect(await sim.cases()).toEqual([]);
    expect((await sim.gradients(3n)).map((g) => g.status)).toEqual([GradientStatus.FINALIZED, GradientStatus.FINALIZED, GradientStatus.FINALIZED]);
  });

  it('pays miners, proposers and auditors, and the books balance', async () => {
    const rewards = await sim.rewards(1n);
    expect(rewards.filter((r) => r.part === Part.MINER)).toHaveLength(3);
    expect(rewards.filter((r) => r.part === Part.PROPOSER)).toHaveLength(3);
    expect(rewards.every((r) => BigInt(r.amount) > 0n && BigInt(r.amount) <= BigInt(r.face))).toBe(true);
    const books = await sim.books();
    expect(books.balances).toBe(books.supply);
    expect(books.supply).toBe(books.expectedSupply);
    expect(books.escrow).toBe(books.stakes);
  });

  it('yields the same app hashes in a fresh application and in one restarted at each height', async () => {
    await sim.chain.replay();
  });
});
