import { afterEach, describe, expect, it } from 'vitest';

import { R3mesError } from '../../../src/protocol/errors.js';
import { WindowOutcome, WindowPhase } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { outgoing } from '../../../src/roles/messages.js';
import { attempt, Outbox, type RoleDeps, type RoleEvent } from '../../../src/roles/role.js';
import { runRoles } from '../../../src/roles/runner.js';
import { World } from './harness.js';

const attest = outgoing({ typeUrl: '/remes.remes.v1.MsgAttestGradients', value: { proposer: 'remes1x', windowId: 1n, bitmap: new Uint8Array(1) } });

function outbox(answers: (string | Error)[]): { box: Outbox; events: RoleEvent[] } {
  const events: RoleEvent[] = [];
  const submit = (): Promise<string> => {
    const answer = answers.shift();
    return typeof answer === 'string' ? Promise.resolve(answer) : Promise.reject(answer ?? new Error('nothing left to answer'));
  };
  return { box: new Outbox({ address: 'remes1x', saltSeed: new Uint8Array(32), submit }, (e) => events.push(e)), events };
}

describe('an outbox', () => {
  it('does not send again what is on its way, until it has left no trace for three heights', async () => {
    const { box } = outbox(['AA']);
    expect(box.isDue('attest 1', 10n)).toBe(true);
    expect(await box.send('attest 1', 10n, attest)).toBe('AA');
    expect([10n, 11n, 12n, 13n].map((height) => box.isDue('attest 1', height))).toEqual([false, false, false, true]);
    expect(box.isDue('attest 2', 10n)).toBe(true);
    box.forgetBefore(11n);
    expect(box.isDue('attest 1', 11n)).toBe(true);
  });

  it('waits as long for what was sent many heights after the one that asked for it', async () => {
    for (const seen of [18n, 500n]) {
      const { box } = outbox(['AA']);
      await box.send('job 1', 10n, attest);
      box.forgetBefore(seen - 100n);
      expect([seen, seen + 1n, seen + 2n].map((height) => box.isDue('job 1', height))).toEqual([false, false, true]);
      box.forgetBefore(seen + 100n);
      expect(box.isDue('job 1', seen + 200n)).toBe(true);
    }
  });

  it('forgets what nobody looked for again', async () => {
    const { box } = outbox(['AA']);
    await box.send('job 1', 10n, attest);
    for (const height of [200n, 201n]) box.forgetBefore(height);
    expect(box.isDue('job 1', 202n)).toBe(true);
  });

  it('reports a refusal with its reason and is due again at the next height', async () => {
    const { box, events } = outbox([new R3mesError({ code: 'TX_FAILED', message: 'insufficient fee; got: 1uremes required: 2uremes' }), 'BB']);
    expect(await box.send('attest 1', 10n, attest)).toBeUndefined();
    expect(events).toEqual([
      { type: 'refused', address: 'remes1x', message: 'MsgAttestGradients', code: 'TX_FAILED', reason: 'insufficient fee; got: 1uremes required: 2uremes' },
    ]);
    expect(box.isDue('attest 1', 11n)).toBe(true);
    expect(await box.send('attest 1', 11n, attest)).toBe('BB');
  });

  it('does not hide a bug', async () => {
    const { box } = outbox([new TypeError('a bug')]);
    await expect(box.send('attest 1', 10n, attest)).rejects.toThrow('a bug');
  });
});

describe('one thing of several', () => {
  const events: RoleEvent[] = [];
  const deps = { sender: { address: 'remes1x' }, emit: (e: RoleEvent) => events.push(e) } as unknown as RoleDeps;

  it('that fails as expected is told; a bug is not swallowed', async () => {
    await attempt(deps, 7n, () => Promise.reject(new R3mesError({ code: 'CONTENT_NOT_FOUND', message: 'nobody has it' })));
    expect(events).toEqual([{ type: 'problem', address: 'remes1x', height: 7n, code: 'CONTENT_NOT_FOUND', reason: 'nobody has it' }]);
    await expect(attempt(deps, 7n, () => Promise.reject(new RangeError('a bug')))).rejects.toThrow('a bug');
  });
});

describe('a runner', () => {
  async function* heights(...list: bigint[]): AsyncGenerator<bigint> {
    for (const height of list) yield await Promise.resolve(height);
  }

  it('lets every role act at every height, tells expected errors and goes on', async () => {
    const events: RoleEvent[] = [];
    const acted: string[] = [];
    const role = (address: string, fails: boolean) => ({
      address,
      onHeight: (height: bigint) => {
        acted.push(`${address} ${height}`);
        return fails ? Promise.reject(new R3mesError({ code: 'NODE_UNREACHABLE', message: 'restarting' })) : Promise.resolve();
      },
    });
    const after: bigint[] = [];
    const afterHeight = (height: bigint) => Promise.resolve(void after.push(height));
    await runRoles([role('a', true), role('b', false)], heights(1n, 2n), { emit: (e) => events.push(e), afterHeight });
    expect(acted).toEqual(['a 1', 'b 1', 'a 2', 'b 2']);
    expect(after).toEqual([1n, 2n]);
    expect(events.map((e) => [e.type, e['address'], e['height'], e['code']])).toEqual([
      ['problem', 'a', 1n, 'NODE_UNREACHABLE'],
      ['problem', 'a', 2n, 'NODE_UNREACHABLE'],
    ]);
  });

  it('ends at a bug', async () => {
    const broken = { address: 'a', onHeight: () => Promise.reject(new TypeError('a bug')) };
    await expect(runRoles([broken], heights(1n), { emit: () => undefined })).rejects.toThrow('a bug');
  });
});

describe('a node that does not take transactions', () => {
  let world: World;
  afterEach(() => world.sim.chain.close());

  it('for one height costs no commit of three blocks, nor does one that loses its mempool', async () => {
    world = await World.start({ verifiers: 3 });
    const { miners, proposers, verifiers } = await world.everybody();
    const all = [...miners, ...proposers, ...verifiers];
    await world.until(all, async () => (await world.sim.mustWindow(1n)).phase === WindowPhase.COMMITTING);
    world.isUp = false;
    await world.step(all);
    expect(world.ofType('refused').map((e) => e['message'])).toEqual(expect.arrayContaining(Array(3).fill('MsgCommitAggregation')));
    world.isUp = true;
    await world.until(all, async () => (await world.sim.mustWindow(1n)).closedHeight > 0n);
    expect((await world.sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);

    for (const role of all) await role.onHeight(world.height);
    expect(world.waiting).toBeGreaterThan(0);
    world.forgetMempool();
    await world.until(all, async () => (await world.sim.window(2n))?.settled === true);
    expect((await world.sim.gradients(2n)).map((g) => g.miner).sort()).toEqual(world.sim.miners.map((m) => m.account.address).sort());
    expect(world.sim.failures.map((f) => f.log)).toEqual([]);
    expect(await world.sim.slashes()).toEqual([]);
  });
});
