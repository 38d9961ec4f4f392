import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { WindowOutcome } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import type { Role } from '../../../src/roles/role.js';
import { saltFor } from '../../../src/roles/role.js';
import { World } from './harness.js';

class Kill extends Error {}

/** A process that is started anew, with nothing in memory, whenever it is killed. */
class Process {
  kills = 0;
  #role: Role | undefined;

  constructor(private readonly start: () => Promise<Role>) {}

  async onHeight(height: bigint): Promise<void> {
    for (;;) {
      this.#role ??= await this.start();
      try {
        await this.#role.onHeight(height);
        return;
      } catch (error) {
        if (!(error instanceof Kill)) throw error;
        this.kills++;
        this.#role = undefined;
      }
    }
  }

  restart(): void {
    this.#role = undefined;
  }
}

type Fate = 'lives' | 'dies before' | 'dies after';

/** Plays the first window while processes die as `fates` say, one for each sending of a message. */
async function play(fates: readonly Fate[], restartsAtHeights: ReadonlySet<number>): Promise<{ sent: string[]; kills: number }> {
  const world = await World.start({ miners: 2, verifiers: 3 });
  const processes = [
    ...world.sim.miners.map((_, i) => new Process(() => world.miner(i))),
    ...world.sim.proposers.map((_, i) => new Process(() => world.proposer(i))),
    ...world.sim.verifiers.map((_, i) => new Process(() => world.verifier(i))),
  ];
  let sendings = 0;
  world.fate = (_typeUrl, when) => {
    const fate = fates[sendings] ?? 'lives';
    if (when === 'before' && fate === 'dies before') {
      sendings++;
      throw new Kill();
    }
    if (when === 'before') return;
    sendings++;
    if (fate === 'dies after') throw new Kill();
  };
  const sent: string[] = [];
  while ((await world.sim.window(1n))?.settled !== true) {
    for (const process of processes) await process.onHeight(world.height);
    const { results } = await world.seal();
    for (const r of results) for (const e of r.events) if (e.type === 'message') sent.push(`${e.attributes['action']} ${e.attributes['sender']}`);
    if (restartsAtHeights.has(Number(world.height))) for (const process of processes) process.restart();
  }
  expect(world.sim.failures.map((f) => f.log)).toEqual([]);
  expect(world.ofType('refused')).toEqual([]);
  expect(await world.sim.slashes()).toEqual([]);
  expect((await world.sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
  expect((await world.sim.gradients(1n)).map((g) => g.miner).sort()).toEqual(world.sim.miners.map((m) => m.account.address).sort());
  const { left, right } = await world.sim.invariants();
  expect(left).toEqual(right);
  await world.sim.chain.close();
  return { sent: sent.sort(), kills: processes.reduce((sum, p) => sum + p.kills, 0) };
}

describe('roles that are killed', () => {
  it('at any sending, before it or after it, and started anew: submit everything once, with the same salts', async () => {
    const undisturbed = await play([], new Set());
    expect(undisturbed.kills).toBe(0);
    const fate = fc.constantFrom<Fate>('lives', 'lives', 'dies before', 'dies after');
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 60 }), fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 8 }), async (fates, restarts) => {
        const { sent } = await play(fates, new Set(restarts));
        expect(sent).toEqual(undisturbed.sent);
      }),
      { numRuns: 20 },
    );
  }, 180_000);

  it('after every sending of the round', async () => {
    const undisturbed = await play([], new Set());
    const { sent, kills } = await play(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'dies after' : 'lives')), new Set());
    expect(kills).toBeGreaterThan(10);
    expect(sent).toEqual(undisturbed.sent);
  });
});

describe('the salt of a commitment', () => {
  it('is the same in every process of an account, and another for every purpose, subject and account', async () => {
    const world = await World.start();
    const [a, again, b] = [
      await world.sender(world.sim.proposers[0]!.account),
      await world.sender(world.sim.proposers[0]!.account),
      await world.sender(world.sim.proposers[1]!.account),
    ];
    expect(saltFor(a, 'report', 7n)).toEqual(saltFor(again, 'report', 7n));
    expect(saltFor(a, 'report', 7n)).toHaveLength(32);
    const others = [saltFor(a, 'report', 8n), saltFor(a, 'aggregation', 7n), saltFor(b, 'report', 7n)].map((s) => Buffer.from(s).toString('hex'));
    expect(new Set([...others, Buffer.from(saltFor(a, 'report', 7n)).toString('hex')]).size).toBe(4);
    await world.sim.chain.close();
  });
});
