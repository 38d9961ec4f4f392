import { afterEach, describe, expect, it } from 'vitest';

import { CasePhase, DutyKind, SubjectKind } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { WindowOutcome, WindowPhase } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { remes, Simulation, trueResult, wrongResult } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

/** All three proposers reveal the same wrong result in window 1, and work honestly afterwards. */
function cartel(): void {
  for (const bad of sim.proposers) bad.act = { ...bad.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g) : trueResult(w, g)) };
}

async function paidParts(windowId: bigint): Promise<Part[]> {
  return [...new Set((await sim.rewards(windowId)).filter((r) => BigInt(r.amount) > 0n).map((r) => r.part))].sort();
}

describe('a window above one in dispute', () => {
  it('waits beyond its own end, and closes as reverted with it: its miners are paid, its proposers never', async () => {
    sim = await Simulation.start({ verifiers: 14, change: (p) => ({ ...p, challenge: { ...p.challenge, layer3Blocks: 60n } }) });
    cartel();
    let speaks = false;
    for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (duty.kind === DutyKind.PANEL && !speaks ? undefined : truth) };
    await sim.until(async () => (await sim.cases(1n)).some((c) => c.phase === CasePhase.DECIDED));
    await sim.step([sim.escalate(sim.proposers[0]!.account, 1n)]);
    await sim.until(async () => (await sim.window(2n))?.outcome === WindowOutcome.ACCEPTED);
    await sim.until(async () => sim.chain.height > (await sim.mustWindow(2n)).challengeEnd + 3n);
    for (const id of [1n, 2n]) {
      expect([(await sim.mustWindow(id)).phase, (await sim.mustWindow(id)).settled, await sim.rewards(id)]).toEqual([WindowPhase.CHALLENGE, false, []]);
    }
    speaks = true;
    await sim.until(async () => (await sim.cases(1n)).every((c) => c.phase === CasePhase.CLOSED));
    await sim.untilSettled(2n);
    for (const id of [1n, 2n]) {
      expect((await sim.mustWindow(id)).outcome).toBe(WindowOutcome.REVERTED);
      expect(await paidParts(id)).toEqual([Part.MINER, Part.VERIFIER]);
      expect((await sim.rewards(id)).filter((r) => r.part === Part.PROPOSER)).toEqual([]);
    }
    for (const bad of sim.proposers) expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(remes(25_000));
  });

  it('is paid in the block in which the older one is, where the case is dismissed', async () => {
    sim = await Simulation.start({ change: (p) => ({ ...p, challenge: { ...p.challenge, layer2Blocks: 40n } }) });
    let speaks = false;
    for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (duty.kind === DutyKind.LAYER2 && !speaks ? undefined : truth) };
    await sim.until(async () => (await sim.mustWindow(1n)).outcome === WindowOutcome.ACCEPTED);
    await sim.step([sim.challengeAggregation(sim.outsider, 1n, new Uint8Array(32))]);
    expect(sim.failures).toEqual([]);
    await sim.until(async () => (await sim.window(2n))?.outcome === WindowOutcome.ACCEPTED);
    await sim.until(async () => sim.chain.height > (await sim.mustWindow(2n)).challengeEnd);
    expect((await sim.mustWindow(2n)).settled).toBe(false);
    speaks = true;
    await sim.untilSettled(1n);
    expect((await sim.mustWindow(2n)).settled).toBe(true);
    const heights = new Set([...(await sim.rewards(1n)), ...(await sim.rewards(2n))].map((r) => r.height));
    expect(heights).toEqual(new Set([sim.chain.height]));
    for (const id of [1n, 2n]) expect(await paidParts(id)).toEqual([Part.MINER, Part.PROPOSER, Part.VERIFIER]);
  });
});

describe('a window above one whose auditors keep silent', () => {
  it('waits for it: the aggregation below may still be found wrong', async () => {
    sim = await Simulation.start({ change: (p) => ({ ...p, challenge: { ...p.challenge, redrawBlocks: 20n } }) });
    cartel();
    let speaks = false;
    for (const v of sim.verifiers) {
      const silentOn = (subject: SubjectKind, window: bigint) => subject === SubjectKind.AGGREGATION && window === 1n && !speaks;
      v.act = { reveals: true, report: (duty, truth) => (silentOn(duty.subjectKind, duty.windowId) ? undefined : truth) };
    }
    await sim.until(async () => (await sim.window(2n))?.outcome === WindowOutcome.ACCEPTED);
    await sim.until(async () => sim.chain.height > (await sim.mustWindow(2n)).challengeEnd);
    const [first, second] = [await sim.mustWindow(1n), await sim.mustWindow(2n)];
    expect(first.challengeEnd).toBeGreaterThan(second.challengeEnd);
    expect([first.settled, second.settled]).toEqual([false, false]);
    expect(await sim.cases(1n)).toEqual([]);
    speaks = true;
    await sim.untilSettled(2n);
    expect([(await sim.mustWindow(1n)).outcome, (await sim.mustWindow(2n)).outcome]).toEqual([WindowOutcome.REVERTED, WindowOutcome.REVERTED]);
    expect((await sim.rewards(2n)).filter((r) => r.part === Part.PROPOSER)).toEqual([]);
  });

  it('does not wait where nobody worked for it: there is nothing to pay', async () => {
    sim = await Simulation.start({ change: (p) => ({ ...p, challenge: { ...p.challenge, layer2Blocks: 40n } }) });
    for (const m of sim.miners) {
      const { act } = m;
      m.act = { ...act, gradientHash: (job) => (job.windowId === 1n ? act.gradientHash(job) : undefined) };
    }
    for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (duty.kind === DutyKind.LAYER2 ? undefined : truth) };
    await sim.until(async () => (await sim.mustWindow(1n)).outcome === WindowOutcome.ACCEPTED);
    await sim.step([sim.challengeAggregation(sim.outsider, 1n, new Uint8Array(32))]);
    await sim.until(async () => (await sim.window(2n))?.outcome === WindowOutcome.NO_GRADIENTS);
    expect([(await sim.mustWindow(2n)).settled, (await sim.mustWindow(1n)).settled]).toEqual([true, false]);
  });
});
