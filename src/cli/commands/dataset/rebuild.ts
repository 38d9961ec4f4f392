import { buildDataset, DEFAULT_SHARD_CHUNKS, loadModelTokenizer, type DatasetSummary, type Manifest } from '../../../dataset/index.js';
import { R3mesError } from '../../../protocol/errors.js';
import { type Blocks, UnixfsStore } from '../../../storage/index.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../model-directory.js';
import { given, watched } from './job.js';

/** Keeps nothing: for the CIDs of content of any length, in constant memory. */
const NOWHERE: Blocks = {
  get: () => Promise.resolve(undefined),
  has: () => Promise.resolve(false),
  put: () => Promise.resolve(),
};

/** Full shards hold as many chunks as the first; of a single one any number from its own on gives the same. */
function shardChunksOf({ shards }: Manifest): number {
  const first = shards[0]?.chunks ?? DEFAULT_SHARD_CHUNKS;
  return shards.length === 1 ? Math.max(first, DEFAULT_SHARD_CHUNKS) : first;
}

function difference(expected: Manifest, made: Manifest): string {
  for (const field of ['tokenizer_cid', 'source_sha256', 'source_rows', 'source_tokens', 'vocab_size', 'eos_token_id'] as const) {
    if (expected[field] !== made[field]) return `${field} is ${expected[field]} in the manifest, ${made[field]} from the source`;
  }
  const index = expected.shards.findIndex((shard, i) => shard.cid !== made.shards[i]?.cid);
  if (index >= 0) return `shard ${index} is ${expected.shards[index]?.cid ?? ''} in the manifest, ${made.shards[index]?.cid ?? 'absent'} from the source`;
  return 'other fields of the manifest';
}

/**
 * Makes the dataset anew from its text and compares the CIDs: shows that the tokens are those of this text.
 * @throws R3mesError DATASET_MISMATCH names the first field that differs; what making a dataset throws.
 */
export async function rebuild(ctx: Context, expected: DatasetSummary, from: { readonly source: string; readonly model: string | undefined }): Promise<void> {
  const { manifest } = expected;
  const { name, license, description } = manifest;
  const model = await loadModelTokenizer(from.model === undefined ? DEFAULT_MODEL_DIRECTORY : given(ctx, from.model));
  const made = await step(ctx, `making it anew from ${from.source}`, (progress) =>
    buildDataset({
      input: given(ctx, from.source),
      model,
      store: new UnixfsStore(NOWHERE),
      name,
      ...(license === undefined ? {} : { license }),
      ...(description === undefined ? {} : { description }),
      chunkTokens: manifest.chunk_tokens,
      shardChunks: shardChunksOf(manifest),
      ...watched(ctx, progress),
    }),
  );
  if (made.manifestCid === expected.manifestCid) return;
  throw new R3mesError({
    code: 'DATASET_MISMATCH',
    message: `${from.source} does not make this dataset: ${difference(manifest, made.manifest)}`,
    hint: 'give the file that was tokenised, and the model whose tokenizer it was by --model',
  });
}
