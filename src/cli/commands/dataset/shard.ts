import path from 'node:path';

import { encodeManifest, shardFile, summarize } from '../../../dataset/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { given, mayReplace, watched, withStore } from './job.js';
import { describeDataset } from './describe.js';

export interface ShardArgs {
  readonly input: string;
  readonly name: string | undefined;
  readonly license: string | undefined;
  readonly description: string | undefined;
  readonly chunkTokens: number;
  readonly shardChunks: number;
  readonly output: string | undefined;
  readonly content: string | undefined;
  readonly force: boolean;
}

export async function datasetShard(ctx: Context, args: ShardArgs): Promise<CommandResult> {
  const input = given(ctx, args.input);
  const output = args.output === undefined ? undefined : given(ctx, args.output);
  if (output !== undefined) await mayReplace(ctx, input, output, args.force);
  return withStore(ctx, args.content, async (store) => {
    const { name = path.parse(input).name, license, description, chunkTokens, shardChunks } = args;
    const sharded = await step(ctx, `sharding ${args.input}`, (progress) =>
      shardFile({
        input,
        store,
        name,
        chunkTokens,
        shardChunks,
        ...(license === undefined ? {} : { license }),
        ...(description === undefined ? {} : { description }),
        ...watched(ctx, progress),
      }),
    );
    // A copy for people and version control; the one in the store counts.
    if (output !== undefined) await writeFileAtomic(output, encodeManifest(sharded.manifest));
    const { data, text } = describeDataset(summarize(sharded.manifestCid, sharded.manifest), output === undefined ? [] : [['manifest file', output]]);
    return { data: { ...data, file: output ?? null }, text };
  });
}
