import { afterEach, describe, expect, it } from 'vitest';

import { CaseLayer, CasePhase, DutyKind, DutyStatus, Verdict, type Case, type Duty } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { GradientStatus, type StoredGradient } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import type { TestEvent } from './harness.js';
import { cheatingMiner, remes, Simulation, trueResult, wrongHash, wrongResult, type Report, type SimulationOptions } from './simulation.js';

let sim: Simulation;
const FEE = 2_500n;

afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

const onlyCase = async (): Promise<Case> => {
  const cases = await sim.cases(1n);
  expect(cases).toHaveLength(1);
  return cases[0]!;
};

async function untilDecided(layer: CaseLayer): Promise<void> {
  await sim.until(async () => (await sim.cases(1n)).some((c) => c.layer === layer && c.phase === CasePhase.DECIDED));
}

async function untilClosed(): Promise<TestEvent[]> {
  const events: TestEvent[] = [];
  for (let i = 0; i < 100 && (await onlyCase()).phase !== CasePhase.CLOSED; i++) events.push(...(await sim.step()).events);
  return events;
}

/** The first miner cheats in window 1 and is found by its auditor; verifiers answer as `answer` says. */
async function cheated(options: SimulationOptions, answer: (duty: Duty, truth: Report, g: StoredGradient) => Report | undefined): Promise<StoredGradient> {
  sim = await Simulation.start({ miners: 3, change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 0 } }), ...options });
  const cheating = cheatingMiner();
  // It rests afterwards, so that its balance shows nothing but the case.
  sim.miners[0]!.act = { ...cheating, gradientHash: (job) => (job.windowId === 1n ? cheating.gradientHash(job) : undefined) };
  await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 3);
  const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
  for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (duty.windowId === 1n && duty.caseId > 0n ? answer(duty, truth, gradient) : truth) };
  return gradient;
}

