import { afterEach, describe, expect, it } from 'vitest';

import { CaseLayer, CasePhase, Verdict } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { WindowOutcome } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { remes, Simulation, trueResult, wrongResult } from './simulation.js';

let sim: Simulation;
const BOND = remes(100);

afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

/** Gas of every report that is revealed until `done`. */
async function gasOfReports(done: () => Promise<boolean>): Promise<bigint[]> {
  const gas: bigint[] = [];
  for (let i = 0; i < 60 && !(await done()); i++) {
    const { results } = await sim.step();
    gas.push(...results.filter((r) => r.events.some((e) => e.type === 'reveal_report')).map((r) => r.gasUsed));
  }
  return gas;
}

describe('the last report of an appeal', () => {
  it('pays no gas for the verdict, the slashes and the window of twenty miners that follow from it', async () => {
    sim = await Simulation.start({ miners: 20, verifiers: 14 });
    for (const bad of sim.proposers) bad.act = { ...bad.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g) : trueResult(w, g)) };
    const [proposer] = sim.proposers;
    const decided = async (layer: CaseLayer) => {
      const [c] = await sim.cases(1n);
      return c?.layer === layer && c.phase === CasePhase.DECIDED && c.verdict === Verdict.INVALID;
    };
    await sim.until(() => decided(CaseLayer.TWO));
    await sim.step([sim.escalate(proposer!.account, 1n)]);
    await sim.until(() => decided(CaseLayer.THREE));
    await sim.step([sim.escalate(proposer!.account, 1n)]);
    const opener = (await sim.cases(1n))[0]!.opener;
    const before = await sim.chain.balance(opener);
    const gas = await gasOfReports(async () => (await sim.cases(1n))[0]?.phase === CasePhase.CLOSED);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    const appeal = (await sim.duties(1n)).filter((d) => d.caseId === 1n).slice(-5);
    expect(appeal).toHaveLength(5);
    const dearest = gas.reduce((a, b) => (a > b ? a : b));
    expect(dearest).toBeLessThan(200_000n);

    const first = await sim.mustWindow(1n);
    expect(first.outcome).toBe(WindowOutcome.REVERTED);
    expect((await sim.window())?.baseAdapterCid).toBe(first.baseAdapterCid);
    for (const bad of sim.proposers) expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(remes(25_000));
    const bounties = (await sim.slashes()).map((r) => [r.reason, r.bounty, r.burned, r.bountyAddress]);
    expect(bounties).toEqual(Array(3).fill(['wrong_aggregation', remes(12_500).toString(), remes(12_500).toString(), opener]));
    // Both bonds are lost, half of each to the opener, who also has the pay of its reports.
    const pay = (await sim.reward(1n, opener)) + (await sim.reward(2n, opener));
    expect((await sim.chain.balance(opener)) - before).toBe(BOND + 3n * remes(12_500) + pay);
  });
});
