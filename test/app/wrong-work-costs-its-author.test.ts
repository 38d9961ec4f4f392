import { afterEach, describe, expect, it } from 'vitest';

import { CaseOrigin, DutyKind, SubjectKind, Verdict } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part, RegistrationStatus } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../src/protocol/gen/remes/remes/v1/reward.js';
import { GradientStatus } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { cheatingMiner, honestVerifier, remes, Simulation, trueResult, wrongHash, wrongResult, type SimulationOptions } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const books = await sim.books();
  expect(books.balances).toBe(books.supply);
  expect(books.supply).toBe(books.expectedSupply);
  expect(books.escrow).toBe(books.stakes);
  await sim.chain.close();
});

async function start(options: SimulationOptions = {}): Promise<void> {
  sim = await Simulation.start(options);
}

/** Lets all that a window left open come to its end. */
async function finish(windowId = 1n): Promise<void> {
  await sim.untilSettled(windowId);
  await sim.until(async () => (await sim.cases(windowId)).every((c) => c.closedHeight > 0n));
}

describe('a miner', () => {
  it('that submits a wrong gradient loses half its stake and its pay; half of that goes to the auditor', async () => {
    await start({ miners: 4 });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    await finish();

    const gradient = await sim.gradientOf(1n, cheater.account.address);
    expect(gradient.status).toBe(GradientStatus.SLASHED);
    expect(await sim.stake(Part.MINER, cheater.account.address)).toBe(remes(500));
    expect((await sim.registration(Part.MINER, cheater.account.address))?.status).toBe(RegistrationStatus.INACTIVE);
    expect(await sim.reward(1n, cheater.account.address)).toBe(0n);
    const [slash] = await sim.slashes();
    const [audit] = (await sim.audits(1n)).filter((d) => d.subjectId === gradient.id && d.subjectKind === SubjectKind.GRADIENT);
    expect(slash).toMatchObject({
      address: cheater.account.address,
      reason: 'wrong_gradient',
      amount: remes(500).toString(),
      burned: remes(250).toString(),
      bounty: remes(250).toString(),
      bountyAddress: audit?.verifier,
    });
    expect(await sim.slashes()).toHaveLength(1);
    expect((await sim.rewards(1n)).filter((r) => r.part === Part.MINER)).toHaveLength(3);
    // Its stake is too small now: it gets no job in the next windows.
    expect((await sim.jobs(await sim.window().then((w) => w!.id))).map((j) => j.miner)).not.toContain(cheater.account.address);
  });

  it('that serves its file to one proposer only is not included and not paid, and loses nothing else', async () => {
    await start();
    const miner = sim.miners[1]!;
    const first = sim.proposers[0]!.account.address;
    miner.act = { ...miner.act, serves: (proposer) => proposer === first };
    await finish();
    const gradient = await sim.gradientOf(1n, miner.account.address);
    expect(gradient.status).toBe(GradientStatus.EXCLUDED);
    expect((await sim.mustWindow(1n)).included).not.toContain(gradient.id);
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
    expect(await sim.reward(1n, miner.account.address)).toBe(0n);
    expect(await sim.reward(1n, sim.miners[0]!.account.address)).toBeGreaterThan(0n);
    expect(await sim.slashes()).toEqual([]);
    expect(await sim.stake(Part.MINER, miner.account.address)).toBe(remes(1000));
  });

  it('that unregisters before the verdict is slashed all the same, and gets the rest when all is closed', async () => {
    await start({ miners: 4 });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 4);
    const before = await sim.chain.balance(cheater.account.address);
    await sim.step([sim.unregister(cheater.account, Part.MINER)]);
    await finish();
    expect((await sim.registration(Part.MINER, cheater.account.address))?.status).toBe(RegistrationStatus.UNBONDING);
    expect(await sim.stake(Part.MINER, cheater.account.address)).toBe(remes(500));
    await sim.until(async () => (await sim.registration(Part.MINER, cheater.account.address)) === undefined);
    const fee = 2_500n;
    expect((await sim.chain.balance(cheater.account.address)) - before).toBe(remes(500) - fee);
  });

  it('that cheats in one window has its unpaid work of every other window audited', async () => {
    await start({
      miners: 3,
      change: (p) => ({
        ...p,
        challenge: { ...p.challenge, auditBps: 0, auditFloorBps: 300, doubleAuditBps: 0, probationJobs: 1, challengeBlocks: 60n, reportMarginBlocks: 3n },
      }),
    });
    const cheater = sim.miners[0]!;
    // The first job of a registration is always audited, so it cheats in window 1 and works honestly in window 2.
    const honest = cheater.act;
    let jobs = 0;
    cheater.act = { ...honest, gradientHash: (job) => (jobs++ === 0 ? wrongHash(job.id) : honest.gradientHash(job)) };
    // Auditors of window 1 are slow: the verdict comes when window 2 is collected.
    let release = false;
    for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (duty.windowId === 1n && !release ? undefined : truth) };
    await sim.until(async () => ((await sim.window(2n))?.collectingEnd ?? 1n << 60n) + 2n < sim.chain.height);
    const second = await sim.gradientOf(2n, cheater.account.address);
    expect((await sim.audits(2n)).filter((d) => d.subjectId === second.id && d.subjectKind === SubjectKind.GRADIENT)).toHaveLength(0);
    release = true;
    await sim.until(async () => (await sim.slashes()).length > 0);
    await sim.steps(2);
    expect((await sim.audits(2n)).filter((d) => d.subjectId === second.id && d.subjectKind === SubjectKind.GRADIENT)).toHaveLength(1);
    expect((await sim.registration(Part.MINER, cheater.account.address))?.trustBps).toBe(0);
    await finish(2n);
    expect((await sim.slashes()).map((s) => s.reason)).toEqual(['wrong_gradient']);
    expect((await sim.gradientOf(2n, cheater.account.address)).status).toBe(GradientStatus.FINALIZED);
  });
});

