/** Snapshots: taken beside running blocks, the same bytes everywhere, restored or refused as a whole. */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createApp } from '../../../../src/chain/app/app.js';
import { createBase } from '../../../../src/chain/app/base.js';
import { BranchStore } from '../../../../src/chain/store/branch.js';
import { type Database, type Reader, keyOf } from '../../../../src/chain/store/database.js';
import { LevelDatabase } from '../../../../src/chain/store/level.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';
import { type SnapshotInfo, SnapshotRestore, SnapshotStore } from '../../../../src/chain/store/snapshot/index.js';
import { StateStore } from '../../../../src/chain/store/state.js';
import { concatBytes, fromHex, readU64be, toHex, u64be, utf8 } from '../../../../src/protocol/bytes.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import {
  ResponseApplySnapshotChunk_Result as ChunkResult,
  ResponseOfferSnapshot_Result as OfferResult,
} from '../../../../src/protocol/gen/tendermint/abci/types.js';
import { TestChain } from '../../../app/harness.js';

const TIME_KEY = '\x01\x03appt';
const timeOf = (state: Reader): bigint | undefined => {
  const time = state.get(TIME_KEY);
  return time === undefined ? undefined : readU64be(time);
};

let directory: string;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'r3mes-snapshots-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(directory, { recursive: true, force: true });
});

async function openStore(name: string, interval = 1, keepRecent = 2): Promise<SnapshotStore> {
  const store = await SnapshotStore.open({ directory: path.join(directory, name), interval, keepRecent });
  closing.push(() => store.close());
  return store;
}

/** Writes `writes` and the block's time as block `height`. */
async function commit(state: StateStore, height: bigint, writes: readonly (readonly [string, Uint8Array, Uint8Array | undefined])[]): Promise<void> {
  const branch = state.branch();
  branch.set(TIME_KEY, u64be(1000n + height));
  for (const [name, key, value] of writes) {
    if (value === undefined) new BranchStore(branch, name).delete(key);
    else new BranchStore(branch, name).set(key, value);
  }
  await state.commit(1000n + height, state.prepare(height, branch.changes()));
}

const bytesOf = (seed: number, length: number): Uint8Array => {
  const block = sha256(u64be(BigInt(seed)));
  return concatBytes(...Array.from({ length: Math.ceil(length / 32) }, () => block)).slice(0, length);
};

/** A state of some megabytes after three blocks, whose store `gone` is empty. */
async function largeState(database: Database, cachedNodes = 100): Promise<StateStore> {
  const state = new StateStore(database, { cachedNodes });
  const many = Array.from({ length: 2500 }, (_, i) => ['many', bytesOf(i, 8), bytesOf(i, 900 + (i % 400))] as const);
  await commit(state, 1n, [...many, ['gone', utf8('k'), utf8('v')]]);
  await commit(state, 2n, [['gone', utf8('k'), undefined], ...many.slice(100, 130).map(([name, key]) => [name, key, undefined] as const)]);
  await commit(state, 3n, [['other', utf8('k'), new Uint8Array()], ['many', bytesOf(1, 8), utf8('again')]]);
  return state;
}

async function chunksOf(store: SnapshotStore, info: SnapshotInfo): Promise<Uint8Array[]> {
  return Promise.all(Array.from({ length: info.chunks }, async (_, i) => (await store.load(info.height, info.format, i))!));
}

async function takeAt(state: StateStore, name: string): Promise<{ store: SnapshotStore; info: SnapshotInfo; chunks: Uint8Array[] }> {
  const store = await openStore(name);
  const { height } = state.last!;
  expect(store.isDue(height)).toBe(true);
  await store.take(height, state.freeze());
  const [info] = store.list();
  return { store, info: info!, chunks: await chunksOf(store, info!) };
}

