import { afterEach, describe, expect, it } from 'vitest';

import { moduleAddress } from '../../src/protocol/address.js';
import { CaseLayer, CaseOrigin, CasePhase, DutyKind, SubjectKind, Verdict, type Duty } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../src/protocol/gen/remes/remes/v1/reward.js';
import { GradientStatus } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import type { Profile } from '../../src/protocol/params.js';
import { cheatingMiner, remes, Simulation, trueGradientHash, wrongHash, type Report, type SimulationOptions } from './simulation.js';

let sim: Simulation;
const FEE = 2_500n;
const BOND = remes(100);

afterEach(async () => {
  const books = await sim.books();
  expect(books.balances).toBe(books.supply);
  expect(books.supply).toBe(books.expectedSupply);
  expect(books.escrow).toBe(books.stakes);
  await sim.chain.close();
});

/** Nobody is audited after one job on probation, so that the cases below come from challengers; time enough for three layers. */
const slowAndUnaudited = (p: Profile): Profile => ({
  ...p,
  challenge: { ...p.challenge, auditBps: 0, auditFloorBps: 300, doubleAuditBps: 0, probationJobs: 0, challengeBlocks: 50n },
});

async function start(options: SimulationOptions = {}): Promise<void> {
  sim = await Simulation.start({ change: slowAndUnaudited, ...options });
}

async function submitted(): Promise<void> {
  await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === sim.miners.length);
}

async function finish(windowId = 1n): Promise<void> {
  await sim.until(async () => (await sim.cases(windowId)).every((c) => c.closedHeight > 0n));
  await sim.untilSettled(windowId);
  expect(await sim.chain.balance(moduleAddress('challenge'))).toBe(0n);
}

/** Every verifier answers duties of these kinds by `report`, others truly. */
function bend(kinds: readonly DutyKind[], report: (duty: Duty, truth: Report) => Report | undefined): void {
  for (const v of sim.verifiers) {
    v.act = { reveals: true, report: (duty, truth) => (kinds.includes(duty.kind) && duty.windowId === 1n ? report(duty, truth) : truth) };
  }
}

describe('a bond', () => {
  it('won comes back with half of the slash on top', async () => {
    await start({ miners: 4 });
    sim.miners[0]!.act = cheatingMiner();
    await submitted();
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, trueGradientHash(gradient.jobId))]);
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(-BOND - FEE);
    await finish();
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(remes(250) - FEE);
    expect(await sim.stake(Part.MINER, sim.miners[0]!.account.address)).toBe(remes(500));
    expect((await sim.cases(1n)).map((c) => [c.origin, c.layer, c.verdict])).toEqual([[CaseOrigin.BOND, CaseLayer.TWO, Verdict.INVALID]]);
  });

  it('lost is half burned, half the accused miner’s, whose work is paid', async () => {
    await start();
    await submitted();
    const victim = sim.miners[0]!.account.address;
    const gradient = await sim.gradientOf(1n, victim);
    const [before, outsiderBefore] = [await sim.chain.balance(victim), await sim.chain.balance(sim.outsider.address)];
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('malice'))]);
    await sim.until(async () => (await sim.cases(1n))[0]?.closedHeight !== 0n);
    sim.burnedBonds += BOND / 2n;
    expect((await sim.chain.balance(sim.outsider.address)) - outsiderBefore).toBe(-BOND - FEE);
    expect((await sim.chain.balance(victim)) - before).toBe(BOND / 2n);
    await finish();
    expect((await sim.gradientOf(1n, victim)).status).toBe(GradientStatus.FINALIZED);
    expect(await sim.slashes()).toEqual([]);
    // A challenged gradient earns half of the finalization bonus: 0.05 instead of 0.1 of the base.
    const [challenged] = (await sim.rewards(1n)).filter((r) => r.address === victim);
    const [other] = (await sim.rewards(1n)).filter((r) => r.address === sim.miners[1]!.account.address);
    expect((other?.qualityBps ?? 0) - (challenged?.qualityBps ?? 0)).toBe(500);
  });

  it('is refused in the wrong amount, for the same hash, on own work, twice, and on what does not exist', async () => {
    await start();
    await submitted();
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    const attempt = async (what: Parameters<Simulation['step']>[0]) => {
      await sim.step(what);
      return sim.failures.splice(0).map((f) => f.log);
    };
    expect(await attempt([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('x'), 5n)])).toEqual([expect.stringMatching(/expected a bond of 100000000 uremes, got 5/)]);
    expect(await attempt([sim.challengeGradient(sim.outsider, gradient.id, gradient.gradientHash)])).toEqual([expect.stringMatching(/layer 1 finds nothing/)]);
    expect(await attempt([sim.challengeGradient(sim.miners[0]!.account, gradient.id, wrongHash('x'))])).toEqual([expect.stringMatching(/cannot challenge its own work/)]);
    expect(await attempt([sim.challengeGradient(sim.outsider, 99n, wrongHash('x'))])).toEqual([expect.stringMatching(/gradient 99 does not exist/)]);
    expect(await attempt([sim.challengeAggregation(sim.outsider, 1n, wrongHash('x'))])).toEqual([expect.stringMatching(/no accepted aggregation/)]);
    expect(await attempt([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('x'))])).toEqual([]);
    expect(await attempt([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('y'))])).toEqual([expect.stringMatching(/a party of case 1 already/)]);
    expect(await attempt([sim.challengeGradient(sim.miners[1]!.account, gradient.id, wrongHash('y'))])).toEqual([]);
    expect(await sim.cases(1n)).toHaveLength(1);
    await finish();
    sim.burnedBonds += BOND; // half of each of two
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('x'))]);
    expect(sim.failures.map((f) => f.log)).toEqual([expect.stringMatching(/challenge phase of window 1 ended/)]);
  });
});

