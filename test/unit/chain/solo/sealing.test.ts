import { describe, expect, it } from 'vitest';

import { IntervalSealing, ReadySealing } from '../../../../src/chain/solo/sealing.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { FakeApp } from './fake-app.js';
import { openEngine, reached } from './harness.js';

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const never = new AbortController().signal;

function readySealing(roles: string[], timeoutMs = 0) {
  const chain = { height: 0n };
  const sealing = new ReadySealing(roles.map((role) => ({ role, addresses: [] })), timeoutMs, () => chain.height, 1n);
  const sealed: bigint[] = [];
  const run = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      await sealing.due(signal);
      if (signal.aborted) return;
      chain.height++;
      sealed.push(chain.height);
    }
  };
  return { chain, sealing, sealed, run };
}

describe('ReadySealing', () => {
  it('seals nothing before every role was there, then waits for each live one at every height', async () => {
    const { sealing, sealed, run } = readySealing(['a', 'b']);
    const stop = new AbortController();
    const loop = run(stop.signal);
    expect(sealing.join('a').waitingFor).toEqual(['b']);
    await settle();
    expect(sealed).toEqual([]);
    sealing.join('b');
    await settle();
    // Nothing is due before the first block; afterwards both must say so.
    expect(sealed).toEqual([1n]);
    expect(sealing.ready('a', 1n)).toEqual({ height: 1n, waitingFor: ['b'] });
    sealing.ready('a', 1n);
    await settle();
    expect(sealed).toEqual([1n]);
    sealing.ready('b', 1n);
    await settle();
    expect(sealed).toEqual([1n, 2n]);
    sealing.ready('b', 1n);
    sealing.ready('b', 2n);
    expect(sealing.leave('a').waitingFor).toEqual([]);
    await settle();
    expect(sealed).toEqual([1n, 2n, 3n]);
    // With nobody left there is nothing to seal for.
    sealing.leave('b');
    await settle();
    expect(sealed).toEqual([1n, 2n, 3n]);
    sealing.join('b');
    await settle();
    expect(sealed).toEqual([1n, 2n, 3n]);
    sealing.ready('b', 3n);
    await settle();
    expect(sealed).toEqual([1n, 2n, 3n, 4n]);
    stop.abort();
    await loop;
  });

  it('takes being ready for joining, as after a restart of the node', async () => {
    const { sealing, sealed, run } = readySealing(['a']);
    const stop = new AbortController();
    const loop = run(stop.signal);
    sealing.ready('a', 0n);
    await settle();
    expect(sealed).toEqual([1n]);
    stop.abort();
    await loop;
  });

  it('refuses strangers, blocks that do not exist and odd settings', () => {
    const { sealing } = readySealing(['a']);
    expect(() => sealing.join('x')).toThrow(/one of the roles a, got "x"/);
    expect(() => sealing.ready('a', 1n)).toThrow(/newest block is 0/);
    expect(() => readySealing([])).toThrow(/at least one role/);
    expect(() => readySealing(['a', 'a'])).toThrow(/different names/);
    expect(() => readySealing(['a'], -1)).toThrow(/0 ms or more/);
    expect(() => new IntervalSealing(0)).toThrow(/at least 1 ms/);
  });

  it('goes on without a silent role after the time-out, but not before all have joined', async () => {
    const { sealing, sealed, run } = readySealing(['a', 'b'], 5);
    const stop = new AbortController();
    const loop = run(stop.signal);
    sealing.join('a');
    await settle();
    expect(sealed).toEqual([]);
    sealing.join('b');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(sealed.length).toBeGreaterThan(2);
    stop.abort();
    await loop;
  });

  it('ends waiting when it is stopped', async () => {
    const { sealing } = readySealing(['a']);
    const stop = new AbortController();
    const waiting = sealing.due(stop.signal);
    stop.abort();
    await waiting;
    await sealing.due(stop.signal);
    await new IntervalSealing(60_000).due(never);
    const interval = new IntervalSealing(60_000);
    await interval.due(stop.signal);
    await interval.due(stop.signal);
  });
});

describe('a devnet with a seed', () => {
  const run = async (order: readonly number[]): Promise<string[]> => {
    const app = new FakeApp();
    const roles = ['x', 'y'].map((role) => ({ role, addresses: [] }));
    const engine = await openEngine({ app, stopAtHeight: 4n, nowMs: () => 0, sealing: { kind: 'ready', roles, timeoutMs: 0, deterministicOrder: { blockSeconds: 5n } } });
    engine.start();
    for (const { role } of roles) engine.roles.join(role);
    for (let height = 1n; height < 4n; height++) {
      await reached(engine, height);
      for (const index of order) {
        const { role } = roles[index]!;
        await engine.broadcast(utf8(`${role} at ${height}`));
        engine.roles.ready(role, height);
      }
    }
    await engine.finished;
    expect(app.disk.executed).toHaveLength(6);
    return [1n, 2n, 3n, 4n].map((height) => {
      const { blockId, header } = engine.store.meta(height)!;
      expect(header!.time).toEqual({ seconds: engine.genesis.genesisTime.seconds + height * 5n, nanos: 0 });
      const signed = engine.store.seenCommit(height)!.signatures[0]!;
      expect(signed.timestamp!.seconds).toBe(header!.time!.seconds + 5n);
      return [blockId!.hash, blockId!.partSetHeader!.hash, engine.store.results(height)!.appHash].map((b) => Buffer.from(b).toString('hex')).join();
    });
  };

  it('makes the same blocks whoever is faster', async () => {
    const first = await run([0, 1]);
    expect(await run([1, 0])).toEqual(first);
  });
});
