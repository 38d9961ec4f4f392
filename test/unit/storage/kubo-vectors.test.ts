import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { memoryStore, UnixfsStore } from '../../../src/storage/index.js';
import { collect, failure, keyStream, listOf, streamOf } from './helpers.js';

interface FileVector {
  readonly name: string;
  readonly sizeBytes: number;
  readonly seed: string;
  readonly cid: string;
}
interface Vectors {
  readonly files: readonly FileVector[];
  readonly directory: { readonly entries: readonly { path: string; sizeBytes: number; seed: string }[]; readonly cid: string };
  readonly wideDirectory: { files: number; nameDigits: number; lastNameDigits: number; content: string; cid: string };
  readonly kuboOwn: readonly (FileVector & { readonly text?: string })[];
}

const vectors = JSON.parse(readFileSync(new URL('../../vectors/unixfs/kubo.json', import.meta.url), 'utf8')) as Vectors;

/** Hashes and forgets: a GiB needs no place. */
const hasher = new UnixfsStore({
  get: () => Promise.resolve(undefined),
  has: () => Promise.resolve(false),
  put: () => Promise.resolve(),
});

describe('CIDs are those of Kubo, profile unixfs-v1-2025', () => {
  it.each(vectors.files)('file: $name', async ({ sizeBytes, seed, cid }) => {
    const store = memoryStore();
    expect(await store.add(keyStream(sizeBytes, seed))).toEqual({ cid, sizeBytes: BigInt(sizeBytes) });
    const back = await collect(store.read(cid, { maxBytes: BigInt(sizeBytes) }));
    expect(back.equals(await collect(keyStream(sizeBytes, seed)))).toBe(true);
  });

  it.each(vectors.kuboOwn)("Kubo's own vector: $name", async ({ text, sizeBytes, seed, cid }) => {
    const content = text === undefined ? keyStream(sizeBytes, seed, 1 << 20) : streamOf(text);
    expect((await hasher.add(content)).cid).toBe(cid);
  });

  it('does not depend on how the stream is cut', async () => {
    const vector = vectors.files.find((f) => f.name === 'one chunk and a byte')!;
    for (const pieceBytes of [999, 65_536, 1_048_576, 2_000_000]) {
      expect((await hasher.add(keyStream(vector.sizeBytes, vector.seed, pieceBytes))).cid).toBe(vector.cid);
    }
  });

  it('directory with subdirectories and names that do not sort by letter, in any order of entries', async () => {
    const { entries, cid } = vectors.directory;
    const sizeBytes = BigInt(entries.reduce((sum, e) => sum + e.sizeBytes, 0));
    for (const order of [entries, [...entries].reverse()]) {
      const store = memoryStore();
      const files = order.map((e) => ({ path: e.path, content: keyStream(e.sizeBytes, e.seed) }));
      expect(await store.addDirectory(listOf(...files))).toEqual({ cid, sizeBytes });
      for (const { path, seed, sizeBytes: size } of entries) {
        const back = await collect(store.read(cid, { path, maxBytes: 2_000_000n }));
        expect(back.equals(await collect(keyStream(size, seed)))).toBe(true);
      }
    }
  });

  it('directory of the largest size that is one block; a byte more is refused', async () => {
    const { files, nameDigits, lastNameDigits, content, cid } = vectors.wideDirectory;
    const entries = (lastDigits: number) =>
      Array.from({ length: files }, (_, i) => ({
        path: String(i).padStart(i === files - 1 ? lastDigits : nameDigits, '0'),
        content: streamOf(content),
      }));
    expect((await hasher.addDirectory(listOf(...entries(lastNameDigits)))).cid).toBe(cid);
    const error = await failure(hasher.addDirectory(listOf(...entries(lastNameDigits + 1))));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('256 KiB') as string });
  });
});
