import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { endNode } from '../../node/end.js';
import { nodeHome } from '../../node/home.js';
import { DEFAULT_RPC_HOST, DEFAULT_RPC_PORT, infoOf } from '../../node/settings.js';
import { nodeSettings, type StartArgs, startInBackground } from './start.js';

interface RestartArgs extends Omit<StartArgs, 'rpcPort' | 'rpcHost'> {
  readonly rpcPort: number | undefined;
  readonly rpcHost: string | undefined;
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
      rpcPort: args.rpcPort ?? before?.rpcPort ?? DEFAULT_RPC_PORT,
      rpcHost: args.rpcHost ?? before?.rpcHost ?? DEFAULT_RPC_HOST,
      blockMs: args.blockMs ?? before?.blockMs,
    },
    true,
  );
  return startInBackground(ctx, settings);
}
