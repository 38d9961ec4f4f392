import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { inspectManifest, readChunk, readManifest, verifyDataset } from '../../../src/dataset/read.js';
import { shardTokens } from '../../../src/dataset/shard.js';
import type { ShardOptions } from '../../../src/dataset/shard.js';
import { encodeManifest } from '../../../src/dataset/manifest.js';
import { encodeTokens } from '../../../src/dataset/tokens.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';
import { addBytes, memoryStore, MeteredStore } from '../../../src/storage/index.js';
import type { ContentStore } from '../../../src/storage/index.js';
import { failure, listOf } from '../storage/helpers.js';

const TOKENIZER = 'bafkreig4wnhhityiq62tmo7syf4yjkaik5hse3omivwyecmbooaa7mn5oy';
const END = () => ({ rows: 1, sha256: '00'.repeat(32) });

function shardIds(store: ContentStore, ids: readonly number[], options: Partial<ShardOptions> = {}, vocabSize = 1024, pieceTokens = 100) {
  const pieces = Array.from({ length: Math.ceil(ids.length / pieceTokens) }, (_, i) => ids.slice(i * pieceTokens, (i + 1) * pieceTokens));
  return shardTokens(store, listOf(...pieces), { tokenizerCid: TOKENIZER, vocabSize, eosTokenId: 1 }, { name: 'test', chunkTokens: 16, ...options }, END);
}

describe('shardTokens', () => {
  it('puts every token into exactly one chunk, in order, whatever the shards and pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 32, max: 900 }),
        fc.integer({ min: 16, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 70 }),
        fc.constantFrom(1024, 70_000),
        async (count, chunkTokens, shardChunks, pieceTokens, vocab) => {
          fc.pre(count >= 2 * chunkTokens);
          const ids = Array.from({ length: count }, (_, i) => (i * 7919) % vocab);
          const store = memoryStore();
          const { manifestCid, manifest } = await shardIds(store, ids, { chunkTokens, shardChunks }, vocab, pieceTokens);
          const chunks = Math.floor(count / chunkTokens);
          expect(manifest.training_chunks + manifest.held_out_chunks).toBe(chunks);
          expect(manifest.held_out_chunks).toBe(Math.max(1, Math.floor(chunks / 20)));
          const read: number[] = [];
          for (let i = 0; i < chunks; i++) {
            const chunk = await readChunk(store, manifest, i);
            expect(chunk).toHaveLength(chunkTokens);
            read.push(...chunk);
          }
          expect(read).toEqual(ids.slice(0, chunks * chunkTokens));
          const verified = await verifyDataset(store, manifestCid);
          expect(verified.tokensVerified).toBe(chunks * chunkTokens);
          expect(verified.droppedTokens).toBe(count - chunks * chunkTokens);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('gives a known CID: the same tokens make the same manifest on every machine', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => (i * 31) % 1024);
    const { manifestCid, manifest } = await shardIds(memoryStore(), ids, { shardChunks: 16, license: 'CC0-1.0', description: 'counting' });
    // CIDs of the shards by Python: base32 of 01 55 12 20 and the SHA-256 of the tokens as little-endian uint16.
    const shards = [
      { chunks: 16, cid: 'bafkreibiz4clsprmv6x5a5pvots54vda6b4il3zpef5tokjeswgmexbrza', first_chunk: 0, size_bytes: 512 },
      { chunks: 16, cid: 'bafkreic6miqlenqq4jvdjdit5elw5c2i6loz4jtgiwdiqnrnau7dpt5k7a', first_chunk: 16, size_bytes: 512 },
      { chunks: 16, cid: 'bafkreif3fl2qfoetthtny5pscfef64yd6fkuwtotlp2urtu7wror4rgxz4', first_chunk: 32, size_bytes: 512 },
      { chunks: 14, cid: 'bafkreiff2xgkh7sbtxpwkjljkizmtrscnp3hpkj4f4twlpu6vbvttgtbni', first_chunk: 48, size_bytes: 448 },
    ];
    expect(Buffer.from(encodeManifest(manifest)).toString()).toBe(
      `{"chunk_tokens":16,"description":"counting","eos_token_id":1,"format":"r3mes-dataset","held_out_chunks":3,"license":"CC0-1.0","name":"test","shards":${JSON.stringify(shards)},"source_rows":1,"source_sha256":"${'0'.repeat(64)}","source_tokens":1000,"token_format":"u16le","tokenizer_cid":"${manifest.tokenizer_cid}","training_chunks":59,"version":1,"vocab_size":1024}`,
    );
    expect(manifestCid).toBe('bafkreice4ztlzrvffzfvxuuinyreyvi27s4oovm6wlyqlfufrzea2btuki');
  });

  it('refuses too little text, and stores no manifest for it', async () => {
    expect(await failure(shardIds(memoryStore(), Array<number>(31).fill(5)))).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('too little text: 31 tokens, expected at least 32') as string,
    });
    expect(await failure(shardIds(memoryStore(), []))).toMatchObject({ message: expect.stringContaining('0 tokens') as string });
  });

  it('refuses tokens out of range and says which', async () => {
    const ids = Array<number>(300).fill(5);
    ids[222] = 1024;
    expect(await failure(shardIds(memoryStore(), ids))).toMatchObject({ message: 'token 222 is 1024, expected an id from 0 to 1023' });
  });

  it.each<[string, Partial<ShardOptions>, RegExp]>([
    ['chunks of 8', { chunkTokens: 8 }, /chunks of 16 to 65,536 tokens, got 8/],
    ['chunks of a fraction', { chunkTokens: 20.5 }, /got 20\.5/],
    ['shards of nothing', { shardChunks: 0 }, /shards of 1 to 65,536 chunks, got 0/],
    ['a name with a slash', { name: 'a/b' }, /dataset name: expected 1 to 64 letters/],
    ['an empty license', { license: '' }, /dataset license/],
  ])('refuses %s', async (_, options, message) => {
    const error = await failure(shardIds(memoryStore(), Array<number>(100).fill(5), options));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toMatch(message);
  });

  it('stops at a signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await failure(shardIds(memoryStore(), Array<number>(100).fill(5), { signal }))).toMatchObject({ message: 'enough' });
  });
});

