import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { type ComputeArgs, withBench } from '../../session/compute.js';
import { connectChain, type NodeArgs } from '../../session/connect.js';
import { comparisonText } from '../../session/comparison-text.js';
import { aggregatedWindow, verifyAggregation } from '../../session/verify.js';

export async function aggregateVerify(ctx: Context, args: NodeArgs & ComputeArgs & { readonly windowId: bigint | undefined }): Promise<CommandResult> {
  const client = await connectChain(args);
  const window = await aggregatedWindow(client, args.windowId);
  return withBench(ctx, client, args, { signal: ctx.signal }, async (bench) => {
    const progress = await ctx.progress(`aggregating ${window.included.length} gradients of window ${window.id} again`);
    try {
      const { comparisons } = await verifyAggregation(bench, window);
      const equal = comparisons.every((c) => c.equal);
      progress.succeed();
      return {
        data: { windowId: window.id, equal, gradients: window.included.length, comparisons: comparisons.map((c) => ({ ...c })) },
        text: `${comparisonText(comparisons)}\n\nwindow ${window.id}: ${equal ? 'all is equal' : 'the accepted aggregation is not what its gradients yield'}`,
        exitCode: equal ? EXIT.ok : EXIT.failure,
      };
    } catch (error) {
      progress.fail();
      throw error;
    }
  });
}
