import { InvalidInputError } from '../protocol/errors.js';
import { chunkBytes, decodeManifest, MAX_MANIFEST_BYTES } from './manifest.js';
import type { Manifest, Shard } from './manifest.js';
import { readAll, signalOf } from './store.js';
import type { ContentReader } from './store.js';
import { decodeTokens } from './tokens.js';

/** @throws InvalidInputError for what is no manifest; what the store throws. */
export async function readManifest(store: ContentReader, manifestCid: string, signal?: AbortSignal): Promise<Manifest> {
  return decodeManifest(await readAll(store.read(manifestCid, { maxBytes: BigInt(MAX_MANIFEST_BYTES), ...signalOf(signal) })));
}

/**
 * The tokens of one chunk, and of the store only the block or two that hold it. Every block is hashed by the store, every
 * id checked here. @param index from 0; training chunks first, held-out chunks behind them.
 * @throws InvalidInputError for an index outside the dataset or an id outside the vocabulary; what the store throws.
 */
export async function readChunk(store: ContentReader, manifest: Manifest, index: number, signal?: AbortSignal): Promise<Uint32Array> {
  const total = manifest.training_chunks + manifest.held_out_chunks;
  if (!Number.isInteger(index) || index < 0 || index >= total) {
    throw new InvalidInputError(`expected a chunk from 0 to ${total - 1}, got ${index}`);
  }
  const shard = shardOf(manifest.shards, index);
  const length = chunkBytes(manifest);
  const range = { offset: BigInt((index - shard.first_chunk) * length), length: BigInt(length) };
  const bytes = await readAll(store.read(shard.cid, { maxBytes: BigInt(shard.size_bytes), range, ...signalOf(signal) }));
  return decodeTokens(bytes, manifest.vocab_size, index * manifest.chunk_tokens);
}

/** The shards cover the chunks without a gap (checkManifest), so the last one that starts at or before it has it. */
function shardOf(shards: readonly Shard[], index: number): Shard {
  let low = 0;
  let high = shards.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((shards[middle]?.first_chunk ?? 0) <= index) low = middle;
    else high = middle;
  }
  const shard = shards[low];
  if (shard === undefined) throw new InvalidInputError('the manifest has no shards');
  return shard;
}

/** Numbers of a dataset that follow from its manifest. */
export interface DatasetSummary {
  readonly manifestCid: string;
  readonly manifest: Manifest;
  readonly chunks: number;
  readonly trainingTokens: number;
  readonly heldOutTokens: number;
  readonly droppedTokens: number;
  readonly sizeBytes: number;
  /** Index of the first held-out chunk. */
  readonly firstHeldOutChunk: number;
}

/** @throws InvalidInputError for what is no manifest; what the store throws. */
export async function inspectManifest(store: ContentReader, manifestCid: string, signal?: AbortSignal): Promise<DatasetSummary> {
  const manifest = await readManifest(store, manifestCid, signal);
  return summarize(manifestCid, manifest);
}

export function summarize(manifestCid: string, manifest: Manifest): DatasetSummary {
  const chunks = manifest.training_chunks + manifest.held_out_chunks;
  return {
    manifestCid,
    manifest,
    chunks,
    trainingTokens: manifest.training_chunks * manifest.chunk_tokens,
    heldOutTokens: manifest.held_out_chunks * manifest.chunk_tokens,
    droppedTokens: manifest.source_tokens - chunks * manifest.chunk_tokens,
    sizeBytes: manifest.shards.reduce((sum, shard) => sum + shard.size_bytes, 0),
    firstHeldOutChunk: manifest.training_chunks,
  };
}

export interface VerifyProgress {
  readonly shardsDone: number;
  readonly shardsTotal: number;
}

export interface VerifyResult extends DatasetSummary {
  readonly shardsVerified: number;
  readonly tokensVerified: number;
  /** Whether tokenizer.json is in the store too. */
  readonly tokenizerPresent: boolean;
}

/**
 * Reads the whole dataset: every block of every shard is hashed, every shard has the size and every token the range that
 * the manifest says. @throws InvalidInputError names the shard; CONTENT_* of the store for what is missing or damaged.
 */
export async function verifyDataset(
  store: ContentReader,
  manifestCid: string,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: VerifyProgress) => void } = {},
): Promise<VerifyResult> {
  const { signal, onProgress } = options;
  const summary = await inspectManifest(store, manifestCid, signal);
  const { manifest } = summary;
  let tokensVerified = 0;
  for (const [i, shard] of manifest.shards.entries()) {
    tokensVerified += await verifyShard(store, manifest, shard, i, signal);
    onProgress?.({ shardsDone: i + 1, shardsTotal: manifest.shards.length });
  }
  const tokenizerPresent = await store.has(manifest.tokenizer_cid, signalOf(signal));
  return { ...summary, shardsVerified: manifest.shards.length, tokensVerified, tokenizerPresent };
}

async function verifyShard(store: ContentReader, manifest: Manifest, shard: Shard, index: number, signal?: AbortSignal): Promise<number> {
  const first = shard.first_chunk * manifest.chunk_tokens;
  let tokens = 0;
  let sizeBytes = 0;
  // Blocks are 1 MiB and leaves hold whole tokens, so that no token lies across two parts.
  for await (const part of store.read(shard.cid, { maxBytes: BigInt(shard.size_bytes), ...signalOf(signal) })) {
    sizeBytes += part.length;
    tokens += decodeTokens(part, manifest.vocab_size, first + tokens).length;
  }
  if (sizeBytes !== shard.size_bytes) {
    throw new InvalidInputError(`shard ${index} (${shard.cid}) is ${sizeBytes} bytes long, expected ${shard.size_bytes}`);
  }
  return tokens;
}
