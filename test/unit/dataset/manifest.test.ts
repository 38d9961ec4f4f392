import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { canonicalJson } from '../../../src/dataset/canonical-json.js';
import type { CanonicalValue } from '../../../src/dataset/canonical-json.js';
import { decodeManifest, encodeManifest, MAX_MANIFEST_BYTES, planChunks } from '../../../src/dataset/manifest.js';
import type { Manifest } from '../../../src/dataset/manifest.js';
import { cidOfBytes } from '../../../src/protocol/cid.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';

const CID = cidOfBytes(Buffer.from('a shard')).toString();

/** A manifest that holds together, for `chunks` chunks of `chunkTokens`. */
function manifestOf(chunks: number, shardChunks: number, chunkTokens = 2048, vocab = 1024, extra: Partial<Manifest> = {}): Manifest {
  const width = vocab <= 65_536 ? 2 : 4;
  const held = Math.max(1, Math.floor(chunks / 20));
  const shards = [];
  for (let first = 0; first < chunks; first += shardChunks) {
    const n = Math.min(shardChunks, chunks - first);
    shards.push({ cid: CID, first_chunk: first, chunks: n, size_bytes: n * chunkTokens * width });
  }
  return {
    format: 'r3mes-dataset',
    version: 1,
    name: 'test',
    tokenizer_cid: CID,
    vocab_size: vocab,
    eos_token_id: 1,
    token_format: width === 2 ? 'u16le' : 'u32le',
    chunk_tokens: chunkTokens,
    training_chunks: chunks - held,
    held_out_chunks: held,
    source_tokens: chunks * chunkTokens + 5,
    source_rows: 3,
    source_sha256: '00'.repeat(32),
    shards,
    ...extra,
  };
}

