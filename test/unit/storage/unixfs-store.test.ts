import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FsBlockstore } from 'blockstore-fs';
import fc from 'fast-check';
import { exporter } from 'ipfs-unixfs-exporter';
import { CID } from 'multiformats/cid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { R3mesError } from '../../../src/protocol/errors.js';
import { addBytes, memoryStore, MeteredStore, openLocalStore, readBytes } from '../../../src/storage/index.js';
import type { ContentStore } from '../../../src/storage/index.js';
import { collect, failure, keyStream, listOf, streamOf } from './helpers.js';

const MANY = 1n << 40n;
let dir: string;
let store: ContentStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'r3mes-store-'));
  store = await openLocalStore(dir);
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

async function blockFiles(): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  return names.filter((n) => n.endsWith('.data')).map((n) => join(dir, n));
}

describe('a local store', () => {
  it('gives back any content, also by ranges', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.nat(3000), fc.nat(3000), async (bytes, a, b) => {
        const { cid, sizeBytes } = await addBytes(store, bytes);
        expect(sizeBytes).toBe(BigInt(bytes.length));
        expect(await store.has(cid)).toBe(true);
        expect(Buffer.from(await readBytes(store, cid, { maxBytes: sizeBytes }))).toEqual(Buffer.from(bytes));
        const from = Math.min(a, b, bytes.length);
        const to = Math.min(Math.max(a, b), bytes.length);
        const part = await readBytes(store, cid, { maxBytes: sizeBytes, range: { offset: BigInt(from), length: BigInt(to - from) } });
        expect(Buffer.from(part)).toEqual(Buffer.from(bytes.subarray(from, to)));
      }),
      { numRuns: 100 },
    );
  });

  it('reads ranges over the borders of chunks', async () => {
    const size = 3 * 1_048_576 + 500;
    const { cid } = await store.add(keyStream(size, 'ranges'));
    const whole = await collect(keyStream(size, 'ranges'));
    const borders = [0, 1, 1_048_575, 1_048_576, 1_048_577, 2_097_152, 3_145_728, size - 1, size];
    for (const from of borders) {
      for (const to of borders.filter((t) => t >= from)) {
        const range = { offset: BigInt(from), length: BigInt(to - from) };
        const part = await readBytes(store, cid, { maxBytes: MANY, range });
        expect(whole.subarray(from, to).equals(part)).toBe(true);
      }
    }
  });

  it('reads only the blocks that a range needs', async () => {
    const { cid } = await store.add(keyStream(4 * 1_048_576, 'needed'));
    for (const file of await blockFiles()) {
      const bytes = await readFile(file);
      const second = (await collect(keyStream(4 * 1_048_576, 'needed'))).subarray(1_048_576, 2_097_152);
      if (bytes.length === 1_048_576 && !bytes.equals(second)) await rm(file);
    }
    const range = { offset: 1_048_576n, length: 1_048_576n };
    expect((await readBytes(store, cid, { maxBytes: MANY, range })).length).toBe(1_048_576);
    expect(await failure(readBytes(store, cid, { maxBytes: MANY }))).toMatchObject({ code: 'CONTENT_NOT_FOUND', retryable: true });
  });

  it('refuses a range beyond the end and negative ones', async () => {
    const { cid } = await addBytes(store, Buffer.from('twelve bytes'));
    for (const range of [{ offset: 0n, length: 13n }, { offset: 13n, length: 0n }, { offset: -1n, length: 2n }, { offset: 0n, length: -1n }]) {
      expect(await failure(readBytes(store, cid, { maxBytes: MANY, range }))).toMatchObject({ code: 'INVALID_INPUT' });
    }
  });

  it('writes a directory that blockstore-fs and the reference exporter read', async () => {
    const { cid } = await store.add(keyStream(2_500_000, 'second reader'));
    const other = new FsBlockstore(dir);
    await other.open();
    const entry = await exporter(CID.parse(cid), other);
    if (entry.type !== 'file') throw new Error(`expected a file, got ${entry.type}`);
    const theirs = await collect(entry.content());
    expect(theirs.equals(await readBytes(store, cid, { maxBytes: MANY }))).toBe(true);
  });

  it('keeps nothing but whole blocks', async () => {
    await store.add(keyStream(2_500_000, 'whole'));
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
    expect(await blockFiles()).toHaveLength(4);
  });

  it('removes temporary files of killed processes, but not those of living ones', async () => {
    await writeFile(join(dir, 'tmp', 'old'), 'half a block');
    await writeFile(join(dir, 'tmp', 'new'), 'half a block');
    const twoHoursAgo = Date.now() / 1000 - 7200;
    await utimes(join(dir, 'tmp', 'old'), twoHoursAgo, twoHoursAgo);
    await openLocalStore(dir);
    expect(await readdir(join(dir, 'tmp'))).toEqual(['new']);
  });

  it('says what is wrong when it cannot be opened', async () => {
    await writeFile(join(dir, 'file'), '');
    expect(await failure(openLocalStore(join(dir, 'file')))).toMatchObject({ code: 'STORE_IO', message: expect.stringContaining('file') as string });
  });
});

