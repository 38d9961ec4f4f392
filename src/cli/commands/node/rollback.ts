import path from 'node:path';

import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { nodeHome } from '../../node/home.js';
import { whileStopped } from '../../node/offline.js';
import { planRollback, rollback } from '../../node/rollback.js';

export interface RollbackArgs {
  readonly height: bigint | undefined;
  readonly cometbft: string | undefined;
  readonly forgetSigned: boolean;
}

export async function nodeRollback(ctx: Context, { height, cometbft, forgetSigned }: RollbackArgs): Promise<CommandResult> {
  const home = nodeHome(ctx.paths);
  const options = { home, height, forgetSigned, cometbft: cometbft === undefined ? undefined : path.resolve(ctx.io.cwd, cometbft) };
  return whileStopped(home, async () => {
    const planned = await planRollback(home, height);
    await ctx.prompt.confirm(`take the chain in ${home.chain} back from height ${planned.from} to ${planned.to}`);
    const { engine, from, height: to, appHash, engineHeight } = await rollback(options, planned);
    if (engine === 'comet' && from > to + 1n && !forgetSigned) {
      ctx.out.note(`blocks above ${to + 1n} come from other nodes again; this validator signs nothing at a height that it has signed before. Where it is the only one, nobody has them: roll back with --forget-signed`);
    }
    return {
      data: { engine, from, height: to, engineHeight, appHash },
      text: `went back from height ${from} to ${to}, app hash ${appHash.slice(0, 16)}…; ${engine === 'comet' ? 'CometBFT' : 'the newest block'} is at ${engineHeight}`,
    };
  });
}
