import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { chaos, play } from './chaos.js';

describe('whatever anybody does and sends', () => {
  it('no handler has a bug, and after every block supply, stakes, bonds and emission sum up', async () => {
    const seen = { failures: 0, slashes: 0, cases: 0, rewards: 0 };
    await fc.assert(
      fc.asyncProperty(chaos(18), async (drawn) => {
        const sim = await play(drawn, async (now) => {
          const { left, right } = await now.invariants();
          expect(left).toEqual(right);
        });
        seen.failures += sim.failures.length;
        seen.slashes += (await sim.slashes()).length;
        seen.cases += (await sim.cases()).length;
        seen.rewards += (await sim.rewards(1n)).length;
        await sim.chain.close();
      }),
      { numRuns: 100 },
    );
    // The courses drawn do reach what they are to shake.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50);
  }, 300_000);

  it('the same blocks give the same app hashes and results in a fresh application and in one restarted at each height', async () => {
    await fc.assert(
      fc.asyncProperty(chaos(26), async (drawn) => {
        const sim = await play(drawn, () => Promise.resolve());
        await sim.chain.replay();
        await sim.chain.close();
      }),
      { numRuns: 6 },
    );
  }, 300_000);
});
