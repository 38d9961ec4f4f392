import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { folderBytes } from '../../files/folder-size.js';
import { nodeHome } from '../../node/home.js';
import { megabytes } from '../../node/memory.js';
import { whileStopped, withState } from '../../node/offline.js';

export async function nodePrune(ctx: Context, { keep }: { readonly keep: number }): Promise<CommandResult> {
  const home = nodeHome(ctx.paths);
  return whileStopped(home, async () => {
    const bytesBefore = await folderBytes(home.state);
    const { dropped, oldest, height } = await withState(home, async (state) => {
      const count = await state.prune(keep);
      return { dropped: count, oldest: state.oldestHeight, height: state.last?.height };
    });
    const bytesAfter = await folderBytes(home.state);
    return {
      data: { dropped, oldestHeight: oldest?.toString() ?? null, height: height?.toString() ?? null, bytesBefore, bytesAfter },
      text: `dropped the states of ${dropped} blocks, kept those from ${oldest ?? 0n} to ${height ?? 0n}; ${megabytes(bytesBefore)} before, ${megabytes(bytesAfter)} now`,
    };
  });
}