describe('a shield', () => {
  it('made of a losing case bars neither the audit nor the verdict after it; who lied for it is slashed too', async () => {
    await start({
      miners: 4,
      change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 0, challengeBlocks: 40n } }),
    });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    let friend = '';
    let auditorsMayWork = false;
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          if (duty.windowId !== 1n) return truth;
          if (duty.kind === DutyKind.AUDIT) return auditorsMayWork ? truth : undefined;
          if (duty.kind === DutyKind.LAYER2 && friend === '') friend = v.account.address;
          return v.account.address === friend ? { ...truth, hash: wrongHash(gradient.jobId) } : truth;
        },
      };
    }
    await submitted();
    const gradient = await sim.gradientOf(1n, cheater.account.address);
    expect(gradient.gradientHash).toEqual(wrongHash(gradient.jobId));
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('bogus claim'))]);
    await sim.until(async () => ((await sim.cases(1n))[0]?.closedHeight ?? 0n) > 0n);
    expect((await sim.cases(1n))[0]?.verdict).toBe(Verdict.VALID);
    sim.burnedBonds += BOND / 2n;
    auditorsMayWork = true;
    await finish();
    const [, second] = await sim.cases(1n);
    expect([second?.origin, second?.verdict]).toEqual([CaseOrigin.AUDIT, Verdict.INVALID]);
    expect(await sim.stake(Part.MINER, cheater.account.address)).toBe(remes(500));
    expect(await sim.stake(Part.VERIFIER, friend)).toBe(remes(5000));
    expect((await sim.gradientOf(1n, cheater.account.address)).status).toBe(GradientStatus.SLASHED);
  });

  it('of a friend who names a wrong hash earns no bounty', async () => {
    await start({ miners: 4 });
    sim.miners[0]!.act = cheatingMiner();
    await submitted();
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('guess'))]);
    await finish();
    expect((await sim.slashes())[0]).toMatchObject({ bounty: '0', burned: remes(500).toString() });
  });
});

