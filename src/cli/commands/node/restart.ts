import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { endNode } from '../../node/end.js';
import { nodeHome } from '../../node/home.js';
import { listenAddressOf } from '../../node/listen-address.js';
import { infoOf } from '../../node/settings.js';
import { nodeSettings, type StartArgs, startInBackground } from './start.js';

interface RestartArgs extends StartArgs {
  readonly force: boolean;
}

export async function nodeRestart(ctx: Context, args: RestartArgs): Promise<CommandResult> {
  const ended = await endNode(nodeHome(ctx.paths), args.force);
  const before = ended === undefined ? undefined : infoOf(ended.holder);
  if (ended === undefined) ctx.out.note('no node was running');
  else ctx.out.note(`stopped process ${ended.holder.pid}`);
  if (before?.mode === 'foreground') ctx.out.warn('the node ran in the foreground; it now runs in the background');
  const settings = nodeSettings(
    ctx,
    {
      ...args,
      engine: args.engine ?? before?.engine,
      cometbft: args.cometbft ?? before?.cometbft,
      rpcPort: args.rpcPort ?? before?.rpcPort,
      rpcHost: args.rpcHost ?? before?.rpcHost,
      api: args.api ?? (before?.api === undefined ? undefined : listenAddressOf(before.api)),
      grpc: args.grpc ?? (before?.grpc === undefined ? undefined : listenAddressOf(before.grpc)),
      metrics: args.metrics ?? (before?.metrics === undefined ? undefined : listenAddressOf(before.metrics)),
      cometMetrics: args.cometMetrics ?? (before?.cometMetrics === undefined ? undefined : listenAddressOf(before.cometMetrics)),
      logFormat: args.logFormat ?? before?.logFormat,
      blockMs: args.blockMs ?? before?.blockMs,
    },
    true,
  );
  return startInBackground(ctx, settings);
}
