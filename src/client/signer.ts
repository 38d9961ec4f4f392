/** Accounts that sign: a secp256k1 key, as cosmjs's OfflineDirectSigner. */
import { stringToPath } from '@cosmjs/crypto';
import { DirectSecp256k1HdWallet, DirectSecp256k1Wallet, type OfflineDirectSigner } from '@cosmjs/proto-signing';

import { ADDRESS_PREFIX } from '../protocol/address.js';
import { InvalidInputError } from '../protocol/errors.js';

/** SLIP-44 number of the Cosmos family. */
const COIN_TYPE = 118;
const KEY_BYTES = 32;

export interface ChainSigner {
  readonly address: string;
  readonly direct: OfflineDirectSigner;
}

async function firstAccount(direct: OfflineDirectSigner): Promise<ChainSigner> {
  const [account] = await direct.getAccounts();
  if (account === undefined) throw new InvalidInputError('expected a wallet with an account, got an empty one');
  return { address: account.address, direct };
}

/** @param account number of the account of this mnemonic, from 0. @throws InvalidInputError without quoting a word. */
export async function signerFromMnemonic(mnemonic: string, account = 0): Promise<ChainSigner> {
  let wallet: OfflineDirectSigner;
  try {
    wallet = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, {
      prefix: ADDRESS_PREFIX,
      hdPaths: [stringToPath(`m/44'/${COIN_TYPE}'/0'/0/${account}`)],
    });
  } catch {
    throw new InvalidInputError('this is not a mnemonic: a word is unknown, missing or in the wrong place', 'expected 12 or 24 words of the BIP-39 list');
  }
  return firstAccount(wallet);
}

/** @param key 32 bytes. */
export async function signerFromPrivateKey(key: Uint8Array): Promise<ChainSigner> {
  if (key.length !== KEY_BYTES) throw new InvalidInputError(`expected a private key of ${KEY_BYTES} bytes, got ${key.length}`);
  return firstAccount(await DirectSecp256k1Wallet.fromKey(key, ADDRESS_PREFIX));
}
