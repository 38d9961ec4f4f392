/** Two cheaters among three honest miners, in twenty worlds: who is slashed, what is paid, and that a world is the same twice. */
import { expect, test } from 'vitest';

import { resultOf, runDevnet, withHome, type DevnetExit } from './devnet-harness.js';

const SEEDS = 20;
const ARGS = ['--rounds', '1', '--miners', '3', '--cheaters', '2', '--chunk-tokens', '256'];

function play(seed: number, env: Readonly<Record<string, string>> = {}): Promise<DevnetExit> {
  return withHome((home) => runDevnet(home, [...ARGS, '--seed', String(seed)], env));
}

function appHashes(exit: DevnetExit): unknown[] {
  return exit.lines.filter((l) => l.type === 'block').map((l) => [l['height'], l['appHash']]);
}

test(`in each of ${SEEDS} seeds both cheaters are slashed, no honest miner is, and the books balance`, { timeout: 900_000 }, async () => {
  const adapters = new Set<unknown>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const exit = await play(seed);
    const result = resultOf(exit);
    expect({ seed, ...result }).toMatchObject({ seed, honestSlashed: 0, cheatersSlashed: 2, balancesReconciled: true, tokensTrained: 5 * 256 });
    const slashed = exit.lines.filter((l) => l.type === 'slash').map((l) => l['reason']);
    expect(slashed.sort()).toEqual(['wrong_gradient', 'wrong_gradient']);
    const round = exit.lines.find((l) => l.type === 'round') as unknown as { miners: { name: string; reward: string }[] };
    const paid = Object.fromEntries(round.miners.map((m) => [m.name, BigInt(m.reward) > 0n]));
    expect(paid).toEqual({ 'miner-1': true, 'miner-2': true, 'miner-3': true, 'cheater-1': false, 'cheater-2': false });
    adapters.add(result['adapterCid']);
  }
  expect(adapters.size).toBe(SEEDS);
});

test('a seed gives the same application hash at every height and the same adapter for 1, 2 and 7 threads', { timeout: 300_000 }, async () => {
  const [one, two, seven] = [await play(7, { R3MES_THREADS: '1' }), await play(7, { R3MES_THREADS: '2' }), await play(7, { R3MES_THREADS: '7' })];
  expect(appHashes(one).length).toBeGreaterThan(10);
  for (const other of [two, seven]) {
    expect(appHashes(other)).toEqual(appHashes(one));
    expect(resultOf(other)).toEqual(resultOf(one));
  }
});
