import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { table } from '../../frame/table.js';
import { Wallets } from '../../wallet/wallets.js';
import { walletResult } from './store.js';

export async function walletShow(ctx: Context, args: { readonly name: string }): Promise<CommandResult> {
  return walletResult(await new Wallets(ctx.paths.wallets).info(args.name));
}

export async function walletList(ctx: Context): Promise<CommandResult> {
  const wallets = new Wallets(ctx.paths.wallets);
  const all = await Promise.all((await wallets.names()).map((name) => wallets.info(name)));
  if (all.length === 0) ctx.out.note(`no wallet in ${ctx.paths.wallets}; make one with r3mes wallet create`);
  const rows = all.map(({ name, address, encrypted }) => [name, address, encrypted ? 'yes' : 'no']);
  return { data: { wallets: all.map((info) => ({ ...info })) }, text: all.length === 0 ? '' : table(['name', 'address', 'encrypted'], rows) };
}