describe('an escalation', () => {
  it('for which no verifier is left leaves the verdict as it was, and its bond comes back', async () => {
    const gradient = await cheated({ verifiers: 2 }, (_duty, truth) => truth);
    const cheater = sim.miners[0]!.account;
    await untilDecided(CaseLayer.TWO);
    expect((await onlyCase()).verdict).toBe(Verdict.INVALID);
    const before = await sim.chain.balance(cheater.address);
    await sim.step([sim.escalate(cheater, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    const events = await untilClosed();
    expect(events.filter((e) => e.type === 'layer_failed').map((e) => e.attributes)).toEqual([expect.objectContaining({ case_id: '1', layer: 'three' })]);

    const closed = await onlyCase();
    expect([closed.verdict, closed.layer, closed.verdictHash.length]).toEqual([Verdict.INVALID, CaseLayer.TWO, 32]);
    expect((await sim.gradientOf(1n, cheater.address)).status).toBe(GradientStatus.SLASHED);
    expect(await sim.stake(Part.MINER, cheater.address)).toBe(remes(500));
    expect((await sim.chain.balance(cheater.address)) - before).toBe(-FEE);
    const [slash] = await sim.slashes();
    expect([slash?.reason, slash?.bounty, slash?.bountyAddress]).toEqual(['wrong_gradient', remes(250).toString(), closed.opener]);
    await sim.untilSettled(1n);
    expect(await sim.reward(1n, gradient.miner)).toBe(0n);
  });

  it('to a panel that twice has no majority leaves it as well; the silent pay, who spoke in vain does not', async () => {
    const speakers = new Map<bigint, bigint>();
    await cheated({ verifiers: 14 }, (duty, truth, g) => {
      if (duty.kind !== DutyKind.PANEL) return truth;
      const first = speakers.get(duty.groupId) ?? duty.id;
      speakers.set(duty.groupId, first);
      return duty.id === first ? { ...truth, hash: g.gradientHash } : undefined; // one of three speaks, against the verdict
    });
    const cheater = sim.miners[0]!.account;
    await untilDecided(CaseLayer.TWO);
    const before = await sim.chain.balance(cheater.address);
    await sim.step([sim.escalate(cheater, 1n)]);
    await untilClosed();
    const closed = await onlyCase();
    expect([closed.verdict, closed.layer, closed.redraws]).toEqual([Verdict.INVALID, CaseLayer.TWO, 1]);
    expect(await sim.stake(Part.MINER, cheater.address)).toBe(remes(500));
    expect((await sim.chain.balance(cheater.address)) - before).toBe(-FEE);
    const panel = (await sim.duties(1n)).filter((d) => d.kind === DutyKind.PANEL);
    expect(panel.map((d) => d.status).sort()).toEqual([...Array<DutyStatus>(2).fill(DutyStatus.REVEALED), ...Array<DutyStatus>(4).fill(DutyStatus.MISSED)]);
    for (const d of panel) expect(await sim.stake(Part.VERIFIER, d.verifier)).toBe(d.status === DutyStatus.MISSED ? remes(9_900) : remes(10_000));
  });

  it('that fails on appeal leaves the panel’s verdict: the bond of the panel is lost, that of the appeal returns', async () => {
    // One auditor, one verifier, a panel of three: nobody is left for five.
    await cheated({ verifiers: 5 }, (_duty, truth) => truth);
    const cheater = sim.miners[0]!.account;
    await untilDecided(CaseLayer.TWO);
    const before = await sim.chain.balance(cheater.address);
    await sim.step([sim.escalate(cheater, 1n)]);
    await untilDecided(CaseLayer.THREE);
    await sim.step([sim.escalate(cheater, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await untilClosed();
    const closed = await onlyCase();
    expect([closed.verdict, closed.layer]).toEqual([Verdict.INVALID, CaseLayer.THREE]);
    expect(closed.bonds.map((b) => b.layer)).toEqual([CaseLayer.TWO, CaseLayer.THREE, CaseLayer.APPEAL]);
    expect((await sim.chain.balance(cheater.address)) - before).toBe(-remes(100) - 2n * FEE);
    expect(await sim.stake(Part.MINER, cheater.address)).toBe(remes(500));
  });

  it('of unequal reveals leaves the verdict too: the right result is accepted, not the majority’s', async () => {
    sim = await Simulation.start({ verifiers: 1 });
    const [bad] = sim.proposers;
    bad!.act = { ...bad!.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g) : trueResult(w, g)) };
    await untilDecided(CaseLayer.TWO);
    await sim.step([sim.escalate(bad!.account, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await untilClosed();
    expect((await onlyCase()).layer).toBe(CaseLayer.TWO);
    const window = await sim.mustWindow(1n);
    expect([window.outcome, window.accepted?.resultHash]).toEqual([WindowOutcome.ACCEPTED, trueResult(window, await sim.gradients(1n)).resultHash]);
    expect(await sim.stake(Part.PROPOSER, bad!.account.address)).toBe(remes(25_000));
  });
});

describe('an escalation against a reverted aggregation', () => {
  it('for which nobody is left reverts all the same, and the chain goes on; replays agree', async () => {
    sim = await Simulation.start({ verifiers: 2, onDisk: true });
    for (const bad of sim.proposers) bad.act = { ...bad.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g) : trueResult(w, g)) };
    await untilDecided(CaseLayer.TWO);
    await sim.step([sim.escalate(sim.proposers[0]!.account, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await untilClosed();
    const first = await sim.mustWindow(1n);
    expect([first.outcome, (await onlyCase()).layer]).toEqual([WindowOutcome.REVERTED, CaseLayer.TWO]);
    const next = (await sim.window())!;
    expect([next.id > 1n, next.baseAdapterCid, next.baseStep]).toEqual([true, first.baseAdapterCid, first.baseStep]);
    for (const bad of sim.proposers) expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(remes(25_000));
    await sim.untilSettled(2n);
    await sim.chain.replay();
  });
});

describe('a first layer', () => {
  it('that nobody can sit in still leaves the case void', async () => {
    sim = await Simulation.start({ verifiers: 0 });
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 3);
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('x'))]);
    await untilClosed();
    expect((await onlyCase()).verdict).toBe(Verdict.VOID);
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(-FEE);
  });
});
