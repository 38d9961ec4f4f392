import { afterEach, describe, expect, it } from 'vitest';

import { equalBytes } from '../../../src/protocol/bytes.js';
import { CaseLayer, CaseOrigin, CasePhase, DutyKind, SubjectKind, Verdict } from '../../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../../src/protocol/gen/remes/remes/v1/node.js';
import { WindowOutcome, WindowPhase } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { R3mesError } from '../../../src/protocol/errors.js';
import { createProposer } from '../../../src/roles/proposer.js';
import type { Role } from '../../../src/roles/role.js';
import { createVerifier } from '../../../src/roles/verifier.js';
import type { Profile } from '../../../src/protocol/params.js';
import { remes, wrongHash, wrongResult } from '../../app/simulation.js';
import { playJob, World } from './harness.js';

let world: World;
afterEach(async () => {
  const { left, right } = await world.sim.invariants();
  expect(left).toEqual(right);
  await world.sim.chain.close();
});

const slow = (p: Profile): Profile => ({ ...p, challenge: { ...p.challenge, challengeBlocks: 40n, doubleAuditBps: 0 } });

/** A verifier that says of gradients what `lie` makes of the truth, in duties of one kind, and does not defend it. */
async function lyingVerifier(index: number, kind: DutyKind, lie: (jobId: Uint8Array) => Uint8Array): Promise<Role> {
  const deps = await world.deps(world.sim.verifiers[index]!.account);
  const { work, chain, sender } = deps;
  const honest = work.replay.bind(work);
  work.replay = async (gradient) => {
    const truth = await honest(gradient);
    const duties = (await chain.openDuties(sender.address)).filter((d) => d.subjectKind === SubjectKind.GRADIENT && d.subjectId === gradient.id);
    const isBent = gradient.windowId === 1n && duties.some((d) => d.kind === kind);
    return isBent ? { ...truth, gradientHash: lie(gradient.jobId) } : truth;
  };
  return createVerifier(deps);
}

async function firstCase() {
  return (await world.sim.cases(1n))[0];
}

async function untilClosed(roles: readonly Role[]): Promise<void> {
  await world.until(roles, async () => (await firstCase())?.phase === CasePhase.CLOSED);
}

/** Escalations that were sent, as case and layer of the verdict. */
const escalations = () => world.ofType('escalation').map((e) => [e['case'], e['layer'], e['address']]);

describe('a miner', () => {
  it('whose right gradient was condemned takes the case to a panel, and gets its bond back', async () => {
    world = await World.start({ change: slow });
    const { miners, proposers } = await world.everybody();
    const lie = (jobId: Uint8Array) => wrongHash('malice', jobId);
    const liars = await Promise.all(world.sim.verifiers.map((_, i) => lyingVerifier(i, DutyKind.LAYER2, lie)));
    const all = [...miners, ...proposers, ...liars];
    await world.until(all, async () => (await world.sim.mustWindow(1n)).gradientCount === 3);
    const victim = world.sim.miners[0]!.account;
    const gradient = await world.sim.gradientOf(1n, victim.address);
    const opening = world.sim.challengeGradient(world.sim.outsider, gradient.id, lie(gradient.jobId));
    await world.sim.seal([await world.sim.chain.sign(opening.account, opening.messages)]);
    await untilClosed(all);
    expect(escalations()).toEqual([[1n, 'two', victim.address]]);
    expect([(await firstCase())?.layer, (await firstCase())?.verdict]).toEqual([CaseLayer.THREE, Verdict.VALID]);
    expect(await world.sim.stake(Part.MINER, victim.address)).toBe(remes(1000));
    const judge = (await world.sim.duties(1n)).find((d) => d.kind === DutyKind.LAYER2)!.verifier;
    expect(await world.sim.stake(Part.VERIFIER, judge)).toBe(remes(5000));
    expect(world.sim.failures.map((f) => f.log)).toEqual([]);
  });

  it('that did cheat does not: it finds another hash than it submitted', async () => {
    world = await World.start({ miners: 4, change: slow });
    const { miners, proposers, verifiers } = await world.everybody();
    const { account } = world.sim.miners[0]!;
    const cheater = await world.miner(0, { produce: async (window, job) => ({ ...(await playJob(world.view, window, job)), gradientHash: wrongHash(job.id) }) });
    // The same account runs the honest program as well, which would defend what it finds to be right.
    const defender: Role = { address: account.address, onHeight: async (height) => ((await world.sim.cases(1n)).length > 0 ? miners[0]!.onHeight(height) : undefined) };
    const all = [cheater, defender, ...miners.slice(1), ...proposers, ...verifiers];
    // Its file does not fit its hash, so that it is not included; the audit finds it wrong as well.
    await untilClosed(all);
    expect(escalations()).toEqual([]);
    expect(await world.sim.stake(Part.MINER, account.address)).toBe(remes(500));
  });
});

