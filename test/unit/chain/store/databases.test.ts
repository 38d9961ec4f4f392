import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Change, type Database, DatabaseError } from '../../../../src/chain/store/database.js';
import { LevelDatabase } from '../../../../src/chain/store/level.js';
import { MemoryDatabase } from '../../../../src/chain/store/memory.js';
import { StateStore } from '../../../../src/chain/store/state.js';
import { toHex, u64be } from '../../../../src/protocol/bytes.js';

let directory: string;
const open: Database[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'r3mes-db-'));
});
afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function openLevel(): Promise<LevelDatabase> {
  const database = await LevelDatabase.open(directory);
  open.push(database);
  return database;
}

async function closeAll(): Promise<void> {
  for (const database of open.splice(0)) await database.close();
}

const value = (byte: number, length = 8): Uint8Array => new Uint8Array(length).fill(byte);
/** Changes of a block that later tests can foretell: every block rewrites `last` and adds one key. */
const changesAt = (height: bigint, sizeBytes = 8): Change[] => [
  { key: `\x01\x01m${height.toString().padStart(8, '0')}`, value: value(Number(height % 251n), sizeBytes) },
  { key: '\x01\x01mlast', value: u64be(height) },
];

function commit(store: StateStore, height: bigint, sizeBytes?: number): Promise<void> {
  return store.commit(1000n + height, store.prepare(height, changesAt(height, sizeBytes)));
}

async function expectError(promise: Promise<unknown>): Promise<DatabaseError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  return error as DatabaseError;
}

describe.each([
  ['memory', () => Promise.resolve<Database>(new MemoryDatabase())],
  ['LevelDB', openLevel],
])('a database in %s', (_name, make) => {
  it('shows what was written once it is revealed, not before', async () => {
    const database = await make();
    await database.write([{ key: 'a', value: value(1) }]);
    expect(database.get('a')).toBeUndefined();
    database.reveal();
    expect(database.get('a')).toEqual(value(1));
    await database.write([
      { key: 'a', value: undefined },
      { key: 'b\xff\x00', value: new Uint8Array() },
    ]);
    expect(database.get('a')).toEqual(value(1));
    database.reveal();
    expect(database.get('a')).toBeUndefined();
    expect(database.get('b\xff\x00')).toEqual(new Uint8Array());
  });

  it('keeps values as they were when they were written', async () => {
    const database = await make();
    const bytes = value(1);
    await database.write([{ key: 'a', value: bytes }]);
    database.reveal();
    bytes.fill(9);
    expect(database.get('a')).toEqual(value(1));
  });

  it('never shows half a block to readers while it is written', async () => {
    const store = new StateStore(await make());
    let writing = true;
    let reads = 0;
    let turns = 0;
    const readers = (async () => {
      while (writing) {
        const height = store.last?.height;
        if (height !== undefined) {
          expect(store.get('\x01\x01mlast')).toEqual(u64be(height));
          expect(store.get(`\x01\x01m${(height + 1n).toString().padStart(8, '0')}`)).toBeUndefined();
          reads++;
        }
        // Between any two microtasks, and now and then for what comes from outside.
        if (++turns % 20 === 0) await new Promise((done) => setImmediate(done));
        else await Promise.resolve();
      }
    })();
    for (let height = 1n; height <= 30n; height++) await commit(store, height, 20_000);
    writing = false;
    await readers;
    expect(reads).toBeGreaterThan(0);
  });
});

