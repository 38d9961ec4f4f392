import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { comparisonText } from '../../session/comparison-text.js';
import { type ComputeArgs, withBench } from '../../session/compute.js';
import { connectChain, type NodeArgs } from '../../session/connect.js';
import { notFound } from '../../session/not-found.js';
import { type Replayed, replayGradient } from '../../session/verify.js';

function verdictText({ equal, difference, differenceNote }: Replayed): string {
  if (equal) return 'equal: the submission is what its job yields';
  if (difference === undefined) return `different; ${differenceNote}`;
  const { tensor, index, submitted, recomputed } = difference;
  return `different, first in ${tensor} at ${index}: submitted ${submitted}, recomputed ${recomputed}`;
}

export async function challengeReplay(ctx: Context, args: NodeArgs & ComputeArgs & { readonly gradientId: bigint }): Promise<CommandResult> {
  const client = await connectChain(args);
  const gradient = await client.queries.gradient(args.gradientId);
  if (gradient === undefined) throw notFound(`gradient ${args.gradientId}`);
  return withBench(ctx, client, args, { signal: ctx.signal }, async (bench) => {
    const progress = await ctx.progress(`training the job of gradient ${gradient.id} again`);
    try {
      const replayed = await replayGradient(bench, gradient);
      progress.succeed();
      const { comparisons, equal, difference, differenceNote } = replayed;
      const { id: gradientId, windowId, miner } = gradient;
      return {
        data: { gradientId, windowId, miner, equal, comparisons: comparisons.map((c) => ({ ...c })), difference: difference === undefined ? null : { ...difference }, note: differenceNote },
        text: `${comparisonText(comparisons)}\n\ngradient ${gradientId} of ${miner}: ${verdictText(replayed)}`,
        exitCode: equal ? EXIT.ok : EXIT.failure,
      };
    } catch (error) {
      progress.fail();
      throw error;
    }
  });
}