describe('reading', () => {
  const ids = Array.from({ length: 4000 }, (_, i) => (i * 17) % 1024);
  let store: MeteredStore;
  let made: Awaited<ReturnType<typeof shardIds>>;

  beforeEach(async () => {
    store = new MeteredStore(memoryStore());
    made = await shardIds(store, ids, { shardChunks: 40 });
  });

  it('takes of the store no more than the chunk', async () => {
    const before = store.bytesRead;
    expect([...(await readChunk(store, made.manifest, 123))]).toEqual(ids.slice(123 * 16, 124 * 16));
    expect(store.bytesRead - before).toBe(32n);
  });

  it('refuses chunks that are not there', async () => {
    for (const index of [-1, 250, 1.5, NaN]) {
      expect(await failure(readChunk(store, made.manifest, index))).toMatchObject({ message: `expected a chunk from 0 to 249, got ${index}` });
    }
    expect(await failure(readChunk(store, { ...made.manifest, shards: [] }, 0))).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('inspects: what follows from the manifest', async () => {
    expect(await inspectManifest(store, made.manifestCid)).toEqual({
      manifestCid: made.manifestCid,
      manifest: made.manifest,
      chunks: 250,
      trainingTokens: 238 * 16,
      heldOutTokens: 12 * 16,
      droppedTokens: 0,
      sizeBytes: 8000,
      firstHeldOutChunk: 238,
    });
    expect(await readManifest(store, made.manifestCid)).toEqual(made.manifest);
    expect(await failure(readManifest(store, made.manifest.shards[0]!.cid))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await failure(readManifest(store, TOKENIZER))).toMatchObject({ code: 'CONTENT_NOT_FOUND' });
  });

  it('verifies shard by shard and says whether the tokenizer is there', async () => {
    const seen: string[] = [];
    const result = await verifyDataset(store, made.manifestCid, { onProgress: (p) => seen.push(`${p.shardsDone}/${p.shardsTotal}`) });
    expect(result).toMatchObject({ shardsVerified: 7, tokensVerified: 4000, tokenizerPresent: false });
    expect(seen).toEqual(['1/7', '2/7', '3/7', '4/7', '5/7', '6/7', '7/7']);
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await failure(verifyDataset(store, made.manifestCid, { signal }))).toMatchObject({ message: 'enough' });
  });

  it.each<[string, (width: number) => Uint8Array, object]>([
    ['tokens out of range', (n) => encodeTokens(Array<number>(n / 2).fill(2000), 4000), { code: 'INVALID_INPUT', message: 'token 640 is 2000, expected an id from 0 to 1023' }],
    ['a short shard', (n) => new Uint8Array(n - 2), { code: 'INVALID_INPUT', message: expect.stringMatching(/^shard 1 \(b.*\) is 1278 bytes long, expected 1280/) as string }],
    ['half a token', (n) => new Uint8Array(n - 1), { code: 'INVALID_INPUT', message: expect.stringContaining('multiple of 2') as string }],
    ['a long shard', (n) => new Uint8Array(n + 2), { code: 'CONTENT_TOO_LARGE' }],
  ])('finds %s behind a manifest that looks right', async (_, make, error) => {
    const shards = [...made.manifest.shards];
    const { cid } = await addBytes(store, make(shards[1]!.size_bytes));
    shards[1] = { ...shards[1]!, cid };
    const forged = await addBytes(store, encodeManifest({ ...made.manifest, shards }));
    expect(await failure(verifyDataset(store, forged.cid))).toMatchObject(error);
  });
});
