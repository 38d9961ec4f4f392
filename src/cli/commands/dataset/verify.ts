import { verifyDataset, type Manifest, type VerifyResult } from '../../../dataset/index.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { ContentStore } from '../../../storage/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { describeDataset } from './describe.js';
import { withStore } from './job.js';
import { inspectArgument } from './manifest-argument.js';
import { rebuild } from './rebuild.js';

const MAX_TOKENIZER_BYTES = 64n * 1_048_576n;

export interface VerifyArgs {
  readonly manifest: string;
  readonly source: string | undefined;
  readonly model: string | undefined;
  readonly content: string | undefined;
}

async function manifestCidOf(ctx: Context, store: ContentStore, what: string): Promise<string> {
  const found = await inspectArgument(ctx, store, what);
  if (found.kind === 'dataset') return found.summary.manifestCid;
  throw new InvalidInputError(`expected a manifest or its CID, got the token file ${what}`, 'shard it first: r3mes dataset shard');
}

/** Every block of the tokenizer is hashed as it is read. */
async function readTokenizer(ctx: Context, store: ContentStore, manifest: Manifest): Promise<void> {
  let bytes = 0;
  for await (const part of store.read(manifest.tokenizer_cid, { maxBytes: MAX_TOKENIZER_BYTES, signal: ctx.signal })) bytes += part.length;
  ctx.out.log('debug', `tokenizer ${manifest.tokenizer_cid}: ${bytes} bytes`);
}

export async function datasetVerify(ctx: Context, args: VerifyArgs): Promise<CommandResult> {
  return withStore(ctx, args.content, async (store) => {
    const cid = await manifestCidOf(ctx, store, args.manifest);
    const result: VerifyResult = await step(ctx, 'hashing every block and reading every token', (progress) =>
      verifyDataset(store, cid, {
        signal: ctx.signal,
        onProgress: ({ shardsDone, shardsTotal }) => progress.update({ done: shardsDone, total: shardsTotal, detail: `${shardsDone} of ${shardsTotal} shards` }),
      }),
    );
    if (result.tokenizerPresent) await readTokenizer(ctx, store, result.manifest);
    else ctx.out.warn(`the tokenizer ${result.manifest.tokenizer_cid} is not in the content store: the tokens can be trained on, not be read as text`);
    const { source, model } = args;
    if (source !== undefined) await rebuild(ctx, result, { source, model });
    const { data, text } = describeDataset(result, [
      ['verified', `${result.shardsVerified} shards, ${result.tokensVerified} tokens`],
      ...(source === undefined ? [] : [['made anew', `from ${source}, with the same CIDs`] as const]),
    ]);
    return {
      data: {
        ...data,
        verified: true,
        shardsVerified: result.shardsVerified,
        tokensVerified: result.tokensVerified,
        tokenizerPresent: result.tokenizerPresent,
        sourceVerified: source !== undefined,
      },
      text,
    };
  });
}
