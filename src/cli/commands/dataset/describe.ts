import type { DatasetSummary } from '../../../dataset/index.js';
import type { JsonObject } from '../../frame/json.js';
import { facts } from '../../frame/table.js';

/** A dataset as commands print it: the `--json` object, and the lines for people with `more` below them. */
export function describeDataset({ manifest, ...s }: DatasetSummary, more: readonly (readonly [string, string])[] = []): { readonly data: JsonObject; readonly text: string } {
  const data = {
    manifestCid: s.manifestCid,
    name: manifest.name,
    license: manifest.license ?? null,
    description: manifest.description ?? null,
    tokenizerCid: manifest.tokenizer_cid,
    vocabSize: manifest.vocab_size,
    eosTokenId: manifest.eos_token_id,
    tokenFormat: manifest.token_format,
    chunkTokens: manifest.chunk_tokens,
    chunks: s.chunks,
    trainingChunks: manifest.training_chunks,
    heldOutChunks: manifest.held_out_chunks,
    firstHeldOutChunk: s.firstHeldOutChunk,
    trainingTokens: s.trainingTokens,
    heldOutTokens: s.heldOutTokens,
    sourceTokens: manifest.source_tokens,
    droppedTokens: s.droppedTokens,
    sourceRows: manifest.source_rows,
    sourceSha256: manifest.source_sha256,
    sizeBytes: s.sizeBytes,
    shards: manifest.shards.map((shard) => ({ cid: shard.cid, firstChunk: shard.first_chunk, chunks: shard.chunks, sizeBytes: shard.size_bytes })),
  };
  const text = facts([
    ['manifest', data.manifestCid],
    ['name', data.name],
    ...(data.license === null ? [] : [['license', data.license] as const]),
    ...(data.description === null ? [] : [['description', data.description] as const]),
    ['training chunks', `${data.trainingChunks} of ${data.chunkTokens} tokens`],
    ['held-out chunks', `${data.heldOutChunks}, from chunk ${data.firstHeldOutChunk} on`],
    ['source', `${data.sourceTokens} tokens in ${data.sourceRows} rows; ${data.droppedTokens} tokens behind the last whole chunk dropped`],
    ['source SHA-256', data.sourceSha256],
    ['tokenizer', `${data.tokenizerCid} (${data.vocabSize} ids, ${data.tokenFormat})`],
    ['shards', `${data.shards.length}, ${data.sizeBytes} bytes`],
    ...more,
  ]);
  return { data, text };
}