describe('a snapshot', () => {
  it('restores to the same state, proofs and future, in LevelDB too', async () => {
    const source = await largeState(new MemoryDatabase());
    const { info, chunks } = await takeAt(source, 'a');
    expect(info).toMatchObject({ height: 3n, format: 1 });
    expect(chunks.length).toBeGreaterThanOrEqual(2);
    const level = await LevelDatabase.open(path.join(directory, 'restored'));
    closing.push(() => level.close());
    const target = new StateStore(level, { cachedNodes: 10 });
    const restore = await SnapshotRestore.begin(target, info, source.last!.appHash);
    for (const [index, chunk] of chunks.entries()) {
      expect(await restore.apply(index, chunk, 'peer', timeOf)).toEqual({ kind: index === chunks.length - 1 ? 'finished' : 'accepted' });
    }
    const restored = new StateStore(level);
    expect(restored.last).toEqual(source.last);
    expect(restored.oldestHeight).toBe(3n);
    for (let i = 0; i < 2500; i += 7) {
      const key = `\x01\x04many${keyOf(bytesOf(i, 8))}`;
      expect(restored.get(key)).toEqual(source.get(key));
      expect(restored.at(3n)!.get(key)).toEqual(source.get(key));
    }
    for (let height = 4n; height <= 8n; height++) {
      const writes = Array.from({ length: 40 }, (_, i) => ['many', bytesOf((Number(height) * 313 + i * 17) % 2600, 8), i % 3 === 0 ? undefined : bytesOf(i, 20)] as const);
      await commit(source, height, writes);
      await commit(restored, height, writes);
      expect(toHex(restored.last!.appHash)).toBe(toHex(source.last!.appHash));
    }
    await restored.rollbackTo(4n);
    expect(restored.last).toEqual({ ...restored.last, height: 4n });
    expect((await takeAt(source, 'b')).info.height).toBe(8n);
  });

  it('has the same bytes whatever is in memory, in which database, and of a state that was itself restored', async () => {
    const one = await takeAt(await largeState(new MemoryDatabase()), 'a');
    const level = await LevelDatabase.open(path.join(directory, 'level'));
    closing.push(() => level.close());
    const two = await takeAt(await largeState(level, 0), 'b');
    expect(two.info).toEqual(one.info);
    expect(two.chunks.every((chunk, i) => Buffer.compare(chunk, one.chunks[i]!) === 0)).toBe(true);
    const restored = new StateStore(new MemoryDatabase());
    const source = await largeState(new MemoryDatabase());
    const restore = await SnapshotRestore.begin(restored, one.info, source.last!.appHash);
    for (const [index, chunk] of one.chunks.entries()) await restore.apply(index, chunk, 'peer', timeOf);
    expect((await takeAt(restored, 'c')).info).toEqual(one.info);
  });

  it('is of its block although others follow while it is taken', async () => {
    const quiet = await takeAt(await largeState(new MemoryDatabase()), 'a');
    const level = await LevelDatabase.open(path.join(directory, 'level'));
    closing.push(() => level.close());
    const state = await largeState(level);
    const store = await openStore('b');
    const taking = store.take(3n, state.freeze());
    expect(store.isDue(3n)).toBe(false);
    for (let height = 4n; height <= 12n; height++) {
      await commit(state, height, Array.from({ length: 200 }, (_, i) => ['many', bytesOf((Number(height) * 200 + i) % 2500, 8), i % 2 === 0 ? undefined : u64be(height)] as const));
    }
    await taking;
    expect(store.list()).toEqual([quiet.info]);
  });

  it('with a flipped byte is refused chunk by chunk, names the sender, and goes on with the right one', async () => {
    const source = await largeState(new MemoryDatabase());
    const { info, chunks } = await takeAt(source, 'a');
    const target = new StateStore(new MemoryDatabase());
    const restore = await SnapshotRestore.begin(target, info, source.last!.appHash);
    for (const [index, chunk] of chunks.entries()) {
      for (const at of [0, chunk.length >> 1, chunk.length - 1]) {
        const bad = Uint8Array.from(chunk);
        bad[at]! ^= 1;
        expect(await restore.apply(index, bad, 'liar', timeOf)).toEqual({ kind: 'again', chunk: index, badSender: 'liar' });
      }
      if (index + 1 < chunks.length) expect(await restore.apply(index + 1, chunks[index + 1]!, 'hasty', timeOf)).toEqual({ kind: 'again', chunk: index });
      await restore.apply(index, chunk, 'honest', timeOf);
    }
    expect(target.last).toEqual(source.last);
  });

  it('of another state than the app hash asks for leaves nothing behind, and the node starts from elsewhere', async () => {
    const source = await largeState(new MemoryDatabase());
    const { info, chunks } = await takeAt(source, 'a');
    const database = new MemoryDatabase();
    const target = new StateStore(database);
    const wrong = await SnapshotRestore.begin(target, info, new Uint8Array(32));
    for (const [index, chunk] of chunks.slice(0, -1).entries()) await wrong.apply(index, chunk, 'peer', timeOf);
    expect(target.get(TIME_KEY)).toBeUndefined();
    expect(await wrong.apply(chunks.length - 1, chunks.at(-1)!, 'peer', timeOf)).toMatchObject({ kind: 'rejected', why: expect.stringMatching(/expected a snapshot of app hash 0000/) as string });
    expect(database.entries()).toEqual([]);
    const right = await SnapshotRestore.begin(target, info, source.last!.appHash);
    for (const [index, chunk] of chunks.entries()) await right.apply(index, chunk, 'peer', timeOf);
    expect(target.last).toEqual(source.last);
  });

  it('that was half restored when the node stopped shows nothing, and a genesis takes its place', async () => {
    const source = await largeState(new MemoryDatabase());
    const { info, chunks } = await takeAt(source, 'a');
    const database = new MemoryDatabase();
    const restore = await SnapshotRestore.begin(new StateStore(database), info, source.last!.appHash);
    await restore.apply(0, chunks[0]!, 'peer', timeOf);
    expect(database.entries().length).toBeGreaterThan(100);
    const again = new StateStore(database);
    expect(again.last).toBeUndefined();
    expect(again.get(database.entries().find(([key]) => key.startsWith('\x01'))![0])).toBeUndefined();
    await commit(again, 1n, [['m', utf8('k'), utf8('v')]]);
    const fresh = new MemoryDatabase();
    await commit(new StateStore(fresh), 1n, [['m', utf8('k'), utf8('v')]]);
    expect(database.entries()).toEqual(fresh.entries());
    await expect(SnapshotRestore.begin(again, info, source.last!.appHash)).rejects.toThrow('empty state only');
  });

  it('is refused, whatever bytes its makers chose, without an error that stops the node', async () => {
    const source = new StateStore(new MemoryDatabase());
    await commit(source, 1n, [['m', utf8('a'), utf8('1')], ['m', utf8('b'), utf8('2')], ['m', utf8('c'), utf8('3')]]);
    const { chunks } = await takeAt(source, 'a');
    const honest = chunks[0]!;
    const lie = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.nat(honest.length - 1), fc.nat(255)).map(([at, byte]) => Uint8Array.from(honest).fill(byte, at, at + 1)),
      fc.nat(honest.length - 1).map((length) => honest.slice(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 9 }).map((more) => concatBytes(honest, more)),
    );
    await fc.assert(
      fc.asyncProperty(lie, async (bytes) => {
        fc.pre(Buffer.compare(bytes, honest) !== 0);
        const metadata = sha256(bytes);
        const database = new MemoryDatabase();
        const target = new StateStore(database);
        const restore = await SnapshotRestore.begin(target, { height: 1n, format: 1, chunks: 1, hash: sha256(metadata), metadata }, source.last!.appHash);
        expect(await restore.apply(0, bytes, 'liar', timeOf)).toMatchObject({ kind: 'rejected' });
        expect(database.entries()).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a store of snapshots', () => {
  it('keeps the newest, removes what was interrupted, and knows them again', async () => {
    const state = new StateStore(new MemoryDatabase());
    const store = await openStore('s', 2, 2);
    for (let height = 1n; height <= 8n; height++) {
      await commit(state, height, [['m', u64be(height), utf8('v')]]);
      if (store.isDue(height)) await store.take(height, state.freeze());
    }
    const before = store.list();
    expect(before.map(({ height }) => height)).toEqual([8n, 6n]);
    await mkdir(path.join(directory, 's', '10.part'));
    const again = await openStore('s', 2, 2);
    expect(again.list()).toEqual(before);
    expect((await readdir(path.join(directory, 's'))).sort()).toEqual(['6', '8']);
    expect(await again.load(8n, 1, 0)).toEqual(await readFile(path.join(directory, 's', '8', '0')));
    for (const [height, format, chunk] of [[7n, 1, 0], [8n, 2, 0], [8n, 1, 1], [8n, 1, -1], [8n, 1, 0.5]] as const) {
      expect(await again.load(height, format, chunk)).toBeUndefined();
    }
    await expect(SnapshotStore.open({ directory, interval: -1, keepRecent: 1 })).rejects.toThrow('snapshot interval of 0 or more');
    await expect(SnapshotStore.open({ directory, interval: 1, keepRecent: 0 })).rejects.toThrow('keep 1 snapshot or more');
  });

  it('gives up what it is taking when it is closed, and fails where the disk does', async () => {
    const state = await largeState(new MemoryDatabase());
    const store = await openStore('s');
    const taking = store.take(3n, state.freeze());
    await store.close();
    await taking;
    expect(await readdir(path.join(directory, 's'))).toEqual([]);
    expect(store.isDue(3n)).toBe(false);
    const other = await openStore('t');
    await rm(path.join(directory, 't'), { recursive: true });
    await writeFile(path.join(directory, 't'), '');
    await expect(other.take(3n, state.freeze())).rejects.toThrow();
    expect(other.isDue(3n)).toBe(true);
  });
});

describe('an application', () => {
  it('gives snapshots, and one without state starts from them and goes on to the same app hashes', async () => {
    const snapshots = await openStore('app', 2, 3);
    const reports: string[] = [];
    const chain = await TestChain.start({
      balances: { alice: 1_000_000n },
      createApp: (database, report) => createApp({ database, snapshots, base: createBase([]), modules: [], report }),
    });
    closing.push(() => chain.close());
    const blocks = [await chain.block(), await chain.block()];
    const listed = await vi.waitFor(async () => {
      const answer = await chain.app.listSnapshots();
      expect(answer.snapshots).toHaveLength(1);
      return answer.snapshots;
    }, 20_000);
    const offered = listed[0]!;
    expect(offered).toMatchObject({ height: 2n, format: 1, chunks: 1 });
    for (let i = 0; i < 3; i++) blocks.push(await chain.block());
    const { chunk } = await chain.app.loadSnapshotChunk({ height: offered.height, format: 1, chunk: 0 });
    expect((await chain.app.loadSnapshotChunk({ height: offered.height, format: 1, chunk: 9 })).chunk).toHaveLength(0);
    expect(await chain.app.offerSnapshot({ snapshot: offered, appHash: new Uint8Array(32) })).toEqual({ result: OfferResult.ABORT });

    const appHash = fromHex(blocks[1]!.appHash);
    const fresh = createApp({ database: new MemoryDatabase(), base: createBase([]), modules: [], report: (text) => reports.push(text) });
    expect(await fresh.applySnapshotChunk({ index: 0, chunk, sender: 'peer' })).toMatchObject({ result: ChunkResult.ABORT });
    expect(await fresh.offerSnapshot({ snapshot: { ...offered, format: 2 }, appHash })).toEqual({ result: OfferResult.REJECT_FORMAT });
    expect(await fresh.offerSnapshot({ snapshot: { ...offered, chunks: 2 }, appHash })).toEqual({ result: OfferResult.REJECT });
    expect(await fresh.offerSnapshot({ snapshot: undefined, appHash })).toEqual({ result: OfferResult.REJECT });
    expect(await fresh.offerSnapshot({ snapshot: offered, appHash: new Uint8Array(32) })).toEqual({ result: OfferResult.ACCEPT });
    expect(await fresh.applySnapshotChunk({ index: 0, chunk, sender: 'peer' })).toMatchObject({ result: ChunkResult.REJECT_SNAPSHOT });
    expect(await fresh.offerSnapshot({ snapshot: offered, appHash })).toEqual({ result: OfferResult.ACCEPT });
    const flipped = Uint8Array.from(chunk);
    flipped[5]! ^= 1;
    expect(await fresh.applySnapshotChunk({ index: 0, chunk: flipped, sender: 'liar' })).toEqual({ result: ChunkResult.RETRY, refetchChunks: [0], rejectSenders: ['liar'] });
    expect(await fresh.applySnapshotChunk({ index: 0, chunk, sender: 'peer' })).toMatchObject({ result: ChunkResult.ACCEPT });
    expect(await fresh.info({ version: '', blockVersion: 0n, p2pVersion: 0n, abciVersion: '' })).toMatchObject({ lastBlockHeight: offered.height, lastBlockAppHash: appHash });
    expect(reports.join('\n')).toMatch(/the snapshot is refused: expected a snapshot of app hash[^]*chunk 0 of peer liar has another hash/);

    for (const { height, timeSeconds, appHash: expected } of blocks.slice(2)) {
      const header = { height, time: { seconds: timeSeconds, nanos: 0 }, nextValidatorsHash: new Uint8Array(32), proposerAddress: new Uint8Array(20), hash: new Uint8Array(32) };
      const { appHash: again } = await fresh.finalizeBlock({ ...header, txs: [], decidedLastCommit: undefined, misbehavior: [] });
      expect(toHex(again)).toBe(expected);
      await fresh.commit();
    }
  });
});
