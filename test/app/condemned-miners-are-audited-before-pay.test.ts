import { afterEach, describe, expect, it } from 'vitest';

import { CasePhase, DutyKind, SubjectKind } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../src/protocol/gen/remes/remes/v1/reward.js';
import { GradientStatus } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { cheatingMiner, honestMiner, remes, Simulation, type MinerActor } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

/**
 * One miner cheats in window 1 and does `second` in window 2, where no audit is drawn for it. The verdict on the first falls
 * in the very block in which window 2 is due to be paid.
 */
async function condemnedWhenDue(second: MinerActor): Promise<void> {
  sim = await Simulation.start({
    miners: 3,
    change: (p) => ({ ...p, challenge: { ...p.challenge, auditBps: 0, auditFloorBps: 300, doubleAuditBps: 0, probationJobs: 1, layer2Blocks: 60n } }),
  });
  const cheat = cheatingMiner();
  sim.miners[0]!.act = { ...cheat, gradientHash: (job) => (job.windowId === 1n ? cheat : job.windowId === 2n ? second : { gradientHash: () => undefined }).gradientHash(job) };
  let speaks = false;
  for (const v of sim.verifiers) v.act = { reveals: true, report: (duty, truth) => (duty.kind === DutyKind.LAYER2 && !speaks ? undefined : truth) };
  await sim.until(async () => ((await sim.window(2n))?.challengeEnd ?? 0n) > 0n);
  const { challengeEnd } = await sim.mustWindow(2n);
  // Committed, revealed, and two blocks to escalate: the case closes in the block `challengeEnd`.
  const { escalationBlocks } = sim.profile.challenge;
  await sim.until(() => Promise.resolve(sim.chain.height + 1n === challengeEnd - escalationBlocks - 1n));
  speaks = true;
  expect(await auditsOfSecond()).toEqual([]);
  await sim.until(() => Promise.resolve(sim.chain.height === challengeEnd));
  expect((await sim.cases(1n)).map((c) => [c.phase, c.closedHeight])).toEqual([[CasePhase.CLOSED, challengeEnd]]);
  expect((await sim.mustWindow(2n)).settled).toBe(false);
}

const second = () => sim.gradientOf(2n, sim.miners[0]!.account.address);

async function auditsOfSecond() {
  const { id } = await second();
  return (await sim.audits(2n)).filter((d) => d.subjectKind === SubjectKind.GRADIENT && d.subjectId === id);
}

describe('unpaid work that is due in the block of its author’s condemnation', () => {
  it('is audited first, found wrong and not paid', async () => {
    await condemnedWhenDue(cheatingMiner());
    await sim.step();
    expect(await auditsOfSecond()).toHaveLength(1);
    await sim.untilSettled(2n);
    await sim.until(async () => (await sim.cases()).every((c) => c.phase === CasePhase.CLOSED));
    expect((await second()).status).toBe(GradientStatus.SLASHED);
    const { address } = sim.miners[0]!.account;
    expect((await sim.rewards(2n)).filter((r) => r.address === address && r.status !== RewardStatus.FORFEITED)).toEqual([]);
    expect(await sim.stake(Part.MINER, address)).toBe(remes(250));
  });

  it('is audited first, found right and paid', async () => {
    await condemnedWhenDue(honestMiner());
    await sim.untilSettled(2n);
    expect((await auditsOfSecond()).map((d) => d.reportHash)).toEqual([(await second()).gradientHash]);
    expect((await second()).status).toBe(GradientStatus.FINALIZED);
    expect(await sim.reward(2n, sim.miners[0]!.account.address)).toBeGreaterThan(0n);
  });
});
