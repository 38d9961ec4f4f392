import { afterEach, describe, expect, it } from 'vitest';

import { CaseOrigin, CasePhase, DutyKind, DutyStatus, SubjectKind, Verdict, type Duty } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import type { StoredGradient } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { cheatingMiner, remes, Simulation, trueGradientHash, wrongHash, type Report } from './simulation.js';

let sim: Simulation;
const FEE = 2_500n;
const BOND = remes(100);
const BOUNTY = remes(250);

afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

type Answer = (duty: Duty, truth: Report, gradient: StoredGradient) => Report | undefined;

/** One miner cheats in window 1, every job has one auditor, who answers on that gradient as `answer` says. */
async function start(answer: Answer, verifiers = 10): Promise<StoredGradient> {
  sim = await Simulation.start({ miners: 4, verifiers, change: (p) => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 0, challengeBlocks: 30n } }) });
  const cheater = sim.miners[0]!;
  cheater.act = cheatingMiner();
  await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 4);
  const gradient = await sim.gradientOf(1n, cheater.account.address);
  const isIts = (d: Duty) => d.kind === DutyKind.AUDIT && d.subjectKind === SubjectKind.GRADIENT && d.subjectId === gradient.id;
  for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (isIts(duty) ? answer(duty, truth, gradient) : truth) };
  return gradient;
}

async function auditOf(gradient: StoredGradient): Promise<Duty | undefined> {
  return (await sim.audits(1n)).find((d) => d.subjectKind === SubjectKind.GRADIENT && d.subjectId === gradient.id);
}

async function drawn(gradient: StoredGradient): Promise<Duty> {
  await sim.until(async () => (await auditOf(gradient)) !== undefined);
  return (await auditOf(gradient))!;
}

async function closed(): Promise<void> {
  await sim.until(async () => (await sim.cases(1n)).length > 0 && (await sim.cases(1n)).every((c) => c.phase === CasePhase.CLOSED));
}

async function bountyOfTheCheat() {
  const [slash] = (await sim.slashes()).filter((s) => s.reason === 'wrong_gradient');
  return slash === undefined ? undefined : { to: slash.bountyAddress, bounty: BigInt(slash.bounty), burned: BigInt(slash.burned) };
}

describe('the bounty of a wrong gradient whose audit is drawn', () => {
  for (const [what, claim] of [
    ['a made-up hash', () => wrongHash('shield')],
    ['the right hash', (g: StoredGradient) => trueGradientHash(g.jobId)],
  ] as const) {
    it(`is the auditor’s although a friend of the cheater opened the case with ${what} first`, async () => {
      let mayWork = false;
      const gradient = await start((_duty, truth) => (mayWork ? truth : undefined));
      const audit = await drawn(gradient);
      mayWork = true;
      const before = await sim.chain.balance(sim.outsider.address);
      await sim.step([sim.challengeGradient(sim.outsider, gradient.id, claim(gradient))]); // in the block of the auditor's commitment
      expect(sim.failures).toEqual([]);
      const { results } = await sim.step(); // its report
      const joined = results.flatMap((r) => r.events).filter((e) => e.type === 'case_joined');
      expect(joined.map((e) => e.attributes)).toEqual([expect.objectContaining({ case_id: '1', address: audit.verifier, amount: '0' })]);
      let auditor = 0n;
      await sim.until(async () => {
        if ((await sim.cases(1n))[0]?.phase === CasePhase.CLOSED) return true;
        auditor = await sim.chain.balance(audit.verifier);
        return false;
      });
      // In the block that closes the case it may pay fees for reports on other work as well.
      const gained = (await sim.chain.balance(audit.verifier)) - auditor;
      expect([0n, 1n, 2n, 3n].map((sent) => BOUNTY - sent * FEE)).toContain(gained);

      const cases = await sim.cases(1n);
      expect(cases.map((c) => [c.origin, c.opener, c.verdict])).toEqual([[CaseOrigin.BOND, sim.outsider.address, Verdict.INVALID]]);
      expect(cases[0]?.bonds.map((b) => [b.address, b.amount, b.side])).toEqual([
        [sim.outsider.address, BOND.toString(), Verdict.INVALID],
        [audit.verifier, '0', Verdict.INVALID],
      ]);
      expect(await bountyOfTheCheat()).toEqual({ to: audit.verifier, bounty: BOUNTY, burned: BOUNTY });
      // The friend has his bond back, whatever he named, and nothing more; he only paid a fee.
      expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(-FEE);
      expect((await sim.duties(1n)).filter((d) => d.kind === DutyKind.LAYER2).map((d) => d.verifier)).not.toContain(audit.verifier);
      expect(await sim.stake(Part.MINER, gradient.miner)).toBe(remes(500));
    });
  }

  it('is a challenger’s who named the right hash before the drawing', async () => {
    const gradient = await start((_duty, truth) => truth);
    expect(await auditOf(gradient)).toBeUndefined();
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, trueGradientHash(gradient.jobId))]);
    await closed();
    expect(await bountyOfTheCheat()).toEqual({ to: sim.outsider.address, bounty: BOUNTY, burned: BOUNTY });
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(BOUNTY - FEE);
  });

  it('is a challenger’s who came later, where the auditor called the gradient right', async () => {
    const gradient = await start((_duty, truth, g) => ({ ...truth, hash: g.gradientHash }));
    const audit = await drawn(gradient);
    await sim.until(async () => (await auditOf(gradient))?.status === DutyStatus.REVEALED);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, trueGradientHash(gradient.jobId))]);
    await closed();
    expect(await bountyOfTheCheat()).toEqual({ to: sim.outsider.address, bounty: BOUNTY, burned: BOUNTY });
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(BOUNTY - FEE);
    expect(await sim.stake(Part.VERIFIER, audit.verifier)).toBe(remes(5000));
  });

  it('is burned where the case closes before the auditor has spoken: a friend gains nothing by being fast', async () => {
    const gradient = await start(() => undefined);
    await drawn(gradient);
    const before = await sim.chain.balance(sim.outsider.address);
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, trueGradientHash(gradient.jobId))]);
    await closed();
    expect(await bountyOfTheCheat()).toEqual({ to: '', bounty: 0n, burned: remes(500) });
    expect((await sim.chain.balance(sim.outsider.address)) - before).toBe(-FEE);
  });
});

describe('a case', () => {
  it('takes sixteen claims of challengers and then no more, but the auditor’s always', async () => {
    let mayWork = false;
    const gradient = await start((_duty, truth) => (mayWork ? truth : undefined), 30);
    const audit = await drawn(gradient);
    const crowd = [...sim.miners.slice(1), ...sim.verifiers.filter((v) => v.account.address !== audit.verifier)].slice(0, 16).map((a) => a.account);
    mayWork = true;
    await sim.step(crowd.map((account) => sim.challengeGradient(account, gradient.id, wrongHash(account.name))));
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    expect((await sim.cases(1n))[0]?.bonds).toHaveLength(crowd.length);
    await sim.step();
    expect((await sim.cases(1n))[0]?.bonds.at(-1)).toMatchObject({ address: audit.verifier, amount: '0' });
    await sim.step([sim.challengeGradient(sim.outsider, gradient.id, wrongHash('late'))]);
    expect(sim.failures.map((f) => f.log)).toEqual([expect.stringMatching(/expected fewer than 16 claims in case 1/)]);
    await closed();
  });
});
