import { z } from 'zod';

import { parseCid } from '../protocol/cid.js';
import { InvalidInputError } from '../protocol/errors.js';
import { canonicalJson } from './canonical-json.js';
import { MAX_VOCAB } from './tokenizer.js';
import { tokenBytes, tokenFormatOf } from './tokens.js';

/** Tokens of a chunk unless said otherwise: the unit of a training job. */
export const DEFAULT_CHUNK_TOKENS = 2_048;
/** With 2,048-token chunks of uint16 a full shard is 1 MiB: one block of the content store. */
export const DEFAULT_SHARD_CHUNKS = 256;
export const MAX_MANIFEST_BYTES = 16 * 1_048_576;

const MAX_CHUNKS = 0xffffffff;
const MAX_SHARDS = 100_000;
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const cid = z.string().refine(isCid, { error: 'expected a CIDv1, raw or dag-pb, SHA-256, base32' });

const shardSchema = z.strictObject({
  cid,
  /** Index of the first chunk in the dataset. */
  first_chunk: count.max(MAX_CHUNKS),
  chunks: count.min(1).max(MAX_CHUNKS),
  size_bytes: count.min(1),
});
export type Shard = z.infer<typeof shardSchema>;

/** What a dataset is called and by whom it may be used; free of the data. */
export const labelSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/, { error: 'expected 1 to 64 letters, digits, spaces, dots, dashes' }),
  license: z.string().min(1).max(64).optional(),
  description: z.string().min(1).max(1_000).optional(),
});
export type DatasetLabel = z.infer<typeof labelSchema>;

export const manifestSchema = z.strictObject({
  format: z.literal('r3mes-dataset'),
  version: z.literal(1),
  ...labelSchema.shape,
  /** tokenizer.json that made the tokens; must be that of the model they train. */
  tokenizer_cid: cid,
  vocab_size: z.number().int().min(2).max(MAX_VOCAB),
  eos_token_id: count,
  token_format: z.enum(['u16le', 'u32le']),
  chunk_tokens: z.number().int().min(16).max(65_536),
  /** Chunks 0 … training_chunks − 1 are assigned to miners. */
  training_chunks: count.min(1).max(MAX_CHUNKS),
  /** The chunks after those are never assigned: they measure the loss. */
  held_out_chunks: count.min(1).max(MAX_CHUNKS),
  /** Tokens of the source; what is beyond the last whole chunk was dropped. */
  source_tokens: count,
  source_rows: count.min(1),
  source_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  shards: z.array(shardSchema).min(1).max(MAX_SHARDS),
});
export type Manifest = z.infer<typeof manifestSchema>;

function isCid(text: string): boolean {
  try {
    parseCid(text);
    return true;
  } catch (cause) {
    if (cause instanceof InvalidInputError) return false;
    throw cause;
  }
}

export interface ChunkPlan {
  readonly chunks: number;
  readonly trainingChunks: number;
  readonly heldOutChunks: number;
  readonly droppedTokens: number;
}

/**
 * Whole chunks of a number of tokens: the tail is dropped, the last 5 % (rounded down, at least one) are held out.
 * @throws InvalidInputError where there is not one chunk to train on and one to measure with.
 */
export function planChunks(tokens: number, chunkTokens: number): ChunkPlan {
  const chunks = Math.floor(tokens / chunkTokens);
  if (chunks < 2) {
    throw new InvalidInputError(
      `too little text: ${tokens} tokens, expected at least ${2 * chunkTokens} (one chunk of ${chunkTokens} to train on and one held out)`,
      'use more text, or join several files',
    );
  }
  const heldOutChunks = Math.max(1, Math.floor((chunks * 5) / 100));
  return { chunks, trainingChunks: chunks - heldOutChunks, heldOutChunks, droppedTokens: tokens - chunks * chunkTokens };
}

/** The bytes whose CID names the dataset: canonical JSON in UTF-8, nothing behind it. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return Buffer.from(canonicalJson(manifest));
}

/**
 * Reads a manifest and checks everything that can be checked without the shards: form, sizes, that the shards cover the
 * chunks without a gap, the held-out share, and that these are the canonical bytes.
 * @throws InvalidInputError names the field.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw new InvalidInputError(`manifest: expected at most ${MAX_MANIFEST_BYTES} bytes, got ${bytes.length}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new InvalidInputError(`manifest: no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, 'is this the CID of a manifest?');
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(`manifest: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  const manifest = parsed.data;
  checkManifest(manifest);
  if (!Buffer.from(encodeManifest(manifest)).equals(bytes)) {
    throw new InvalidInputError('manifest: the bytes are not the canonical ones (sorted keys, no white space)', 'make it with r3mes dataset shard');
  }
  return manifest;
}

/** The rules between fields. @throws InvalidInputError */
export function checkManifest(m: Manifest): void {
  expectEqual('token_format', m.token_format, tokenFormatOf(m.vocab_size));
  if (m.eos_token_id >= m.vocab_size) throw new InvalidInputError(`manifest: expected eos_token_id below vocab_size ${m.vocab_size}, got ${m.eos_token_id}`);
  const plan = planChunks(m.source_tokens, m.chunk_tokens);
  expectEqual('training_chunks', m.training_chunks, plan.trainingChunks);
  expectEqual('held_out_chunks', m.held_out_chunks, plan.heldOutChunks);
  let next = 0;
  for (const [i, shard] of m.shards.entries()) {
    expectEqual(`shards[${i}].first_chunk`, shard.first_chunk, next);
    expectEqual(`shards[${i}].size_bytes`, shard.size_bytes, shard.chunks * chunkBytes(m));
    next += shard.chunks;
  }
  expectEqual('the chunks of all shards', next, plan.chunks);
}

function expectEqual(field: string, seen: string | number, expected: string | number): void {
  if (seen !== expected) throw new InvalidInputError(`manifest: expected ${field} ${expected}, got ${seen}`);
}

export function chunkBytes(m: Pick<Manifest, 'chunk_tokens' | 'token_format'>): number {
  return m.chunk_tokens * tokenBytes(m.token_format);
}