describe('a proposer', () => {
  const slashOfFraud = remes(25_000);

  it('with a wrong sum is found by its unequal reveal; the right one is accepted', async () => {
    await start();
    const bad = sim.proposers[0]!;
    bad.act = { ...bad.act, result: (w, g) => wrongResult(w, g) };
    await finish();
    const window = await sim.mustWindow(1n);
    const included = await sim.gradients(1n);
    expect(window.outcome).toBe(WindowOutcome.ACCEPTED);
    expect(window.accepted).toEqual(trueResult(window, included));
    expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(slashOfFraud);
    expect((await sim.slashes()).map((s) => [s.address, s.reason])).toEqual([[bad.account.address, 'wrong_aggregation']]);
    expect((await sim.cases(1n)).map((c) => [c.origin, c.verdict])).toEqual([[CaseOrigin.UNEQUAL_REVEALS, Verdict.VALID]]);
    expect(await sim.reward(1n, bad.account.address)).toBe(0n);
    expect(await sim.reward(1n, sim.proposers[1]!.account.address)).toBeGreaterThan(0n);
  });

  it('that hides a wrong optimizer state behind the right adapter is found as well', async () => {
    await start();
    const bad = sim.proposers[2]!;
    bad.act = { ...bad.act, result: (w, g) => trueResult(w, g, 'poisoned moment') };
    await finish();
    const window = await sim.mustWindow(1n);
    expect(window.accepted?.optimizerCid).toBe(trueResult(window, await sim.gradients(1n)).optimizerCid);
    expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(slashOfFraud);
  });

  it('pair with the same wrong sum is slashed, and no minority is accepted: the adapter stays, miners are paid', async () => {
    await start();
    for (const bad of sim.proposers.slice(0, 2)) bad.act = { ...bad.act, result: (w, g) => wrongResult(w, g) };
    await finish();
    const window = await sim.mustWindow(1n);
    expect(window.outcome).toBe(WindowOutcome.NO_MAJORITY);
    for (const bad of sim.proposers.slice(0, 2)) expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(slashOfFraud);
    expect(await sim.stake(Part.PROPOSER, sim.proposers[2]!.account.address)).toBe(remes(50_000));
    expect((await sim.mustWindow(2n)).baseAdapterCid).toBe(window.baseAdapterCid);
    expect(await sim.reward(1n, sim.miners[0]!.account.address)).toBeGreaterThan(0n);
    expect((await sim.rewards(1n)).filter((r) => r.part === Part.PROPOSER)).toEqual([]);
  });

  it('majority that does not reveal loses one per cent each, and the adapter stays', async () => {
    await start();
    sim.proposers[0]!.act = { ...sim.proposers[0]!.act, reveals: false };
    sim.proposers[1]!.act = { ...sim.proposers[1]!.act, commits: false };
    await finish();
    const window = await sim.mustWindow(1n);
    expect(window.outcome).toBe(WindowOutcome.NO_MAJORITY);
    expect((await sim.slashes()).map((s) => [s.reason, s.amount]).sort()).toEqual(
      [
        ['missing_commit', remes(500).toString()],
        ['missing_reveal', remes(500).toString()],
      ].sort(),
    );
    expect((await sim.mustWindow(2n)).baseAdapterCid).toBe(window.baseAdapterCid);
    expect((await sim.rewards(1n)).filter((r) => r.part === Part.MINER && BigInt(r.amount) > 0n)).toHaveLength(3);
  });

  it('that could not fetch every included file owes no commit and is not paid', async () => {
    await start();
    const third = sim.proposers[2]!.account.address;
    sim.miners[0]!.act = { ...sim.miners[0]!.act, serves: (proposer) => proposer !== third };
    await finish();
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
    expect((await sim.mustWindow(1n)).included).toHaveLength(3);
    expect(await sim.slashes()).toEqual([]);
    expect(await sim.reward(1n, third)).toBe(0n);
  });

  it('that says nothing at all cannot hide behind not having attested', async () => {
    await start();
    sim.proposers[2]!.act = { ...sim.proposers[2]!.act, attests: false, commits: false };
    await finish();
    expect((await sim.slashes()).map((s) => s.reason)).toEqual(['missing_commit']);
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
  });

  it('cartel of all three is undone by the auditor, with the window that stood on its adapter', async () => {
    await start();
    for (const bad of sim.proposers) bad.act = { ...bad.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g) : trueResult(w, g)) };
    await sim.until(async () => (await sim.window(1n))?.outcome === WindowOutcome.REVERTED);
    const first = await sim.mustWindow(1n);
    const second = await sim.mustWindow(2n);
    expect(second.baseAdapterCid).toBe(first.accepted?.adapterCid);
    expect(second.outcome).toBe(WindowOutcome.REVERTED);
    const third = await sim.mustWindow(3n);
    expect([third.baseAdapterCid, third.baseOptimizerCid, third.baseStep]).toEqual([first.baseAdapterCid, first.baseOptimizerCid, first.baseStep]);
    for (const bad of sim.proposers) expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(slashOfFraud);
    await finish(1n);
    await finish(2n);
    // Correct work on a reverted adapter is paid; the fraud is not.
    for (const windowId of [1n, 2n]) {
      expect((await sim.rewards(windowId)).filter((r) => r.part === Part.MINER && BigInt(r.amount) > 0n)).toHaveLength(3);
      expect((await sim.rewards(windowId)).filter((r) => r.part === Part.PROPOSER)).toEqual([]);
    }
    expect((await sim.slashes()).every((s) => s.reason === 'wrong_aggregation')).toBe(true);
  });
});

