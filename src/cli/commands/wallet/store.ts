import { R3mesError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { plainKey, sealKey } from '../../wallet/keystore.js';
import { newPassword } from '../../wallet/password.js';
import type { WalletInfo, Wallets } from '../../wallet/wallets.js';

export interface NewWallet {
  readonly name: string;
  readonly passwordFile: string | undefined;
  readonly unsafePlaintext: boolean;
}

/** @throws R3mesError FILE_EXISTS, before anything is asked or shown */
export async function refuseExisting(wallets: Wallets, name: string): Promise<void> {
  if (!(await wallets.exists(name))) return;
  throw new R3mesError({ code: 'FILE_EXISTS', message: `there is a wallet ${name} already (${wallets.fileOf(name)}); a key is never overwritten`, hint: 'choose another name' });
}

/** Locks `privateKey` as asked and writes the wallet. */
export async function storeKey(ctx: Context, wallets: Wallets, wanted: NewWallet, privateKey: Uint8Array, password: string | undefined): Promise<WalletInfo> {
  if (password === undefined) ctx.out.warn(`wallet ${wanted.name} is not encrypted: anyone who reads the file has the key`);
  return wallets.add(wanted.name, password === undefined ? plainKey(privateKey) : await sealKey(privateKey, password));
}

/** The password for a new wallet; nothing where it is to be stored in the clear. */
export async function wantedPassword(ctx: Context, wanted: NewWallet): Promise<string | undefined> {
  return wanted.unsafePlaintext ? undefined : newPassword(ctx, wanted.passwordFile);
}

export function walletResult({ name, address, publicKey, encrypted, file }: WalletInfo): CommandResult {
  const text = [`name       ${name}`, `address    ${address}`, `public key ${publicKey}`, `encrypted  ${encrypted ? 'yes' : 'no'}`, `file       ${file}`];
  return { data: { name, address, publicKey, encrypted, file }, text: text.join('\n') };
}
