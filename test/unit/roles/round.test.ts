import { afterEach, describe, expect, it } from 'vitest';

import { Part } from '../../../src/protocol/gen/remes/remes/v1/node.js';
import { WindowOutcome } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { World } from './harness.js';

let world: World;
afterEach(async () => {
  const { left, right } = await world.sim.invariants();
  expect(left).toEqual(right);
  await world.sim.chain.close();
});

describe('all roles together', () => {
  it('bring windows to an accepted aggregation and to pay, and send nothing that is refused', async () => {
    world = await World.start({ verifiers: 5 });
    const { miners, proposers, verifiers } = await world.everybody();
    await world.until([...miners, ...proposers, ...verifiers], async () => (await world.sim.window(2n))?.settled === true);
    expect(world.sim.failures.map((f) => f.log)).toEqual([]);
    expect(world.ofType('refused')).toEqual([]);
    expect(world.ofType('problem')).toEqual([]);
    expect(await world.sim.slashes()).toEqual([]);
    for (const id of [1n, 2n]) {
      expect((await world.sim.mustWindow(id)).outcome).toBe(WindowOutcome.ACCEPTED);
      expect((await world.sim.rewards(id)).filter((r) => r.part === Part.MINER && BigInt(r.amount) > 0n)).toHaveLength(3);
    }
    const [gradient] = world.ofType('gradient');
    expect(gradient).toMatchObject({ window: 1n, loss: 2, tokens: 256 });
    expect(world.ofType('report').length).toBeGreaterThanOrEqual(8);
  });
});