describe('canonicalJson', () => {
  it('sorts keys, leaves out what is absent and writes no space', () => {
    expect(canonicalJson({ b: [1, true, 'ı"\n'], a: { z: -1, y: undefined }, B: 0 })).toBe('{"B":0,"a":{"z":-1},"b":[1,true,"ı\\"\\n"]}');
  });

  it('is JSON for the same value, and the same text for any order of keys', () => {
    const value = fc.letrec<{ value: CanonicalValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.string({ unit: 'grapheme' }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(value, (v) => {
        const text = canonicalJson(v);
        expect(JSON.parse(text)).toEqual(v);
        if (typeof v === 'object' && !Array.isArray(v)) {
          expect(canonicalJson(Object.fromEntries(Object.entries(v).reverse()) as CanonicalValue)).toBe(text);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([[0.5], [NaN], [2 ** 53], ['\ud800']])('refuses %j', (value) => {
    expect(() => canonicalJson(value)).toThrow(InvalidInputError);
  });
});

describe('planChunks', () => {
  it.each([
    [4096, 2048, { chunks: 2, trainingChunks: 1, heldOutChunks: 1, droppedTokens: 0 }],
    [4097, 2048, { chunks: 2, trainingChunks: 1, heldOutChunks: 1, droppedTokens: 1 }],
    [39 * 2048 + 2047, 2048, { chunks: 39, trainingChunks: 38, heldOutChunks: 1, droppedTokens: 2047 }],
    [40 * 2048, 2048, { chunks: 40, trainingChunks: 38, heldOutChunks: 2, droppedTokens: 0 }],
    [534_693, 2048, { chunks: 261, trainingChunks: 248, heldOutChunks: 13, droppedTokens: 165 }],
    [512, 256, { chunks: 2, trainingChunks: 1, heldOutChunks: 1, droppedTokens: 0 }],
  ])('%d tokens in chunks of %d', (tokens, chunkTokens, plan) => {
    expect(planChunks(tokens, chunkTokens)).toEqual(plan);
  });

  it('says how much text there is and how much it takes', () => {
    expect(() => planChunks(4095, 2048)).toThrow(/too little text: 4095 tokens, expected at least 4096/);
    expect(() => planChunks(0, 256)).toThrow(/0 tokens, expected at least 512/);
  });
});

describe('a manifest', () => {
  it('comes back from its bytes, which are the only ones', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 500 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 16, max: 65_536 }),
        fc.constantFrom(2, 1024, 65_536, 65_537, 128_256),
        fc.record({ license: fc.constantFrom('CC0-1.0', 'MIT'), description: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }) }, { requiredKeys: [] }),
        (chunks, shardChunks, chunkTokens, vocab, extra) => {
          const manifest = manifestOf(chunks, shardChunks, chunkTokens, vocab, extra);
          const bytes = encodeManifest(manifest);
          expect(decodeManifest(bytes)).toEqual(manifest);
          expect(() => decodeManifest(Buffer.concat([bytes, Buffer.from('\n')]))).toThrow(/canonical/);
          expect(() => decodeManifest(Buffer.from(JSON.stringify(manifest, null, 1)))).toThrow(/canonical/);
        },
      ),
      { numRuns: 200 },
    );
  });

  const change = (f: (m: Record<string, unknown> & { shards: Record<string, unknown>[] }) => void): Uint8Array => {
    const m = JSON.parse(canonicalJson(manifestOf(50, 20))) as Record<string, unknown> & { shards: Record<string, unknown>[] };
    f(m);
    return Buffer.from(canonicalJson(m as CanonicalValue));
  };

  it.each([
    ['another format', change((m) => (m['format'] = 'x')), /format/],
    ['a later version', change((m) => (m['version'] = 2)), /version/],
    ['an unknown field', change((m) => (m['more'] = 1)), /more/],
    ['a bad name', change((m) => (m['name'] = '../x')), /name/],
    ['a bad tokenizer CID', change((m) => (m['tokenizer_cid'] = 'Qm')), /tokenizer_cid/],
    ['a bad shard CID', change((m) => (m.shards[1]!['cid'] = CID.toUpperCase())), /shards\[1\]\.cid/],
    ['an EOS beyond the vocabulary', change((m) => (m['eos_token_id'] = 1024)), /eos_token_id below vocab_size 1024/],
    ['the wrong width', change((m) => (m['token_format'] = 'u32le')), /token_format u16le, got u32le/],
    ['a gap between shards', change((m) => (m.shards[1]!['first_chunk'] = 21)), /shards\[1\]\.first_chunk 20, got 21/],
    ['shards out of order', change((m) => m.shards.reverse()), /shards\[0\]\.first_chunk/],
    ['a missing shard', change((m) => m.shards.pop()), /chunks of all shards 50, got 40/],
    ['a wrong size', change((m) => (m.shards[2]!['size_bytes'] = 1)), /shards\[2\]\.size_bytes/],
    ['too few held-out chunks', change((m) => { m['held_out_chunks'] = 1; m['training_chunks'] = 49; }), /training_chunks 48, got 49/],
    ['fewer tokens than chunks', change((m) => (m['source_tokens'] = 100)), /too little text/],
    ['no shards', change((m) => (m.shards = [])), /shards/],
    ['a fraction', Buffer.from(canonicalJson(manifestOf(2, 2)).replace('"vocab_size":1024', '"vocab_size":1024.5')), /vocab_size/],
    ['no JSON', Buffer.from('hello'), /no JSON/],
    ['no UTF-8', Buffer.from([0xff]), /no JSON/],
    ['a byte-order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), encodeManifest(manifestOf(2, 2))]), /no JSON/],
    ['a list', Buffer.from('[]'), /manifest/],
    ['megabytes', Buffer.alloc(MAX_MANIFEST_BYTES + 1), /at most 16777216 bytes/],
  ])('with %s is refused', (_, bytes, message) => {
    expect(() => decodeManifest(bytes)).toThrow(InvalidInputError);
    expect(() => decodeManifest(bytes)).toThrow(message);
  });
});
