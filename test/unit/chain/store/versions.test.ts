/** Kept versions: what they hold, what is left on the disk of them, going back and pruning. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BranchStore, StoreReader } from '../../../../src/chain/store/branch.js';
import { type Reader, keyOf } from '../../../../src/chain/store/database.js';
import { NodeKeys } from '../../../../src/chain/store/keys.js';
import { LevelDatabase } from '../../../../src/chain/store/level.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';
import { StateStore } from '../../../../src/chain/store/state.js';
import { type TreeNode, child } from '../../../../src/chain/store/tree/node.js';
import { equalBytes, toHex } from '../../../../src/protocol/bytes.js';
import { InvalidInputError } from '../../../../src/protocol/errors.js';

const STORES = ['a', 'bank'] as const;
const KEYS = 30;

/** Store, key and value; 0 deletes. */
type Write = readonly [(typeof STORES)[number], number, number];
type Model = ReadonlyMap<string, number>;

const write = fc.tuple(fc.constantFrom(...STORES), fc.nat(KEYS - 1), fc.nat(4));
const history = fc.array(fc.array(write, { maxLength: 15 }), { minLength: 1, maxLength: 14 });

async function commit(store: StateStore, height: bigint, writes: readonly Write[], model: Model): Promise<Model> {
  const next = new Map(model);
  const branch = store.branch();
  for (const [name, id, value] of writes) {
    const target = new BranchStore(branch, name);
    if (value === 0) {
      target.delete(Uint8Array.of(id));
      next.delete(`${name}/${id}`);
    } else {
      target.set(Uint8Array.of(id), Uint8Array.of(value));
      next.set(`${name}/${id}`, value);
    }
  }
  await store.commit(1000n + height, store.prepare(height, branch.changes()));
  return next;
}

function modelOf(state: Reader): Model {
  const model = new Map<string, number>();
  for (const name of STORES) {
    for (let id = 0; id < KEYS; id++) {
      const value = new StoreReader(state, name).get(Uint8Array.of(id));
      if (value !== undefined) model.set(`${name}/${id}`, value[0]!);
    }
  }
  return model;
}

/** A plain object prints its difference where it fails. */
const plain = (model: Model): Record<string, number> => Object.fromEntries([...model].sort());

/** Keys of all nodes that the kept versions reach, and of those leaves that the latest one no longer has. */
function reachable(store: StateStore): Set<string> {
  const keys = new Set<string>();
  const latest = new Set<string>();
  const kept: string[] = [];
  const last = store.last!.height;
  for (let height = store.oldestHeight!; height <= last; height++) {
    const state = store.at(height)!;
    for (const [name, root] of state.roots) {
      const nodeKeys = new NodeKeys(name);
      const visit = (node: TreeNode): void => {
        const key = nodeKeys.of(node.version, node.nonce);
        if (node.height === 0 && height === last) latest.add(key);
        else if (node.height === 0) kept.push(key);
        else {
          keys.add(key);
          state.load(name, node);
          const [left, right] = [child(node.left), child(node.right)];
          visit(left);
          visit(right);
        }
      };
      if (root !== undefined) visit(root);
    }
  }
  for (const key of kept) if (!latest.has(key)) keys.add(key);
  return keys;
}

const nodesOnDisk = (database: MemoryDatabase): Set<string> => new Set(database.entries().map(([key]) => key).filter((key) => key.startsWith('\x02')));

