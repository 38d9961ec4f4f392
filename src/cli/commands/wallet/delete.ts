import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { confirmationNeeded } from '../../frame/errors.js';
import { Wallets } from '../../wallet/wallets.js';

export async function walletDelete(ctx: Context, { name }: { readonly name: string }): Promise<CommandResult> {
  const wallets = new Wallets(ctx.paths.wallets);
  const { address } = await wallets.info(name);
  if (!ctx.globals.yes) {
    if (!ctx.person) throw confirmationNeeded(`delete the wallet ${name} (${address})`);
    await ctx.prompt.text({
      message: `type ${name} to delete the key of ${address} for good`,
      flag: '--yes',
      check: (typed) => (typed === name ? undefined : `expected ${name}; Ctrl-C keeps the wallet`),
    });
  }
  await wallets.remove(name);
  return { data: { name, address, deleted: true }, text: `deleted wallet ${name} (${address})` };
}
