import { R3mesError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { keyOfMnemonic, parseMnemonic } from '../../wallet/mnemonic.js';
import { readSecretFile } from '../../wallet/secret-file.js';
import { Wallets } from '../../wallet/wallets.js';
import { type NewWallet, refuseExisting, storeKey, walletResult, wantedPassword } from './store.js';

/** Why words are not good enough, for a prompt that lets the person correct them. */
function refusal(words: string): string | undefined {
  try {
    parseMnemonic(words);
    return undefined;
  } catch (error) {
    if (error instanceof R3mesError) return error.message;
    throw error;
  }
}

export async function walletImport(ctx: Context, args: NewWallet & { readonly mnemonicFile: string | undefined }): Promise<CommandResult> {
  const wallets = new Wallets(ctx.paths.wallets);
  await refuseExisting(wallets, args.name);
  const words =
    args.mnemonicFile === undefined
      ? await ctx.prompt.password({ message: 'recovery phrase', flag: '--mnemonic-file FILE', check: refusal })
      : await readSecretFile(ctx, args.mnemonicFile, 'recovery phrase');
  const privateKey = await keyOfMnemonic(parseMnemonic(words));
  const password = await wantedPassword(ctx, args);
  return walletResult(await storeKey(ctx, wallets, args, privateKey, password));
}