describe('bad content', () => {
  const size = 2_500_000;
  let cid: string;
  let leaves: string[];

  beforeEach(async () => {
    ({ cid } = await store.add(keyStream(size, 'bad')));
    const files = await Promise.all((await blockFiles()).map(async (f) => [f, (await readFile(f)).length] as const));
    leaves = files.filter(([, length]) => length > 100_000).map(([f]) => f);
    expect(leaves).toHaveLength(3);
  });

  it.each([
    ['a flipped bit', async (file: string) => {
      const bytes = await readFile(file);
      bytes[1000]! ^= 1;
      await writeFile(file, bytes);
    }],
    ['a truncated block', (file: string) => truncate(file, 1000)],
    ['an emptied block', (file: string) => truncate(file, 0)],
    ['a block grown beyond all limits', (file: string) => truncate(file, 50_000_000)],
  ])('%s is CONTENT_CORRUPT and names the block; adding again repairs it', async (_, damage) => {
    const { layout } = { layout: (file: string) => file.split('/').at(-1)!.replace('.data', '') };
    const victim = leaves[0]!;
    await damage(victim);
    const error = await failure(readBytes(store, cid, { maxBytes: MANY }));
    expect(error).toBeInstanceOf(R3mesError);
    expect(error).toMatchObject({ code: 'CONTENT_CORRUPT' });
    const named = /block (b[a-z2-7]{58})/.exec((error as R3mesError).message)?.[1];
    // The file is named by the multihash in upper-case base32, with its own multibase prefix.
    const hash = CID.parse(named!).multihash.bytes;
    const { base32upper } = await import('multiformats/bases/base32');
    expect(base32upper.encode(hash)).toBe(layout(victim));
    expect((await store.add(keyStream(size, 'bad'))).cid).toBe(cid);
    expect((await readBytes(store, cid, { maxBytes: MANY })).length).toBe(size);
  });

  it('a missing block is CONTENT_NOT_FOUND and names it', async () => {
    await rm(leaves[1]!);
    expect(await failure(readBytes(store, cid, { maxBytes: MANY }))).toMatchObject({
      code: 'CONTENT_NOT_FOUND',
      message: expect.stringMatching(/bafkrei[a-z2-7]{52} is not in the content store/) as string,
    });
  });

  it('a block of other content under this name is CONTENT_CORRUPT', async () => {
    await writeFile(leaves[0]!, await readFile(leaves[1]!));
    expect(await failure(readBytes(store, cid, { maxBytes: MANY }))).toMatchObject({ code: 'CONTENT_CORRUPT' });
  });

  it('content above the limit is refused before any of it is delivered', async () => {
    let delivered = 0;
    const error = await failure(
      (async () => {
        for await (const part of store.read(cid, { maxBytes: BigInt(size - 1) })) delivered += part.length;
      })(),
    );
    expect(error).toMatchObject({ code: 'CONTENT_TOO_LARGE', message: `${cid} is ${size} bytes long, expected at most ${size - 1}` });
    expect(delivered).toBe(0);
    const small = await addBytes(store, Buffer.from('12345'));
    expect(await failure(readBytes(store, small.cid, { maxBytes: 4n }))).toMatchObject({ code: 'CONTENT_TOO_LARGE' });
  });

  it('an unknown CID is CONTENT_NOT_FOUND, a text that is none INVALID_INPUT', async () => {
    const unknown = await addBytes(memoryStore(), Buffer.from('never stored here'));
    expect(await store.has(unknown.cid)).toBe(false);
    expect(await failure(readBytes(store, unknown.cid, { maxBytes: MANY }))).toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    expect(await failure(readBytes(store, 'QmNope', { maxBytes: MANY }))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(() => store.has('nonsense')).toThrow(/CIDv1/);
  });
});

describe('directories', () => {
  it('are read by path', async () => {
    const entries = [
      { path: 'config.json', content: streamOf('{}') },
      { path: 'sub/model.bin', content: streamOf('mo', 'del') },
    ];
    const { cid, sizeBytes } = await store.addDirectory(listOf(...entries));
    expect(sizeBytes).toBe(7n);
    expect(Buffer.from(await readBytes(store, cid, { path: '/sub//model.bin', maxBytes: 5n })).toString()).toBe('model');
    expect(await failure(readBytes(store, cid, { path: 'sub/none', maxBytes: 5n }))).toMatchObject({
      code: 'CONTENT_NOT_FOUND',
      message: expect.stringContaining('has: model.bin') as string,
    });
    expect(await failure(readBytes(store, cid, { path: 'config.json/x', maxBytes: 5n }))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await failure(readBytes(store, cid, { path: 'a/'.repeat(40), maxBytes: 5n }))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await store.list(cid)).toEqual(new Map([['config.json', 2n]]));
    expect(await failure(store.list((await store.add(streamOf('x'))).cid))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('is a file') as string });
    const large = await store.addDirectory(listOf({ path: 'large', content: keyStream(3_000_000, 'list') }, { path: 'none', content: streamOf() }));
    expect(await store.list(large.cid)).toEqual(new Map([['large', 3_000_000n], ['none', 0n]]));
    expect(await new MeteredStore(store).list(large.cid)).toEqual(await store.list(large.cid));
    expect(await failure(readBytes(store, cid, { maxBytes: 5n }))).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('is a directory') as string,
    });
  });

  it.each([['/etc/passwd'], ['../up'], ['a/../b'], ['a//b'], [''], ['.'], ['a\0b'], ['a\\b'], ['x'.repeat(256)], ['ı'.repeat(128)]])(
    'refuse the path %j',
    async (path) => {
      expect(await failure(store.addDirectory(listOf({ path, content: streamOf('x') })))).toMatchObject({ code: 'INVALID_INPUT' });
    },
  );

  it.each([[['a', 'a']], [['a', 'a/b']], [['a/b', 'a']], [['a/b', 'a/b/c']]])('refuse the clash %j', async (paths) => {
    const entries = paths.map((path) => ({ path, content: streamOf('x') }));
    expect(await failure(store.addDirectory(listOf(...entries)))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('twice') as string });
  });

  it('may be empty: the CID that every IPFS node knows', async () => {
    const { cid, sizeBytes } = await store.addDirectory(listOf());
    expect([cid, sizeBytes]).toEqual(['bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354', 0n]);
  });
});

