/** The wallet that `init` takes, makes or imports. */
import { walletCreate } from '../commands/wallet/create.js';
import { walletImport } from '../commands/wallet/import.js';
import type { Context } from '../frame/context.js';
import { parseWalletName } from '../wallet/name.js';
import { type WalletInfo, Wallets } from '../wallet/wallets.js';
import type { Ledger } from './chain-files.js';

const DEFAULT_NAME = 'default';

export interface WalletWanted {
  /** What flag, environment or file decided. */
  readonly name: string | undefined;
  readonly mnemonicFile: string | undefined;
  readonly passwordFile: string | undefined;
  readonly unsafePlaintext: boolean;
}

async function chooseName(ctx: Context, names: readonly string[]): Promise<string> {
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const flag = '--wallet NAME';
  const fallback = only === undefined || names.includes(DEFAULT_NAME) ? DEFAULT_NAME : only;
  if (only === undefined) return parseWalletName(await ctx.prompt.text({ message: 'name of the wallet', flag, fallback, check: refusal }));
  return ctx.prompt.select({ message: 'which wallet', flag, choices: names.map((value) => ({ value, label: value })), fallback });
}

function refusal(name: string): string | undefined {
  try {
    parseWalletName(name);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether words are to be asked for; a script says so by giving a file of them. */
async function wantsImport(ctx: Context, { mnemonicFile }: WalletWanted): Promise<boolean> {
  if (mnemonicFile !== undefined) return true;
  if (!ctx.person) return false;
  const choices = [
    { value: 'create', label: 'make a new key' },
    { value: 'import', label: 'import a recovery phrase' },
  ];
  return (await ctx.prompt.select({ message: 'the wallet', flag: '--mnemonic-file FILE', choices, fallback: 'create' })) === 'import';
}

export async function chooseWallet(ctx: Context, wanted: WalletWanted, ledger: Ledger): Promise<WalletInfo> {
  const wallets = new Wallets(ctx.paths.wallets);
  const name = wanted.name ?? (await chooseName(ctx, await wallets.names()));
  if (await wallets.exists(name)) {
    const info = await wallets.info(name);
    if (wanted.mnemonicFile !== undefined) ctx.out.warn(`wallet ${name} is there already; ${wanted.mnemonicFile} was not read`);
    ledger.there('wallet', info.file);
    return info;
  }
  const given = { name, passwordFile: wanted.passwordFile, unsafePlaintext: wanted.unsafePlaintext };
  if (await wantsImport(ctx, wanted)) await walletImport(ctx, { ...given, mnemonicFile: wanted.mnemonicFile });
  else await walletCreate(ctx, given);
  const info = await wallets.info(name);
  ledger.made('wallet', info.file);
  return info;
}