describe('a state on the disk', () => {
  it('comes back with its last commit', async () => {
    const store = new StateStore(await openLevel());
    expect(store.last).toBeUndefined();
    for (let height = 7n; height <= 12n; height++) await commit(store, height);
    const before = store.last;
    expect(before).toMatchObject({ height: 12n, timeSeconds: 1012n });
    await closeAll();
    const again = new StateStore(await openLevel());
    expect(again.last).toEqual(before);
    expect(again.get('\x01\x01mlast')).toEqual(u64be(12n));
    await commit(again, 13n);
    await again.close();
    open.length = 0;
    expect(new StateStore(await openLevel()).last?.height).toBe(13n);
  });

  it('is refused to a second process, which is told why', async () => {
    await openLevel();
    const error = await expectError(LevelDatabase.open(directory));
    expect(error).toMatchObject({ code: 'DATABASE_LOCKED', retryable: true });
    expect(error.message).toContain(directory);
    expect(error.hint).toContain('--home');
  });

  it('is refused where a folder cannot be made', async () => {
    await writeFile(path.join(directory, 'file'), '');
    const error = await expectError(LevelDatabase.open(path.join(directory, 'file', 'sub')));
    expect(error.code).toBe('DATABASE_UNUSABLE');
  });

  it('is refused to whoever reads after closing', async () => {
    const database = await openLevel();
    await closeAll();
    expect(() => database.get('a')).toThrow(DatabaseError);
    await expectError(database.write([{ key: 'a', value: value(1) }]));
  });

  it('is refused where another version wrote it', async () => {
    const database = await openLevel();
    await database.write([{ key: '\x00l', value: value(9, 65) }]);
    database.reveal();
    expect(() => new StateStore(database)).toThrow('expected a database of format 2, got format 9');
  });
});

describe('damage', () => {
  async function fill(heights: bigint, sizeBytes: number): Promise<void> {
    const store = new StateStore(await openLevel());
    for (let height = 1n; height <= heights; height++) await commit(store, height, sizeBytes);
    await closeAll();
  }

  async function damage(extension: RegExp, at: (size: number) => number): Promise<void> {
    const names = (await readdir(directory)).filter((name) => extension.test(name));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const file = path.join(directory, name);
      const bytes = await readFile(file);
      if (bytes.length === 0) continue;
      const position = at(bytes.length);
      bytes.fill(0xa5, position, position + 16);
      await writeFile(file, bytes);
    }
  }

  /** Opens and reads everything that blocks 1 … heights wrote. */
  async function readAll(heights: bigint, sizeBytes: number): Promise<void> {
    const store = new StateStore(await openLevel());
    if (store.last?.height !== heights) throw new DatabaseError({ code: 'BEHIND', message: `at ${store.last?.height ?? 0n}` });
    for (let height = 1n; height <= heights; height++) {
      const [change] = changesAt(height, sizeBytes);
      if (toHex(store.get(change!.key) ?? new Uint8Array()) !== toHex(change!.value!)) throw new Error(`silently wrong at ${height}`);
    }
  }

  it.each([
    ['in the list of files', /^MANIFEST/, () => 8],
    ['in the name of that list', /^CURRENT$/, () => 0],
    ['in the middle of the log', /\.log$/, (size: number) => size >> 1],
  ])('%s is an error with a hint', async (_name, extension, at) => {
    await fill(200n, 500);
    await damage(extension, at);
    const error = await expectError(readAll(200n, 500));
    expect(error.code).toBe('DATABASE_CORRUPT');
    expect(error.hint).toContain('backup');
  });

  it('at the end of the log loses the last block and no more: the chain gives it again', async () => {
    await fill(200n, 500);
    await damage(/\.log$/, (size) => size - 20);
    const error = await expectError(readAll(200n, 500));
    expect(error).toMatchObject({ code: 'BEHIND', message: 'at 199' });
  });

  it.each([0.1, 0.3, 0.5, 0.7])('in a table of values, at %d of it, is an error and never another value', async (share) => {
    await fill(40n, 200_000);
    await damage(/\.ldb$/, (size) => Math.floor(size * share));
    expect((await expectError(readAll(40n, 200_000))).code).toBe('DATABASE_CORRUPT');
  });

  it('that takes one block out of the middle is found on opening', async () => {
    await fill(5n, 10);
    const database = await openLevel();
    await database.write([{ key: `\x00j${String.fromCharCode(0, 0, 0, 0, 0, 0, 0, 3)}`, value: undefined }]);
    database.reveal();
    expect(() => new StateStore(database)).toThrow('it stands at height 5, but the changes of block 3 are missing');
  });

  it('that puts two states together is found on opening', async () => {
    await fill(5n, 10);
    const database = await openLevel();
    await database.write([{ key: `\x00j${String.fromCharCode(0, 0, 0, 0, 0, 0, 0, 5)}`, value: value(1, 32) }]);
    database.reveal();
    expect(() => new StateStore(database)).toThrow(/height 5 has app hash [0-9a-f]{64} and (01){32}/);
  });
});