describe('stopping', () => {
  it('an add stops at a signal, with its reason, and leaves no root', async () => {
    const controller = new AbortController();
    const stopping = (async function* () {
      for await (const part of keyStream(5_000_000, 'stop')) {
        yield part;
        controller.abort(new Error('enough'));
      }
    })();
    expect(await failure(store.add(stopping, { signal: controller.signal }))).toMatchObject({ message: 'enough' });
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
  });

  it('a read stops at a signal', async () => {
    const { cid } = await store.add(keyStream(3_000_000, 'stop'));
    const controller = new AbortController();
    const reading = (async () => {
      for await (const part of store.read(cid, { maxBytes: MANY, signal: controller.signal })) {
        expect(part.length).toBe(1_048_576);
        controller.abort(new Error('enough'));
      }
    })();
    expect(await failure(reading)).toMatchObject({ message: 'enough' });
    await expect(store.has(cid, { signal: controller.signal })).rejects.toThrow('enough');
  });

  it("a source's own error comes through unchanged", async () => {
    const failing = (async function* () {
      yield await Promise.resolve(Buffer.from('some'));
      throw new Error('the source broke');
    })();
    expect(await failure(store.add(failing))).toMatchObject({ message: 'the source broke' });
  });
});

describe('MeteredStore', () => {
  it('counts payload bytes in both directions, repeats included', async () => {
    const metered = new MeteredStore(store);
    const { cid } = await addBytes(metered, new Uint8Array(1000));
    await addBytes(metered, new Uint8Array(1000));
    await metered.addDirectory(listOf({ path: 'a', content: streamOf('12345') }));
    expect([metered.bytesWritten, metered.bytesRead]).toEqual([2005n, 0n]);
    await readBytes(metered, cid, { maxBytes: 1000n });
    await readBytes(metered, cid, { maxBytes: 1000n, range: { offset: 10n, length: 20n } });
    expect(await failure(readBytes(metered, cid, { maxBytes: 1n }))).toMatchObject({ code: 'CONTENT_TOO_LARGE' });
    expect([metered.bytesWritten, metered.bytesRead, metered.bytesMoved]).toEqual([2005n, 1020n, 3025n]);
    expect(await metered.has(cid)).toBe(true);
    await metered.close();
  });
});
