import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { endNode, GRACE_MS } from '../../node/end.js';
import { nodeHome } from '../../node/home.js';

export async function nodeStop(ctx: Context, { force }: { readonly force: boolean }): Promise<CommandResult> {
  const ended = await endNode(nodeHome(ctx.paths), force);
  if (ended === undefined) return { data: { stopped: false, pid: null, forced: false }, text: 'no node runs in this home' };
  const { holder, forced } = ended;
  if (forced) ctx.out.warn(`it did not stop within ${GRACE_MS / 1000} s and was ended by force; the next start repeats what was not finished`);
  return { data: { stopped: true, pid: holder.pid, forced }, text: `stopped process ${holder.pid}` };
}
