import { afterEach, describe, expect, it } from 'vitest';

import { moduleAddress } from '../../src/protocol/address.js';
import { coin } from '../../src/protocol/coins.js';
import { Part, RegistrationStatus } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../src/protocol/gen/remes/remes/v1/reward.js';
import { WindowOutcome } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { MsgRegisterNode, MsgTopUpStake } from '../../src/protocol/gen/remes/remes/v1/tx.js';
import { message } from './harness.js';
import { GENESIS_SUPPLY, remes, Simulation, wrongHash } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

describe('a stake', () => {
  it('cannot be paid out to the account of a module, where it would be nobody’s', async () => {
    sim = await Simulation.start();
    await sim.step();
    for (const name of ['node', 'challenge', 'fee_collector']) {
      const msg = { address: sim.outsider.address, part: Part.MINER, stake: coin(remes(1000)), payoutAddress: moduleAddress(name) };
      await sim.step([{ account: sim.outsider, messages: [message('/remes.remes.v1.MsgRegisterNode', MsgRegisterNode, msg)] }]);
      expect(sim.failures.splice(0)).toEqual([
        expect.objectContaining({ codespace: 'node', code: 7, log: expect.stringContaining(`got ${moduleAddress(name)}, which belongs to a module`) as string }),
      ]);
    }
    expect(await sim.registration(Part.MINER, sim.outsider.address)).toBeUndefined();
  });

  it('of an inactive miner counts from the next epoch when it is topped up, as when it is reactivated', async () => {
    sim = await Simulation.start({ change: (p) => ({ ...p, node: { ...p.node, epochBlocks: 50n } }) });
    const sleeper = sim.miners[0]!;
    sleeper.act = { ...sleeper.act, gradientHash: () => undefined };
    const status = async () => (await sim.registration(Part.MINER, sleeper.account.address))?.status;
    await sim.until(async () => (await status()) === RegistrationStatus.INACTIVE);
    const topUp = { address: sleeper.account.address, part: Part.MINER, amount: coin(1n) };
    await sim.step([{ account: sleeper.account, messages: [message('/remes.remes.v1.MsgTopUpStake', MsgTopUpStake, topUp)] }]);
    const toppedUp = sim.chain.height;
    expect(sim.failures).toEqual([]);
    expect(await status()).toBe(RegistrationStatus.ACTIVE);
    const { effectiveHeight } = (await sim.registration(Part.MINER, sleeper.account.address))!;
    expect(effectiveHeight % 50n).toBe(0n);
    await sim.until(() => Promise.resolve(sim.chain.height >= effectiveHeight));
    const opened = [];
    for (let id = (await sim.window())!.id; id > 0n; id--) opened.push(await sim.mustWindow(id));
    const between = opened.filter((w) => w.openedHeight >= toppedUp && w.openedHeight < effectiveHeight);
    expect(between.length).toBeGreaterThan(0);
    for (const w of between) expect((await sim.jobs(w.id)).map((j) => j.miner)).not.toContain(sleeper.account.address);
    const next = (await sim.window())!.id + 1n;
    await sim.until(async () => (await sim.window(next)) !== undefined);
    expect((await sim.jobs(next)).map((j) => j.miner)).toContain(sleeper.account.address);
  });
});

describe('proposers that say nothing at all', () => {
  it('lose one per cent each, although nothing was included and nobody came to owe a commit', async () => {
    sim = await Simulation.start();
    for (const p of sim.proposers) p.act = { ...p.act, attests: false };
    await sim.untilSettled(1n);
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.NO_GRADIENTS);
    const slashes = (await sim.slashes()).filter((s) => s.windowId === 1n);
    expect(slashes.map((s) => [s.reason, s.amount, s.burned])).toEqual(Array(3).fill(['missing_attestation', remes(500).toString(), remes(500).toString()]));
    for (const p of sim.proposers) expect(await sim.stake(Part.PROPOSER, p.account.address)).toBe(remes(49_500));
    expect((await sim.rewards(1n)).filter((r) => r.part !== Part.VERIFIER)).toEqual([]);
  });
});

describe('the supply', () => {
  it('stays below its cap although cases hold back pay while other windows are paid', async () => {
    const cap = GENESIS_SUPPLY + remes(30);
    sim = await Simulation.start({
      change: (p) => ({
        ...p,
        reward: { ...p.reward, supplyCap: cap.toString() },
        challenge: {
          ...p.challenge,
          auditBps: 0,
          auditFloorBps: 300,
          probationJobs: 0,
          challengeBlocks: 8n,
          layer2Blocks: 30n,
          silenceSlashBps: 0,
        },
      }),
    });
    for (const v of sim.verifiers) v.act = { ...v.act, report: (duty, truth) => (duty.caseId > 0n ? undefined : truth) };
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 3);
    await sim.step((await sim.gradients(1n)).map((g) => ({ ...sim.challengeGradient(sim.outsider, g.id, wrongHash('bogus')) })));
    await sim.untilSettled(1n);
    const frozen = (await sim.rewards(1n)).filter((r) => r.status === RewardStatus.FROZEN);
    expect(frozen.map((r) => r.part)).toEqual([Part.MINER, Part.MINER, Part.MINER]);
    await sim.until(async () => {
      expect(await sim.chain.supply()).toBeLessThanOrEqual(cap);
      return (await sim.cases()).every((c) => c.closedHeight > 0n);
    });
    expect((await sim.rewards(1n)).every((r) => r.status === RewardStatus.PAID)).toBe(true);
    await sim.untilSettled(4n);
    expect(await sim.chain.supply()).toBeLessThanOrEqual(cap);
    expect(await sim.chain.supply()).toBeGreaterThan(cap - 100n); // all but what dividing floors
  });
});
