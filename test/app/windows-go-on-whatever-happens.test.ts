import { afterEach, describe, expect, it } from 'vitest';

import { coin } from '../../src/protocol/coins.js';
import { Part, RegistrationStatus } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { JobStatus, WindowOutcome, WindowPhase } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { MsgReactivateNode, MsgRegisterNode, MsgTopUpStake } from '../../src/protocol/gen/remes/remes/v1/tx.js';
import { message } from './harness.js';
import { remes, Simulation, submission, trueGradientHash } from './simulation.js';

let sim: Simulation;
afterEach(async () => {
  const books = await sim.books();
  expect(books.balances).toBe(books.supply);
  expect(books.supply).toBe(books.expectedSupply);
  await sim.chain.close();
});

describe('a window', () => {
  it('gives the first in order a job where there are more miners than jobs, no two alike', async () => {
    sim = await Simulation.start({ miners: 5, trainingChunks: 3 });
    await sim.step();
    await sim.step();
    const jobs = await sim.jobs(1n);
    expect(jobs).toHaveLength(3);
    expect(new Set(jobs.flatMap((j) => j.chunks)).size).toBe(3);
    expect(new Set(jobs.map((j) => j.miner)).size).toBe(3);
    await sim.untilSettled(1n);
    const idle = sim.miners.filter((m) => !jobs.some((j) => j.miner === m.account.address));
    for (const m of idle) expect(await sim.reward(1n, m.account.address)).toBe(0n);
    for (const { miner } of jobs) expect(await sim.reward(1n, miner)).toBeGreaterThan(0n);
    for (const m of idle) expect((await sim.registration(Part.MINER, m.account.address))?.missedInARow).toBe(0);
  });

  it('without any gradient leaves the adapter and opens the next in the same block; three misses make inactive', async () => {
    sim = await Simulation.start();
    for (const m of sim.miners) m.act = { ...m.act, gradientHash: () => undefined };
    await sim.until(async () => (await sim.mustWindow(1n)).closedHeight > 0n);
    const first = await sim.mustWindow(1n);
    const second = await sim.mustWindow(2n);
    expect([first.outcome, first.settled, first.phase]).toEqual([WindowOutcome.NO_GRADIENTS, true, WindowPhase.FINALIZED]);
    expect([second.openedHeight, second.baseAdapterCid]).toEqual([first.collectingEnd, first.baseAdapterCid]);
    expect((await sim.jobs(1n)).map((j) => j.status)).toEqual([JobStatus.MISSED, JobStatus.MISSED, JobStatus.MISSED]);
    await sim.until(async () => (await sim.registration(Part.MINER, sim.miners[0]!.account.address))?.status === RegistrationStatus.INACTIVE);
    expect((await sim.window())?.id).toBe(3n);
    await sim.steps(10); // nobody is left to work: no further window opens, and no block stops
    expect((await sim.window())?.id).toBe(3n);
    const { account, act } = sim.miners[0]!;
    await sim.step([{ account, messages: [message('/remes.remes.v1.MsgReactivateNode', MsgReactivateNode, { address: account.address, part: Part.MINER })] }]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    sim.miners[0]!.act = { ...act, gradientHash: (job) => trueGradientHash(job.id) };
    await sim.until(async () => (await sim.window())?.id === 4n);
    expect((await sim.jobs(4n)).map((j) => j.miner)).toEqual([account.address]);
    expect(await sim.slashes()).toEqual([]);
    // Nobody was paid for three windows of nothing, and nobody lost a coin.
    expect(sim.trail).toMatchObject({ minted: 0n, burned: 0n });
    for (const m of sim.miners) expect(await sim.stake(Part.MINER, m.account.address)).toBe(remes(1000));
  });

  it('goes on without proposers and without verifiers', async () => {
    sim = await Simulation.start({ proposers: 0, verifiers: 0 });
    await sim.untilSettled(2n);
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.NO_GRADIENTS);
    expect((await sim.mustWindow(2n)).baseAdapterCid).toBe((await sim.mustWindow(1n)).baseAdapterCid);
  });

  it('with one miner works too', async () => {
    sim = await Simulation.start({ miners: 1 });
    await sim.untilSettled(2n);
    expect((await sim.mustWindow(2n)).outcome).toBe(WindowOutcome.ACCEPTED);
  });

  it('refuses submissions that do not fit, each with what was seen and expected', async () => {
    sim = await Simulation.start();
    for (const m of sim.miners) m.act = { ...m.act, gradientHash: () => undefined };
    await sim.step();
    await sim.step();
    const [a, b] = [sim.miners[0]!.account, sim.miners[1]!.account];
    const window = await sim.mustWindow(1n);
    const job = (await sim.job(1n, a.address))!;
    const hash = trueGradientHash(job.id);
    const good = submission(a.address, window, job, hash);
    const refusal = async (account: typeof a, change: Partial<typeof window>, jobChange: Partial<typeof job> = {}) => {
      await sim.step([{ account, messages: [submission(account.address, { ...window, ...change }, { ...job, ...jobChange }, hash)] }]);
      return sim.failures.splice(0)[0]?.log;
    };
    expect(await refusal(b, {})).toMatch(new RegExp(`expected a submission of ${a.address}`));
    expect(await refusal(a, { id: 2n })).toMatch(/window 2 has no such job/);
    expect(await refusal(a, {}, { id: new Uint8Array(32) })).toMatch(/has no such job/);
    expect(await refusal(a, { modelVersion: 7n })).toMatch(/expected model version 0, got 7/);
    expect(await refusal(a, { baseAdapterCid: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' })).toMatch(/expected base adapter/);
    await sim.step([{ account: a, messages: [good] }]);
    expect(sim.failures).toEqual([]);
    expect(await refusal(a, {})).toMatch(/already has gradient 1/);
    await sim.until(async () => (await sim.mustWindow(1n)).phase !== WindowPhase.COLLECTING);
    const late = await sim.job(1n, b.address);
    await sim.step([{ account: b, messages: [submission(b.address, window, late!, hash)] }]);
    expect(sim.failures.splice(0)[0]?.log).toMatch(/window 1 collected until height 9/);
  });
});

describe('a stake', () => {
  it('put down later counts from the next epoch on, and a topped up one as well', async () => {
    sim = await Simulation.start();
    await sim.step();
    const account = sim.outsider;
    const register = { address: account.address, part: Part.MINER, stake: coin(remes(1000)), payoutAddress: sim.miners[0]!.account.address };
    await sim.step([{ account, messages: [message('/remes.remes.v1.MsgRegisterNode', MsgRegisterNode, register)] }]);
    expect(sim.failures).toEqual([]);
    const registered = await sim.registration(Part.MINER, account.address);
    expect([registered?.effectiveHeight, registered?.payoutAddress]).toEqual([8n, sim.miners[0]!.account.address]);
    await sim.step([{ account, messages: [message('/remes.remes.v1.MsgTopUpStake', MsgTopUpStake, { address: account.address, part: Part.MINER, amount: coin(remes(5)) })] }]);
    expect(await sim.stake(Part.MINER, account.address)).toBe(remes(1005));
    expect((await sim.registration(Part.MINER, account.address))?.priorStake).toBe('0');
    await sim.until(async () => ((await sim.window())?.id ?? 0n) >= 2n);
    expect((await sim.jobs(2n)).map((j) => j.miner)).toContain(account.address);
    // Take the outsider's stake out of the books before they are compared.
    await sim.step([sim.unregister(account, Part.MINER)]);
    await sim.until(async () => (await sim.registration(Part.MINER, account.address)) === undefined);
  });

  it('is refused when too small, twice, or for a part that is not open', async () => {
    sim = await Simulation.start();
    await sim.step();
    const account = sim.outsider;
    const attempt = async (part: Part, stake: bigint) => {
      const msg = { address: account.address, part, stake: coin(stake), payoutAddress: '' };
      await sim.step([{ account, messages: [message('/remes.remes.v1.MsgRegisterNode', MsgRegisterNode, msg)] }]);
      return sim.failures.splice(0)[0]?.log;
    };
    expect(await attempt(Part.VERIFIER, remes(9999))).toMatch(/at least 10000000000 uremes, got 9999000000/);
    expect(await attempt(Part.SERVING, remes(1000))).toMatch(/expected the part miner, proposer or verifier/);
    const again = sim.miners[0]!.account;
    const msg = { address: again.address, part: Part.MINER, stake: coin(remes(1000)), payoutAddress: '' };
    await sim.step([{ account: again, messages: [message('/remes.remes.v1.MsgRegisterNode', MsgRegisterNode, msg)] }]);
    expect(sim.failures.splice(0)[0]?.log).toMatch(/already registered as miner/);
    await sim.step([sim.unregister(account, Part.MINER)]);
    expect(sim.failures.splice(0)[0]?.log).toMatch(/is not registered as miner/);
  });
});
