import { afterEach, describe, expect, it } from 'vitest';

import { CasePhase, DutyKind, DutyStatus, SubjectKind, Verdict } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { cheatingMiner, remes, Simulation, trueGradientHash } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  for (const part of [Part.MINER, Part.PROPOSER, Part.VERIFIER]) for (const r of await sim.registrations(part)) expect(r.holds).toBeGreaterThanOrEqual(0);
  await sim.chain.close();
});

/** Everybody stops working, so that holds of newer windows do not hide what is tested. */
function rest(): void {
  for (const m of sim.miners) m.act = { ...m.act, gradientHash: () => undefined };
}

describe('an auditor who called a wrong gradient right and unregistered', () => {
  it('cannot take its stake home while a case on the gradient is open, though its window is settled', async () => {
    sim = await Simulation.start({ miners: 4, change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 0, layer2Blocks: 80n } }) });
    sim.miners[0]!.act = cheatingMiner();
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 4);
    rest();
    const g = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    let speaks = false;
    const isIts = (kind: SubjectKind, id: bigint) => kind === SubjectKind.GRADIENT && id === g.id;
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          if (duty.kind === DutyKind.LAYER2) return speaks ? truth : undefined;
          return isIts(duty.subjectKind, duty.subjectId) ? { ...truth, hash: g.gradientHash } : truth;
        },
      };
    }
    const audit = async () => (await sim.audits(1n)).find((d) => isIts(d.subjectKind, d.subjectId));
    await sim.until(async () => (await audit())?.status === DutyStatus.REVEALED);
    const liar = sim.verifierOf((await audit())!.verifier).account;
    await sim.step([sim.unregister(liar, Part.VERIFIER), sim.challengeGradient(sim.outsider, g.id, trueGradientHash(g.jobId))]);
    expect(sim.failures).toEqual([]);
    const left = sim.chain.height;
    await sim.untilSettled(1n);
    await sim.until(() => Promise.resolve(sim.chain.height > left + sim.profile.node.unbondingBlocks + 5n));
    expect((await sim.cases(1n)).map((c) => c.phase)).toEqual([CasePhase.VOTING]);
    expect(await sim.registration(Part.VERIFIER, liar.address)).toMatchObject({ matured: true, holds: 1, stake: remes(10_000).toString() });

    speaks = true;
    const before = await sim.chain.balance(liar.address);
    await sim.until(async () => (await sim.cases(1n)).every((c) => c.phase === CasePhase.CLOSED));
    expect((await sim.cases(1n)).map((c) => c.verdict)).toEqual([Verdict.INVALID]);
    expect((await sim.slashes()).filter((s) => s.address === liar.address).map((s) => [s.reason, s.amount])).toEqual([['false_report', remes(5000).toString()]]);
    expect(await sim.registration(Part.VERIFIER, liar.address)).toBeUndefined();
    expect((await sim.chain.balance(liar.address)) - before).toBe(remes(5000));
  });
});

describe('everybody who reported', () => {
  it('is free when windows are settled and cases are closed: no hold is left, none is given back twice', async () => {
    sim = await Simulation.start({ miners: 4, verifiers: 14, change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 10_000 } }) });
    sim.miners[0]!.act = cheatingMiner();
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 4);
    rest();
    await sim.until(async () => (await sim.cases(1n)).some((c) => c.phase === CasePhase.DECIDED));
    const holds = async () => (await sim.registrations(Part.VERIFIER)).map((r) => r.holds);
    expect((await holds()).reduce((a, b) => a + b, 0)).toBe((await sim.duties(1n)).length);
    await sim.step([sim.escalate(sim.miners[0]!.account, 1n)]);
    expect(sim.failures).toEqual([]);
    await sim.until(async () => (await sim.mustWindow(1n)).settled && (await sim.cases(1n)).every((c) => c.phase === CasePhase.CLOSED));
    expect(await holds()).toEqual(Array(14).fill(0));
  });
});
