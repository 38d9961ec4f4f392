import { R3mesError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { nodeHome } from '../../node/home.js';
import { follow, lastLines } from '../../node/tail.js';

export async function nodeLogs(ctx: Context, args: { readonly lines: number; readonly follow: boolean }): Promise<CommandResult> {
  const { logFile: file } = nodeHome(ctx.paths);
  const tail = await lastLines(file, args.lines);
  if (tail === undefined && !args.follow) {
    throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `there is no log ${file}`, hint: 'no node has run in this home yet: r3mes node start' });
  }
  let count = 0;
  const show = (text: string): void => {
    count++;
    ctx.out.event('line', { text }, text);
  };
  for (const line of tail?.lines ?? []) show(line);
  if (args.follow) for await (const line of follow(file, tail?.endBytes ?? 0, ctx.signal)) show(line);
  return { data: { file, lines: count }, text: '' };
}