describe('a verifier', () => {
  it('that copies the submitted hash without computing is found by the digest and loses a fifth', async () => {
    await start({ change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 10_000 } }) });
    const target = async () => (await sim.audits(1n)).filter((d) => d.subjectKind === SubjectKind.GRADIENT)[0];
    let lazy = '';
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          if (lazy === '' && duty.kind === DutyKind.AUDIT && duty.windowId === 1n) lazy = v.account.address;
          return v.account.address === lazy && duty.kind === DutyKind.AUDIT ? { ...truth, digest: wrongHash('lazy') } : truth;
        },
      };
    }
    await finish();
    expect(await target()).toBeDefined();
    const slashes = await sim.slashes();
    expect(slashes.length).toBeGreaterThan(0);
    expect(slashes.every((s) => s.address === lazy && s.reason === 'lazy_report')).toBe(true);
    expect(slashes[0]?.amount).toBe(remes(2000).toString());
    expect((await sim.cases(1n)).every((c) => c.origin === CaseOrigin.UNEQUAL_AUDITS)).toBe(true);
    // Honest miners are not touched, and their dismissed case halves their challenge bonus only.
    expect((await sim.rewards(1n)).filter((r) => r.part === Part.MINER)).toHaveLength(3);
  });

  it('that reports a right gradient as wrong loses half its stake, half of which compensates the miner', async () => {
    await start();
    let liar = '';
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          const isFirst = duty.kind === DutyKind.AUDIT && duty.subjectKind === SubjectKind.GRADIENT && duty.windowId === 1n;
          if (isFirst && liar === '') liar = v.account.address;
          return isFirst && v.account.address === liar ? { ...truth, hash: wrongHash('lie') } : truth;
        },
      };
    }
    await finish();
    const slashes = (await sim.slashes()).filter((s) => s.address === liar);
    expect(slashes[0]).toMatchObject({ reason: 'false_report', amount: remes(5000).toString(), burned: remes(2500).toString() });
    expect(sim.miners.map((m) => m.account.address)).toContain(slashes[0]?.bountyAddress);
    expect((await sim.slashes()).every((s) => s.address === liar)).toBe(true);
    for (const m of sim.miners) expect(await sim.stake(Part.MINER, m.account.address)).toBe(remes(1000));
    expect((await sim.rewards(1n)).filter((r) => r.part === Part.MINER && r.status === RewardStatus.PAID)).toHaveLength(3);
  });

  it('that keeps silent loses one per cent; another is drawn and the window waits for it', async () => {
    await start();
    const silent = sim.verifiers[0]!;
    await sim.until(async () => (await sim.audits(1n)).length > 0);
    const drawn = sim.verifierOf((await sim.audits(1n))[0]!.verifier);
    drawn.act = { ...honestVerifier(), report: (duty, truth) => (duty.windowId === 1n ? undefined : truth) };
    await finish();
    const slashes = await sim.slashes();
    expect(slashes.length).toBeGreaterThan(0);
    expect(slashes.every((s) => s.address === drawn.account.address && s.reason === 'missing_report')).toBe(true);
    expect(slashes[0]?.amount).toBe(remes(100).toString());
    const audited = new Set((await sim.audits(1n)).filter((d) => d.reportHash.length > 0).map((d) => `${d.subjectKind}/${d.subjectId}`));
    expect(audited.size).toBe(4); // three gradients and the aggregation
    expect(silent).toBeDefined();
  });
});
