/** The whole devnet, every process of it, is killed at ten random moments; the same command then continues. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { resultOf, startDevnet, withHome, type DevnetExit, type Line } from './devnet-harness.js';

const KILLS = 10;
/** More than can be played between that many kills. */
const ROUNDS = 10;
const ARGS = ['--rounds', String(ROUNDS), '--miners', '3', '--cheaters', '1', '--chunk-tokens', '256'];

/** Counts jobs in what all runs saw included in blocks; a submission that was refused in a block is a failure of its own. */
function failures(lines: readonly Line[]): readonly Line[] {
  return lines.filter((l) => l.type === 'tx_failed');
}

test(`kill -9 at ${KILLS} random moments loses no round, repeats no submission and the books balance`, { timeout: 900_000 }, async () => {
  await withHome(async (home) => {
    const seen: Line[] = [];
    const delaysMs: number[] = [];
    let last: DevnetExit | undefined;
    for (let kills = 0; last === undefined; kills++) {
      const devnet = startDevnet(home, ARGS);
      if (kills < KILLS) {
        // From set-up to the middle of a block: anything may be half done.
        const delayMs = 300 + Math.floor(Math.random() * 4_000);
        delaysMs.push(delayMs);
        await Promise.race([sleep(delayMs), devnet.exit]);
        devnet.kill();
      }
      const exit = await devnet.exit;
      seen.push(...exit.lines);
      if (exit.code !== undefined) last = exit;
    }
    const context = `killed after ${delaysMs.join(', ')} ms`;
    expect(delaysMs.length, context).toBe(KILLS);
    expect(last.code, `${context}: ${last.stderr}`).toBe(0);
    expect(resultOf(last), context).toMatchObject({ honestSlashed: 0, cheatersSlashed: 1, balancesReconciled: true });
    expect(failures(seen), context).toEqual([]);
    // The chain seals a block once: what was seen twice is the same block told by two runs.
    const heights = new Map<unknown, unknown>();
    for (const l of seen.filter((line) => line.type === 'block')) {
      if (heights.has(l['height'])) expect(heights.get(l['height']), context).toBe(l['appHash']);
      heights.set(l['height'], l['appHash']);
    }
    const settled = seen.filter((l) => l.type === 'round').map((l) => l['round']);
    expect(new Set(settled).size, context).toBeGreaterThan(0);
    expect(resultOf(last)['tokensTrained'], context).toBe((4 + 3 * (ROUNDS - 1)) * 256);
  });
});
