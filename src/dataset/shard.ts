import { InvalidInputError } from '../protocol/errors.js';

import { chunkBytes, decodeManifest, DEFAULT_CHUNK_TOKENS, DEFAULT_SHARD_CHUNKS, encodeManifest, labelSchema, planChunks } from './manifest.js';
import type { DatasetLabel, Manifest, Shard } from './manifest.js';
import { addAll } from './store.js';
import type { ContentWriter } from './store.js';
import { encodeTokens, tokenFormatOf } from './tokens.js';

/** Where tokens come from, as the manifest says it. */
export interface TokenSource {
  readonly tokenizerCid: string;
  readonly vocabSize: number;
  readonly eosTokenId: number;
}

export interface ShardOptions extends DatasetLabel {
  readonly chunkTokens?: number;
  /** Chunks of a shard; changes shards and manifest, never the chunks. */
  readonly shardChunks?: number;
  readonly signal?: AbortSignal;
}

export interface Sharded {
  readonly manifestCid: string;
  readonly manifest: Manifest;
}

/**
 * Cuts a stream of tokens into chunks and shards, stores them and, last, the manifest. Memory is one shard.
 * @param finish called after the last token, for what is known only then
 * @throws InvalidInputError for too little text or a token out of range; what the store throws. The manifest is then not stored.
 */
export async function shardTokens(
  store: ContentWriter,
  tokens: AsyncIterable<ArrayLike<number>>,
  source: TokenSource,
  options: ShardOptions,
  finish: () => { readonly rows: number; readonly sha256: string },
): Promise<Sharded> {
  const { chunkTokens = DEFAULT_CHUNK_TOKENS, shardChunks = DEFAULT_SHARD_CHUNKS, signal, name, license, description } = options;
  const label = labelSchema.safeParse({ name, license, description });
  if (!label.success) throw new InvalidInputError(`dataset ${String(label.error.issues[0]?.path[0])}: ${label.error.issues[0]?.message ?? ''}`);
  if (!Number.isInteger(chunkTokens) || chunkTokens < 16 || chunkTokens > 65_536) {
    throw new InvalidInputError(`expected chunks of 16 to 65,536 tokens, got ${chunkTokens}`);
  }
  if (!Number.isInteger(shardChunks) || shardChunks < 1 || shardChunks > 65_536) {
    throw new InvalidInputError(`expected shards of 1 to 65,536 chunks, got ${shardChunks}`);
  }
  const tokenFormat = tokenFormatOf(source.vocabSize);
  const perChunk = chunkBytes({ chunk_tokens: chunkTokens, token_format: tokenFormat });
  const shards: Shard[] = [];
  const shard = Buffer.alloc(perChunk * shardChunks);
  let filled = 0;
  let total = 0;

  const flush = async (bytes: Uint8Array): Promise<void> => {
    const last = shards.at(-1);
    shards.push({
      cid: await addAll(store, bytes, signal),
      first_chunk: last === undefined ? 0 : last.first_chunk + last.chunks,
      chunks: bytes.length / perChunk,
      size_bytes: bytes.length,
    });
  };

  for await (const ids of tokens) {
    signal?.throwIfAborted();
    const bytes = encodeTokens(ids, source.vocabSize, total);
    total += ids.length;
    for (let at = 0; at < bytes.length; ) {
      const take = Math.min(bytes.length - at, shard.length - filled);
      shard.set(bytes.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled === shard.length) {
        await flush(shard);
        filled = 0;
      }
    }
  }
  const plan = planChunks(total, chunkTokens);
  const rest = filled - (filled % perChunk);
  if (rest > 0) await flush(shard.subarray(0, rest));
  const { rows, sha256 } = finish();
  const manifest: Manifest = {
    format: 'r3mes-dataset',
    version: 1,
    ...label.data,
    tokenizer_cid: source.tokenizerCid,
    vocab_size: source.vocabSize,
    eos_token_id: source.eosTokenId,
    token_format: tokenFormat,
    chunk_tokens: chunkTokens,
    training_chunks: plan.trainingChunks,
    held_out_chunks: plan.heldOutChunks,
    source_tokens: total,
    source_rows: rows,
    source_sha256: sha256,
    shards,
  };
  const bytes = encodeManifest(manifest);
  // Read back as everybody will read it: what we store is a manifest by our own rules, without absent members.
  return { manifest: decodeManifest(bytes), manifestCid: await addAll(store, bytes, signal) };
}
