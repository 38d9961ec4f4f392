import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { SoloEngine } from '../../../../src/chain/solo/engine.js';
import { headerHash, voteSignBytes } from '../../../../src/chain/solo/hashing.js';
import { ValidatorKey } from '../../../../src/chain/solo/validator-key.js';
import { toHex, utf8 } from '../../../../src/protocol/bytes.js';
import { ResponseProcessProposal_ProposalStatus as Status } from '../../../../src/protocol/gen/tendermint/abci/types.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { compareTime } from '../../../../src/protocol/rfc3339.js';
import { FakeApp, TEST_KEY, emptyDisk, testGenesis } from './fake-app.js';
import { openEngine, reached, temporaryFolder } from './harness.js';

describe('SoloEngine', () => {
  it('calls the application in the order of CometBFT and chains its blocks', async () => {
    const app = new FakeApp();
    const seen: bigint[] = [];
    const engine = await openEngine({ app, stopAtHeight: 4n, onBlock: (height) => seen.push(height) });
    await engine.broadcast(utf8('hello'));
    engine.start();
    await engine.finished;
    expect(app.calls.slice(0, 9)).toEqual(['info', 'initChain', 'checkTx hello', 'prepare 1', 'process 1', 'finalize 1', 'commit', 'prepare 2', 'process 2']);
    expect(seen).toEqual([1n, 2n, 3n, 4n]);
    expect(app.disk.executed).toEqual(['1:hello']);

    for (let height = 1n; height <= 4n; height++) {
      const { header, lastCommit } = engine.store.block(height)!;
      const id = engine.store.meta(height)!.blockId!;
      expect(headerHash(header!)).toEqual(id.hash);
      expect(engine.store.heightOfHash(id.hash)).toBe(height);
      expect(header!.version).toEqual({ block: 11n, app: 7n });
      if (height === 1n) {
        expect(lastCommit!.signatures).toEqual([]);
        expect(header!.appHash).toEqual(sha256(utf8(JSON.stringify({ some: 'state' }))));
        continue;
      }
      const before = engine.store.block(height - 1n)!;
      expect(header!.lastBlockId).toEqual(engine.store.meta(height - 1n)!.blockId);
      expect(header!.appHash).toEqual(engine.store.results(height - 1n)!.appHash);
      expect(compareTime(header!.time!, before.header!.time!)).toBeGreaterThan(0);
      // Block time is the median of the times in its commit: here the only one.
      expect(lastCommit!.signatures[0]!.timestamp).toEqual(header!.time);
      const signed = voteSignBytes('test-1', height - 1n, lastCommit!.blockId!, header!.time!);
      expect(lastCommit!.signatures[0]!.signature).toEqual(TEST_KEY.sign(signed));
    }
    expect(app.lastFinalize!.decidedLastCommit!.votes).toEqual([{ validator: { address: TEST_KEY.address, power: 10n }, blockIdFlag: 2 }]);
    expect(app.lastPrepare!.localLastCommit!.votes[0]!.voteExtension.length).toBe(0);
  });

  it('keeps transactions in order of arrival, drops the included and rechecks the rest', async () => {
    const app = new FakeApp();
    app.prepared = (txs) => txs.slice(0, 2);
    const engine = await openEngine({ app, sealing: { kind: 'ready', roles: [{ role: 'r', addresses: [] }], timeoutMs: 0 } });
    for (const text of ['b', 'a', 'once', 'c']) await engine.broadcast(utf8(text));
    const bad = await engine.broadcast(utf8('bad one'));
    expect(bad.response.code).toBe(5);
    expect(engine.mempool.size).toBe(4);
    engine.start();
    engine.roles.join('r');
    await reached(engine, 1n);
    expect(app.disk.executed).toEqual(['1:b', '1:a']);
    expect(engine.mempool.entries().map(({ tx }) => Buffer.from(tx).toString())).toEqual(['c']);
    expect(app.calls.filter((c) => c.startsWith('recheck'))).toEqual(['recheck once', 'recheck c']);
  });

  it('refuses a transaction that waits, was included, is too large or too much', async () => {
    const engine = await openEngine({ mempool: { maxTxs: 2, maxBytes: 40, maxTxBytes: 30 } });
    const first = await engine.broadcast(utf8('first'));
    await expect(engine.broadcast(utf8('first'))).rejects.toMatchObject({ code: 'TX_IN_CACHE', message: 'tx already exists in cache' });
    await expect(engine.broadcast(new Uint8Array(31))).rejects.toMatchObject({ code: 'TX_TOO_LARGE' });
    await expect(engine.broadcast(new Uint8Array(30).fill(65))).resolves.toBeDefined();
    await expect(engine.broadcast(utf8('third'))).rejects.toMatchObject({ code: 'MEMPOOL_FULL', retryable: true });
    engine.start();
    await reached(engine, 1n);
    expect(engine.store.txPosition(first.hash)).toEqual({ height: 1n, index: 0 });
    await expect(engine.broadcast(utf8('first'))).rejects.toMatchObject({ code: 'TX_IN_CACHE' });
  });

  it('refuses a transaction that wants more gas than any block has', async () => {
    const genesis = testGenesis({ consensus_params: { block: { max_bytes: '-1', max_gas: '9' } } });
    const engine = await openEngine({ genesis });
    await expect(engine.broadcast(utf8('x'))).rejects.toThrow('room for 9 gas, but it takes 10');
    expect(engine.mempool.size).toBe(0);
  });

  it('checks a flood of the same transaction once', async () => {
    const app = new FakeApp();
    const engine = await openEngine({ app });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => engine.broadcast(utf8('same'))));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    expect(app.calls.filter((c) => c.startsWith('checkTx'))).toHaveLength(1);
  });

  it('fits blocks into the limits of bytes and gas', async () => {
    const app = new FakeApp();
    const genesis = testGenesis({ consensus_params: { block: { max_bytes: '900', max_gas: '35' } } });
    const engine = await openEngine({ app, genesis });
    for (const text of ['one', 'two', 'three', 'four', 'x'.repeat(58), 'five']) await engine.broadcast(utf8(text));
    await expect(engine.broadcast(utf8('x'.repeat(59)))).rejects.toThrow('A block has room for 60 bytes, but it takes 61');
    engine.start();
    await reached(engine, 4n);
    // Gas 10 each: three a block; the long one leaves no byte for another.
    expect(app.disk.executed.map((text) => text.slice(0, 6))).toEqual(['1:one', '1:two', '1:thre', '2:four', '3:xxxx', '4:five']);
    expect(engine.mempool.size).toBe(0);
  });

  it.each([
    ['prepare', 0n],
    ['process', 0n],
    ['finalize', 1n],
    ['before-commit', 1n],
    ['after-commit', 1n],
  ] as const)('goes on after it was killed at %s', async (phase, stored) => {
    const directory = path.join(temporaryFolder(), 'blocks');
    const disk = emptyDisk();
    let nextHeight = 1n;
    const hashes: string[] = [];
    // Killed at heights 1, 3 and 5, with blocks between.
    for (const height of [1n, 3n, 5n]) {
      const app = new FakeApp(disk);
      app.crash = { phase, height };
      const engine = await openEngine({ app, directory });
      await engine.broadcast(utf8(`tx for ${height}`)).catch((error: unknown) => expect(error).toMatchObject({ code: 'TX_IN_CACHE' }));
      engine.start();
      await expect(engine.finished).rejects.toThrow(`killed at ${phase} ${height}`);
      await expect(engine.broadcast(utf8('late'))).rejects.toMatchObject({ code: 'NODE_STOPPED' });
      expect(engine.store.height).toBe(height - 1n + stored);
      await engine.stop();
      nextHeight = height + stored;
    }
    const app = new FakeApp(disk);
    const engine = await openEngine({ app, directory, stopAtHeight: 8n });
    expect(app.calls.filter((c) => /prepare|process/.test(c))).toEqual([]);
    const replayed = phase === 'finalize' || phase === 'before-commit';
    expect(app.calls).toEqual(replayed ? ['info', 'finalize 5', 'commit'] : ['info']);
    expect(engine.height).toBe(nextHeight - 1n);
    engine.start();
    await engine.finished;
    for (let height = 1n; height <= 8n; height++) {
      const block = engine.store.block(height)!;
      if (height > 1n) {
        expect(block.header!.lastBlockId).toEqual(engine.store.meta(height - 1n)!.blockId);
        expect(block.header!.appHash).toEqual(engine.store.results(height - 1n)!.appHash);
      }
      hashes.push(toHex(engine.store.results(height)!.appHash));
    }
    expect(disk.appHash).toEqual(engine.store.results(8n)!.appHash);
    expect(new Set(hashes).size).toBe(8);
    // Nothing executed twice: what the disk saw is what the blocks say.
    const fromBlocks = Array.from({ length: 8 }, (_, i) => BigInt(i + 1)).flatMap((height) =>
      engine.store.block(height)!.data!.txs.map((tx) => `${height}:${Buffer.from(tx).toString()}`),
    );
    expect(disk.executed).toEqual(fromBlocks);
  });

  it('rebuilds an application that lost everything from the blocks', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    const disk = emptyDisk();
    const engine = await openEngine({ app: new FakeApp(disk), directory, stopAtHeight: 5n });
    await engine.broadcast(utf8('keep me'));
    engine.start();
    await engine.finished;
    await engine.stop();
    const fresh = new FakeApp();
    const again = await openEngine({ app: fresh, directory });
    expect(again.height).toBe(5n);
    expect(fresh.disk).toEqual(disk);
    expect(fresh.calls.slice(0, 4)).toEqual(['info', 'initChain', 'finalize 1', 'commit']);
  });

  it('names what does not belong together', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    const disk = emptyDisk();
    const engine = await openEngine({ app: new FakeApp(disk), directory, stopAtHeight: 3n });
    engine.start();
    await engine.finished;
    await expect(openEngine({ directory })).rejects.toMatchObject({ code: 'DATABASE_LOCKED', retryable: true });
    await engine.stop();

    const reopen = (options: Parameters<typeof openEngine>[0]): Promise<SoloEngine> => openEngine({ directory, ...options });
    await expect(reopen({ app: new FakeApp(disk), genesis: testGenesis({ app_state: { other: 1 } }) })).rejects.toMatchObject({ code: 'GENESIS_MISMATCH' });
    await expect(reopen({ app: new FakeApp({ ...disk, height: 9n }) })).rejects.toMatchObject({ code: 'APP_AHEAD' });
    await expect(reopen({ app: new FakeApp({ ...disk, appHash: new Uint8Array(32) }) })).rejects.toMatchObject({ code: 'APP_HASH_MISMATCH' });
    await expect(reopen({ app: new FakeApp({ ...disk, height: 2n }) })).rejects.toMatchObject({ code: 'APP_HASH_MISMATCH' });
    await expect(reopen({ app: new FakeApp({ ...emptyDisk(), height: 3n }) })).rejects.toThrow(/delete the state's folder|blocks say/);
    // Nothing was spoilt by the attempts.
    const good = await reopen({ app: new FakeApp(disk), stopAtHeight: 4n });
    good.start();
    await good.finished;
    expect(good.height).toBe(4n);
  });

  it('is for exactly one validator, whose key it holds', async () => {
    const other = ValidatorKey.fromSeed(new Uint8Array(32).fill(8));
    const entry = (key: ValidatorKey) => ({ pub_key: { type: 'tendermint/PubKeyEd25519', value: Buffer.from(key.publicKey).toString('base64') }, power: '1' });
    await expect(openEngine({ genesis: testGenesis({ validators: [entry(TEST_KEY), entry(other)] }) })).rejects.toThrow(/2 validators/);
    await expect(openEngine({ genesis: testGenesis({ validators: [entry(TEST_KEY), entry(other)] }) })).rejects.toMatchObject({ hint: expect.stringContaining('CometBFT') as string });
    await expect(openEngine({ genesis: testGenesis({ validators: [] }) })).rejects.toMatchObject({ code: 'SOLO_VALIDATORS' });
    await expect(openEngine({ validatorKey: other })).rejects.toMatchObject({ code: 'SOLO_VALIDATORS' });
  });

  it('stops where the application breaks the contract', async () => {
    const cases: [(app: FakeApp) => void, RegExp][] = [
      [(app) => (app.processStatus = Status.REJECT), /refused its own proposal for block 1/],
      [(app) => (app.results = (r) => ({ ...r, txResults: [...r.txResults, ...r.txResults] })), /expected 1 transaction results, got 2/],
      [(app) => (app.prepared = () => [new Uint8Array(30_000_000)]), /more than/],
    ];
    for (const [breakIt, message] of cases) {
      const app = new FakeApp();
      breakIt(app);
      const engine = await openEngine({ app });
      await engine.broadcast(utf8('x'));
      engine.start();
      await expect(engine.finished).rejects.toThrow(message);
      await engine.stop();
    }
  });

  it('goes on sealing alone whatever happens to the validator set', async () => {
    const app = new FakeApp();
    app.results = (r) => ({ ...r, validatorUpdates: [{ pubKey: { sum: { $case: 'ed25519', value: new Uint8Array(32) } }, power: 1n }] });
    const engine = await openEngine({ app, stopAtHeight: 3n });
    engine.start();
    await engine.finished;
    expect(engine.store.block(3n)!.header!.nextValidatorsHash).toEqual(engine.store.block(1n)!.header!.validatorsHash);
    await engine.stop();
  });

  it('takes on parameters from the next block, also after a restart', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    const app = new FakeApp();
    app.results = (response, height) =>
      height === 2n
        ? {
            ...response,
            consensusParamUpdates: { block: { maxBytes: 5000n, maxGas: 77n }, version: { app: 8n }, evidence: undefined, validator: undefined, abci: undefined },
          }
        : response;
    const engine = await openEngine({ app, directory, stopAtHeight: 3n });
    engine.start();
    await engine.finished;
    expect((await engine.store.consensusParams(2n))!.block!.maxGas).toBe(-1n);
    expect((await engine.store.consensusParams(3n))!.block!.maxGas).toBe(77n);
    expect(engine.store.block(3n)!.header!.version!.app).toBe(8n);
    expect(engine.store.block(3n)!.header!.consensusHash).not.toEqual(engine.store.block(2n)!.header!.consensusHash);
    await engine.stop();
    const again = await openEngine({ app: new FakeApp(app.disk), directory });
    expect(again.state.params.block).toEqual({ maxBytes: 5000n, maxGas: 77n });
    expect(again.state.params.evidence!.maxAgeNumBlocks).toBe(100_000n);
    expect(again.state.appVersion).toBe(8n);
  });

  it('begins at the initial height of the genesis', async () => {
    const engine = await openEngine({ genesis: testGenesis({ initial_height: '100' }), stopAtHeight: 102n });
    expect(engine.height).toBe(0n);
    engine.start();
    await engine.finished;
    expect(engine.store.block(99n)).toBeUndefined();
    expect(engine.store.block(100n)!.lastCommit!.signatures).toEqual([]);
    expect(engine.store.block(102n)!.header!.height).toBe(102n);
  });

  it('never lets block time stand still or run before genesis', async () => {
    let now = Date.parse('2020-01-01T00:00:00Z');
    const engine = await openEngine({ stopAtHeight: 5n, nowMs: () => (now -= 1000) });
    engine.start();
    await engine.finished;
    const times = [1n, 2n, 3n].map((height) => engine.store.block(height)!.header!.time!);
    expect(times[0]).toEqual(testGenesis().genesisTime);
    expect(compareTime(times[1]!, times[0]!)).toBeGreaterThan(0);
    expect(compareTime(times[2]!, times[1]!)).toBeGreaterThan(0);
  });

  it('stops by itself only after the block at hand', async () => {
    const engine = await openEngine();
    engine.start();
    await reached(engine, 2n);
    await engine.stop();
    await engine.finished;
    await expect(engine.broadcast(utf8('x'))).rejects.toMatchObject({ code: 'NODE_STOPPED' });
  });
});