describe('a verifier', () => {
  it('whose right report was overruled takes the case further', async () => {
    world = await World.start({ miners: 4, change: slow });
    const { miners, proposers } = await world.everybody();
    const { account } = world.sim.miners[0]!;
    const submitted = new Map<string, Uint8Array>();
    const cheater = await world.miner(0, {
      produce: async (window, job) => {
        const good = await playJob(world.view, window, job);
        if (window.id > 1n) return good;
        submitted.set(Buffer.from(job.id).toString('hex'), wrongHash(job.id));
        return { ...good, gradientHash: wrongHash(job.id) };
      },
    });
    const friends = await Promise.all(world.sim.verifiers.map((_, i) => lyingVerifier(i, DutyKind.LAYER2, (id) => submitted.get(Buffer.from(id).toString('hex')) ?? wrongHash('?'))));
    const all = [cheater, ...miners.slice(1), ...proposers, ...friends];
    await world.until(all, async () => (await world.sim.cases(1n)).length > 0);
    const { opener, origin } = (await firstCase())!;
    expect(origin).toBe(CaseOrigin.AUDIT);
    await untilClosed(all);
    expect(escalations()).toEqual([[1n, 'two', opener]]);
    expect((await firstCase())?.verdict).toBe(Verdict.INVALID);
    expect(await world.sim.stake(Part.VERIFIER, opener)).toBe(remes(10_000));
    expect(await world.sim.stake(Part.MINER, account.address)).toBe(remes(500));
  });

  it('does its other duties although the file of one is withheld', async () => {
    world = await World.start({ verifiers: 1 });
    const { miners, proposers } = await world.everybody();
    const deps = await world.deps(world.sim.verifiers[0]!.account);
    const replay = deps.work.replay.bind(deps.work);
    deps.work.replay = (gradient) => {
      if (gradient.id === 1n) throw new R3mesError({ code: 'CONTENT_NOT_FOUND', message: 'nobody serves it any more' });
      return replay(gradient);
    };
    await world.until([...miners, ...proposers, createVerifier(deps)], async () => (await world.sim.window(1n))?.settled === true);
    const reported = (await world.sim.audits(1n)).filter((d) => d.reportHash.length > 0);
    expect(reported.map((d) => [d.subjectKind, d.subjectId])).toEqual([
      [SubjectKind.GRADIENT, 2n],
      [SubjectKind.GRADIENT, 3n],
      [SubjectKind.AGGREGATION, 1n],
    ]);
    expect((await world.sim.slashes()).map((s) => [s.reason, s.amount])).toEqual([['missing_report', remes(100).toString()]]);
    expect(world.ofType('problem')[0]).toMatchObject({ code: 'CONTENT_NOT_FOUND', reason: 'nobody serves it any more' });
  });
});

describe('a proposer', () => {
  it('whose right result a bribed verifier contradicts takes the case further; the others with the same result do not pay twice', async () => {
    world = await World.start({ change: slow });
    const { miners, proposers } = await world.everybody();
    const cheat = await world.deps(world.sim.proposers[0]!.account);
    const truthOf = cheat.work.aggregation.bind(cheat.work);
    let lie = new Uint8Array();
    cheat.work.aggregation = async (window) => {
      const { files, result: right } = await truthOf(window);
      if (window.id > 1n || window.phase > WindowPhase.REVEALING) return { files, result: right };
      const included = (await world.sim.gradients(window.id)).filter((g) => window.included.includes(g.id));
      const result = wrongResult(window, included);
      lie = new Uint8Array(result.resultHash);
      return { files, result };
    };
    const bribed = await Promise.all(
      world.sim.verifiers.map(async ({ account }) => {
        const deps = await world.deps(account);
        const honest = deps.work.aggregation.bind(deps.work);
        deps.work.aggregation = async (window) => {
          const right = await honest(window);
          const isJudge = (await world.sim.openDuties(account.address)).some((d) => d.subjectKind === SubjectKind.AGGREGATION && d.kind === DutyKind.LAYER2);
          return isJudge && window.id === 1n ? { ...right, result: { ...right.result, resultHash: lie } } : right;
        };
        return createVerifier(deps);
      }),
    );
    const all = [...miners, createProposer(cheat), ...proposers.slice(1), ...bribed];
    await untilClosed(all);
    const closed = (await firstCase())!;
    expect([closed.origin, closed.layer, closed.verdict]).toEqual([CaseOrigin.UNEQUAL_REVEALS, CaseLayer.THREE, Verdict.VALID]);
    expect(equalBytes(closed.verdictHash, lie)).toBe(false);
    expect((await world.sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
    expect(closed.bonds).toHaveLength(1);
    expect(await world.sim.stake(Part.PROPOSER, world.sim.proposers[0]!.account.address)).toBe(remes(25_000));
    for (const { account } of world.sim.proposers.slice(1)) expect(await world.sim.stake(Part.PROPOSER, account.address)).toBe(remes(50_000));
  });
});