describe('an appeal', () => {
  it('overturns the false verdicts of a verifier and a panel: the miner loses nothing, the false judges half each', async () => {
    await start();
    const claimed = wrongHash('malice');
    bend([DutyKind.LAYER2, DutyKind.PANEL], (_duty, truth) => ({ ...truth, hash: claimed }));
    await submitted();
    const victim = sim.miners[0]!.account;
    const gradient = await sim.gradientOf(1n, victim.address);
    const before = await sim.chain.balance(victim.address);
    const outsiderBefore = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, claimed)]);
    for (const layer of [CaseLayer.TWO, CaseLayer.THREE]) {
      await sim.until(async () => {
        const [c] = await sim.cases(1n);
        return c?.layer === layer && c.phase === CasePhase.DECIDED && c.verdict === Verdict.INVALID;
      });
      await sim.step([sim.escalate(victim, 1n)]);
      expect(sim.failures.map((f) => f.log)).toEqual([]);
      expect(await sim.stake(Part.MINER, victim.address)).toBe(remes(1000));
    }
    expect((await sim.chain.balance(victim.address)) - before).toBe(-2n * BOND - 2n * FEE);
    await sim.until(async () => (await sim.cases(1n))[0]?.closedHeight !== 0n);
    const [closed] = await sim.cases(1n);
    expect([closed?.layer, closed?.verdict]).toEqual([CaseLayer.APPEAL, Verdict.VALID]);
    sim.burnedBonds += BOND / 2n;
    // Both of its bonds come back, and half of the challenger's, and half of each false judge's slash.
    const judges = (await sim.duties(1n)).filter((d) => d.kind === DutyKind.LAYER2 || d.kind === DutyKind.PANEL).map((d) => d.verifier);
    expect(judges).toHaveLength(4);
    for (const judge of judges) expect(await sim.stake(Part.VERIFIER, judge)).toBe(remes(5000));
    expect((await sim.chain.balance(victim.address)) - before).toBe(BOND / 2n + 4n * remes(2500) - 2n * FEE);
    expect((await sim.chain.balance(sim.outsider.address)) - outsiderBefore).toBe(-BOND - FEE);
    await finish();
    expect((await sim.gradientOf(1n, victim.address)).status).toBe(GradientStatus.FINALIZED);
  });

  it('may be lost as well: the bond goes half to the opener', async () => {
    await start({ miners: 4 });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    await submitted();
    const gradient = await sim.gradientOf(1n, cheater.account.address);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, trueGradientHash(gradient.jobId))]);
    await sim.until(async () => (await sim.cases(1n))[0]?.verdict === Verdict.INVALID);
    await sim.step([sim.escalate(sim.miners[1]!.account, 1n)]);
    expect(sim.failures.splice(0).map((f) => f.log)).toEqual([expect.stringMatching(/was not decided against/)]);
    await sim.step([sim.escalate(cheater.account, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await finish();
    sim.burnedBonds += BOND / 2n;
    const [closed] = await sim.cases(1n);
    expect([closed?.layer, closed?.verdict]).toEqual([CaseLayer.THREE, Verdict.INVALID]);
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(BOND / 2n + remes(250) - FEE);
    expect(await sim.stake(Part.MINER, cheater.account.address)).toBe(remes(500));
  });

  it('lets an auditor who was overruled by a bribed verifier prevail', async () => {
    await start({ miners: 4, change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 0, challengeBlocks: 40n } }) });
    const cheater = sim.miners[0]!;
    const honest = cheater.act;
    cheater.act = { ...honest, gradientHash: (job) => (job.windowId === 1n ? wrongHash(job.id) : honest.gradientHash(job)) };
    bend([DutyKind.LAYER2], (duty, truth) => ({ ...truth, hash: disputed.get(duty.subjectId) ?? truth.hash }));
    const disputed = new Map<bigint, Uint8Array>();
    await submitted();
    const gradient = await sim.gradientOf(1n, cheater.account.address);
    disputed.set(gradient.id, gradient.gradientHash);
    await sim.until(async () => (await sim.cases(1n))[0]?.verdict === Verdict.VALID);
    const auditor = sim.verifierOf((await sim.cases(1n))[0]!.opener);
    await sim.step([sim.escalate(auditor.account, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await finish();
    expect((await sim.cases(1n))[0]?.verdict).toBe(Verdict.INVALID);
    expect(await sim.stake(Part.MINER, cheater.account.address)).toBe(remes(500));
    expect(await sim.stake(Part.VERIFIER, auditor.account.address)).toBe(remes(10_000));
    const bribed = (await sim.duties(1n)).find((d) => d.kind === DutyKind.LAYER2);
    expect(await sim.stake(Part.VERIFIER, bribed?.verifier ?? '')).toBe(remes(5000));
  });
});

