import { afterEach, describe, expect, it } from 'vitest';

import { R3mesError } from '../../../src/protocol/errors.js';
import { WindowPhase } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { createMiner } from '../../../src/roles/miner.js';
import { DEVICE, playJob, World } from './harness.js';

let world: World;
afterEach(() => world.sim.chain.close());

describe('a miner', () => {
  it('trains its job of a window once, and nothing after the last window it was given', async () => {
    world = await World.start({ verifiers: 3 });
    const { miners, proposers, verifiers } = await world.everybody();
    const deps = await world.deps(world.sim.miners[0]!.account);
    const limited = createMiner(deps, { device: DEVICE, lastWindow: 1n });
    await world.until([limited, ...miners.slice(1), ...proposers, ...verifiers], async () => (await world.sim.window(2n))?.phase === WindowPhase.ATTESTING);
    expect(deps.work.jobsRun).toBe(1);
    expect((await world.sim.gradients(1n)).map((g) => g.miner)).toContain(limited.address);
    expect((await world.sim.gradients(2n)).map((g) => g.miner)).not.toContain(limited.address);
  });

  it('without a job does nothing', async () => {
    world = await World.start({ miners: 3, trainingChunks: 2 });
    const all = await Promise.all([0, 1, 2].map((i) => world.miner(i)));
    await world.step(all);
    await world.step(all);
    const withJobs = (await world.sim.jobs(1n)).map((j) => j.miner);
    expect(withJobs).toHaveLength(2);
    await world.until(all, async () => (await world.sim.mustWindow(1n)).phase !== WindowPhase.COLLECTING);
    expect((await world.sim.gradients(1n)).map((g) => g.miner).sort()).toEqual([...withJobs].sort());
    expect(world.sim.failures).toEqual([]);
  });

  it('tries again at the next height what failed as expected, and sends what it has only while the window collects', async () => {
    world = await World.start();
    let tries = 0;
    const flaky = await world.miner(0, {
      produce: (window, job) => {
        if (++tries < 3) throw new R3mesError({ code: 'DISK_FULL', message: 'no space left' });
        return playJob(world.view, window, job);
      },
    });
    const slow = await world.miner(1, {
      produce: async (window, job) => {
        const made = await playJob(world.view, window, job);
        while ((await world.sim.mustWindow(1n)).phase === WindowPhase.COLLECTING) await world.seal();
        return made;
      },
    });
    for (let i = 0; i < 3; i++) {
      await flaky.onHeight(world.height).catch((error: unknown) => expect(error).toMatchObject({ code: 'DISK_FULL' }));
      await world.seal();
    }
    expect((await world.sim.gradients(1n)).map((g) => g.miner)).toEqual([flaky.address]);
    await slow.onHeight(world.height);
    expect(world.waiting).toBe(0);
    expect(world.ofType('late')).toMatchObject([{ window: 1n, miner: slow.address }]);
    expect(await world.sim.gradients(1n)).toHaveLength(1);
  });

  it('that decides to submit nothing sends nothing', async () => {
    world = await World.start();
    const silent = await world.miner(0, { produce: () => Promise.resolve(undefined) });
    await world.step([silent]);
    await world.step([silent]);
    expect(world.sim.failures).toEqual([]);
    expect(await world.sim.gradients(1n)).toEqual([]);
  });
});