describe('versions', () => {
  it('hold what was there, as many as are kept, with no node on the disk too many or too few, after any restart', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 2, max: 6 }), fc.nat(3), async (blocks, keepVersions, restartEvery) => {
        const database = new MemoryDatabase();
        const options = { keepVersions, cachedNodes: 3, cachedBytes: 2000 };
        let store = new StateStore(database, options);
        const models: Model[] = [new Map()];
        for (const [index, writes] of blocks.entries()) {
          if (restartEvery > 0 && index % restartEvery === 0) store = new StateStore(database, options);
          models.push(await commit(store, BigInt(index + 1), writes, models.at(-1)!));
        }
        const last = blocks.length;
        const oldest = Math.max(1, last - keepVersions + 1);
        expect(store.oldestHeight).toBe(BigInt(oldest));
        expect(plain(modelOf(store))).toEqual(plain(models[last]!));
        for (let height = oldest; height <= last; height++) {
          expect(plain(modelOf(store.at(BigInt(height))!))).toEqual(plain(models[height]!));
        }
        expect(store.at(BigInt(oldest - 1))).toBeUndefined();
        expect(store.at(BigInt(last + 1))).toBeUndefined();
        expect([...nodesOnDisk(database)].sort()).toEqual([...reachable(store)].sort());
      }),
      { numRuns: 150 },
    );
  });

  it('are taken back to any kept block as if nothing had followed, and go on from there to the same hashes', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(13), async (blocks, target) => {
        const database = new MemoryDatabase();
        const store = new StateStore(database, { cachedNodes: 3 });
        const disks: [string, string][][] = [];
        const hashes: string[] = [];
        const entries = (): [string, string][] => database.entries().map(([key, value]) => [toHex(Buffer.from(key, 'latin1')), toHex(value)]);
        const models: Model[] = [new Map()];
        for (const [index, writes] of blocks.entries()) {
          models.push(await commit(store, BigInt(index + 1), writes, models.at(-1)!));
          disks.push(entries());
          hashes.push(toHex(store.last!.appHash));
        }
        const height = (target % blocks.length) + 1;
        await store.rollbackTo(BigInt(height));
        expect(entries()).toEqual(disks[height - 1]);
        expect(store.last).toMatchObject({ height: BigInt(height), timeSeconds: 1000n + BigInt(height) });
        expect(plain(modelOf(store))).toEqual(plain(models[height]!));
        for (let next = height; next < blocks.length; next++) {
          await commit(store, BigInt(next + 1), blocks[next]!, models[next]!);
          expect(toHex(store.last!.appHash)).toBe(hashes[next]);
        }
        expect(entries()).toEqual(disks.at(-1));
      }),
      { numRuns: 100 },
    );
  });

  it('are not taken back beyond what is kept, and never fewer than two are', async () => {
    const store = new StateStore(new MemoryDatabase(), { keepVersions: 3 });
    await expect(store.rollbackTo(1n)).rejects.toThrow('there is no block yet');
    for (let height = 1n; height <= 6n; height++) await commit(store, height, [['a', 1, 1]], new Map());
    await expect(store.rollbackTo(3n)).rejects.toThrow('expected the height of a kept block, got 3: this state holds the blocks 4 to 6');
    await expect(store.rollbackTo(7n)).rejects.toThrow(InvalidInputError);
    await expect(store.prune(1)).rejects.toThrow('expected to keep 2 versions or more, got 1');
    expect(() => new StateStore(new MemoryDatabase(), { keepVersions: 0 })).toThrow('2 versions or more');
  });

  it('are pruned at once or, where fewer are kept than before, some a block', async () => {
    const database = new MemoryDatabase();
    const wide = new StateStore(database, { keepVersions: 50 });
    let model: Model = new Map();
    for (let height = 1n; height <= 30n; height++) model = await commit(wide, height, [['a', Number(height) % 7, 1 + (Number(height) % 3)]], model);
    const narrow = new StateStore(database, { keepVersions: 5 });
    await commit(narrow, 31n, [], model);
    expect(narrow.oldestHeight).toBe(5n);
    expect(await narrow.prune()).toBe(22);
    expect(narrow.oldestHeight).toBe(27n);
    expect(await narrow.prune(2)).toBe(3);
    expect(await narrow.prune(2)).toBe(0);
    expect([...nodesOnDisk(database)].sort()).toEqual([...reachable(narrow)].sort());
    expect(plain(modelOf(new StateStore(database)))).toEqual(plain(model));
  });

  it('survive closing and going back on the disk', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'r3mes-versions-'));
    try {
      const first = new StateStore(await LevelDatabase.open(directory));
      const models: Model[] = [new Map()];
      for (let height = 1n; height <= 8n; height++) {
        const id = Number(height);
        models.push(await commit(first, height, [['a', id, id], ['bank', 1, id], ['a', id - 2, 0]], models.at(-1)!));
      }
      const { appHash } = first.last!;
      await first.rollbackTo(5n);
      await first.close();
      const again = new StateStore(await LevelDatabase.open(directory));
      expect(again.last?.height).toBe(5n);
      for (const height of [1, 3, 5]) expect(plain(modelOf(again.at(BigInt(height))!))).toEqual(plain(models[height]!));
      for (let height = 6n; height <= 8n; height++) {
        const id = Number(height);
        await commit(again, height, [['a', id, id], ['bank', 1, id], ['a', id - 2, 0]], models[id - 1]!);
      }
      expect(equalBytes(again.last!.appHash, appHash)).toBe(true);
      expect(await again.prune(2)).toBe(6);
      await again.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('that lost a node are an error that names it, never another hash', async () => {
    const database = new MemoryDatabase();
    const store = new StateStore(database);
    await commit(store, 1n, Array.from({ length: KEYS }, (_, id) => ['a', id, 1] as const), new Map());
    const [lost] = nodesOnDisk(database);
    await database.write([{ key: lost!, value: undefined }]);
    database.reveal();
    const again = new StateStore(database);
    expect(() => again.at(1n)!.get(`\x01\x01a${keyOf(Uint8Array.of(3))}`)).toThrow(/node 1 of version 1 of store a is missing/);
    expect(() => again.prepare(2n, [{ key: '\x01\x01a\x03', value: Uint8Array.of(2) }])).toThrow(/node 1 of version 1 of store a is missing/);
  });
});
