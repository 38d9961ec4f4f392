import { afterEach, describe, expect, it } from 'vitest';

import { CaseOrigin, CasePhase, DutyKind, DutyStatus, SubjectKind } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { GradientStatus } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import type { Profile } from '../../src/protocol/params.js';
import type { TestEvent } from './harness.js';
import { cheatingMiner, remes, Simulation, trueGradientHash, wrongHash } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

const double = (p: Profile): Profile => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 10_000 } });

async function eventsUntil(type: string, done: () => Promise<boolean>): Promise<TestEvent[]> {
  const events: TestEvent[] = [];
  for (let i = 0; i < 100 && (sim.chain.height === 0n || !(await done())); i++) events.push(...(await sim.step()).events);
  return events.filter((e) => e.type === type);
}

const settled = (id: bigint) => async () => (await sim.window(id))?.settled === true;

describe('an audit', () => {
  it('that no verifier can be drawn for is told by an event, and the window goes on', async () => {
    sim = await Simulation.start({ miners: 2, verifiers: 0 });
    const told = await eventsUntil('audit_not_drawn', settled(1n));
    expect(told.filter((e) => e.attributes['window_id'] === '1').map((e) => [e.attributes['subject'], e.attributes['subject_id'], e.attributes['empty_seats']])).toEqual([
      ['gradient', '1', '1'],
      ['gradient', '2', '1'],
      ['aggregation', '1', '1'],
    ]);
  });

  it('of two seats for which there is one verifier has one, and tells of the other', async () => {
    sim = await Simulation.start({ miners: 1, verifiers: 1, change: double });
    const told = await eventsUntil('audit_not_drawn', settled(1n));
    expect(told.filter((e) => e.attributes['window_id'] === '1').map((e) => [e.attributes['subject'], e.attributes['empty_seats']])).toEqual([['gradient', '1']]);
    expect((await sim.audits(1n)).filter((d) => d.subjectKind === SubjectKind.GRADIENT && d.status === DutyStatus.REVEALED)).toHaveLength(1);
  });

  it('is not drawn for a gradient that is condemned already', async () => {
    // Collecting goes on long enough for a challenge to be decided before auditors are drawn.
    sim = await Simulation.start({ miners: 2, change: (p) => ({ ...p, training: { ...p.training, collectingBlocks: 20n } }) });
    sim.miners[0]!.act = cheatingMiner();
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 2);
    const bad = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    await sim.step([sim.challengeGradient(sim.outsider, bad.id, trueGradientHash(bad.jobId))]);
    await sim.until(async () => (await sim.cases(1n)).every((c) => c.phase === CasePhase.CLOSED));
    expect([(await sim.gradient(bad.id)).status, (await sim.audits(1n)).length]).toEqual([GradientStatus.SLASHED, 0]);
    await sim.untilSettled(1n);
    const audited = (await sim.audits(1n)).filter((d) => d.subjectKind === SubjectKind.GRADIENT).map((d) => d.subjectId);
    expect(audited).toEqual([(await sim.gradientOf(1n, sim.miners[1]!.account.address)).id]);
  });
});

describe('a double audit of which a seat is drawn anew', () => {
  it('is compared as a whole: who reports without computing is found by the one who came first', async () => {
    sim = await Simulation.start({ miners: 1, change: double });
    const roles = new Map<bigint, string>();
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          if (duty.windowId !== 1n || duty.kind !== DutyKind.AUDIT || duty.subjectKind !== SubjectKind.GRADIENT) return truth;
          const role = roles.get(duty.id) ?? ['honest', 'silent', 'lazy'][roles.size] ?? 'honest';
          roles.set(duty.id, role);
          return role === 'silent' ? undefined : role === 'lazy' ? { ...truth, digest: wrongHash('lazy') } : truth;
        },
      };
    }
    await sim.untilSettled(1n);
    await sim.until(async () => (await sim.cases(1n)).every((c) => c.phase === CasePhase.CLOSED));
    expect([...roles.values()]).toEqual(['honest', 'silent', 'lazy']);
    expect((await sim.cases(1n)).map((c) => c.origin)).toEqual([CaseOrigin.UNEQUAL_AUDITS]);
    const stakes = await Promise.all([...roles].map(async ([id, role]) => {
      const duty = (await sim.duties(1n)).find((d) => d.id === id);
      return [role, await sim.stake(Part.VERIFIER, duty?.verifier ?? '')];
    }));
    expect(stakes).toEqual([['honest', remes(10_000)], ['silent', remes(9_900)], ['lazy', remes(8_000)]]);
  });

  it('has both in one group again where both kept silent', async () => {
    sim = await Simulation.start({ miners: 1, change: double });
    let drawn = 0;
    const silent = new Set<bigint>();
    for (const v of sim.verifiers) {
      v.act = {
        reveals: true,
        report: (duty, truth) => {
          if (duty.windowId !== 1n || duty.kind !== DutyKind.AUDIT || duty.subjectKind !== SubjectKind.GRADIENT) return truth;
          if (!silent.has(duty.id) && drawn < 2) {
            drawn += 1;
            silent.add(duty.id);
          }
          return silent.has(duty.id) ? undefined : truth;
        },
      };
    }
    await sim.untilSettled(1n);
    const audits = (await sim.audits(1n)).filter((d) => d.subjectKind === SubjectKind.GRADIENT);
    expect(audits.map((d) => d.status)).toEqual([DutyStatus.MISSED, DutyStatus.MISSED, DutyStatus.REVEALED, DutyStatus.REVEALED]);
    expect(audits[2]?.groupId).toBe(audits[3]?.groupId);
    expect(audits[2]?.groupId).not.toBe(audits[0]?.groupId);
    expect(audits[2]?.verifier).not.toBe(audits[3]?.verifier);
  });
});