describe('a panel', () => {
  it('finds the member that voted rightly without computing, by its digest', async () => {
    await start({ miners: 4 });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    let lazy = '';
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          if (duty.kind === DutyKind.PANEL && lazy === '') lazy = v.account.address;
          return v.account.address === lazy ? { ...truth, digest: wrongHash('copied') } : truth;
        },
      };
    }
    await submitted();
    const gradient = await sim.gradientOf(1n, cheater.account.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, trueGradientHash(gradient.jobId))]);
    await sim.until(async () => (await sim.cases(1n))[0]?.verdict === Verdict.INVALID);
    await sim.step([sim.escalate(cheater.account, 1n)]);
    await finish();
    sim.burnedBonds += BOND / 2n;
    expect((await sim.slashes()).filter((s) => s.reason === 'lazy_report').map((s) => [s.address, s.amount])).toEqual([[lazy, remes(2000).toString()]]);
  });

  it('that stays silent is drawn anew once; then the case is void and bonds are refunded', async () => {
    await start();
    bend([DutyKind.LAYER2], () => undefined);
    await submitted();
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('x'))]);
    await finish();
    expect((await sim.cases(1n))[0]?.verdict).toBe(Verdict.VOID);
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(-FEE);
    expect((await sim.slashes()).map((s) => [s.reason, s.amount])).toEqual([
      ['missing_report', remes(100).toString()],
      ['missing_report', remes(100).toString()],
    ]);
  });

  it('cannot be drawn where there are no verifiers: void and refunded', async () => {
    await start({ verifiers: 0 });
    await submitted();
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('x'))]);
    await finish();
    expect((await sim.cases(1n))[0]?.verdict).toBe(Verdict.VOID);
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(-FEE);
  });
});

describe('an open case', () => {
  it('freezes the pay of its parties beyond the window, never the window', async () => {
    await start({ miners: 4, change: (p) => ({ ...slowAndUnaudited(p), challenge: { ...slowAndUnaudited(p).challenge, challengeBlocks: 8n, layer2Blocks: 30n } }) });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    const victim = sim.miners[1]!.account.address;
    let released = false;
    bend([DutyKind.LAYER2], (_duty, truth) => (released ? truth : undefined));
    await submitted();
    const [bad, good] = [await sim.gradientOf(1n, cheater.account.address), await sim.gradientOf(1n, victim)];
    await sim.until(async () => (await sim.mustWindow(1n)).outcome === WindowOutcome.ACCEPTED);
    await sim.step([
      sim.challengeGradient(sim.outsider, bad.id, trueGradientHash(bad.jobId)),
      sim.challengeGradient(sim.miners[2]!.account, good.id, wrongHash('malice')),
    ]);
    await sim.untilSettled(1n);
    const statusOf = async (address: string) => (await sim.rewards(1n)).find((r) => r.address === address)?.status;
    expect(await statusOf(cheater.account.address)).toBe(RewardStatus.FROZEN);
    expect(await statusOf(victim)).toBe(RewardStatus.FROZEN);
    expect(await statusOf(sim.miners[2]!.account.address)).toBe(RewardStatus.FROZEN);
    expect(await statusOf(sim.miners[3]!.account.address)).toBe(RewardStatus.PAID);
    const before = await sim.chain.balance(victim);
    released = true;
    // The frozen pay is promised, not minted: the books below count what was minted only when it is paid.
    await sim.until(async () => (await sim.cases(1n)).every((c) => c.closedHeight > 0n));
    sim.burnedBonds += BOND / 2n;
    expect(await statusOf(cheater.account.address)).toBe(RewardStatus.FORFEITED);
    expect(await statusOf(victim)).toBe(RewardStatus.PAID);
    const pay = BigInt((await sim.rewards(1n)).find((r) => r.address === victim)?.amount ?? '0');
    expect((await sim.chain.balance(victim)) - before).toBe(pay + BOND / 2n);
  });

  it('against an aggregation holds back the end of its window, and a dismissed one costs the bond', async () => {
    await start({ change: (p) => ({ ...p, challenge: { ...p.challenge, layer2Blocks: 12n } }) });
    await sim.until(async () => (await sim.mustWindow(1n)).outcome === WindowOutcome.ACCEPTED);
    let released = false;
    bend([DutyKind.LAYER2], (_duty, truth) => (released ? truth : undefined));
    await sim.step([sim.challengeAggregation(sim.outsider, 1n, wrongHash('malice'))]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await sim.until(async () => sim.chain.height > (await sim.mustWindow(1n)).challengeEnd);
    expect((await sim.mustWindow(1n)).settled).toBe(false);
    released = true;
    await finish();
    sim.burnedBonds += BOND / 2n;
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
    expect((await sim.cases(1n)).map((c) => [c.subjectKind, c.verdict])).toEqual([[SubjectKind.AGGREGATION, Verdict.VALID]]);
  });
});
