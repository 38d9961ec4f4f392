/** Recovery words: BIP39 in English, 24 of them, and the account m/44'/118'/0'/0/0 that Cosmos wallets take. */
import { type HdPath, Slip10, Slip10Curve, Slip10RawIndex } from '@cosmjs/crypto';
import { generateMnemonic, mnemonicToSeed, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

import { InvalidInputError } from '../../protocol/errors.js';

/** SLIP-44 coin type of ATOM, which r3mes shares so that every Cosmos wallet finds the account. */
const COIN_TYPE = 118;

const PATH: HdPath = [Slip10RawIndex.hardened(44), Slip10RawIndex.hardened(COIN_TYPE), Slip10RawIndex.hardened(0), Slip10RawIndex.normal(0), Slip10RawIndex.normal(0)];

const WORD_COUNTS = [12, 15, 18, 21, 24];

/** 24 fresh words: 256 bits of the system's randomness. */
export function newMnemonic(): string {
  return generateMnemonic(wordlist, 256);
}

/**
 * Words as a person typed or pasted them, in one line of lower case.
 * @throws InvalidInputError naming the count, the position of an unknown word (not the word: it is a secret), or the checksum.
 */
export function parseMnemonic(text: string): string {
  const words = text.normalize('NFKD').trim().toLowerCase().split(/\s+/);
  if (!WORD_COUNTS.includes(words.length)) {
    throw new InvalidInputError(`expected 24 recovery words (or 12, 15, 18, 21), got ${text.trim() === '' ? 0 : words.length}`);
  }
  const wrong = words.findIndex((word) => !wordlist.includes(word));
  if (wrong !== -1) throw new InvalidInputError(`recovery word ${wrong + 1} is not in the English BIP39 list`, 'check its spelling');
  const mnemonic = words.join(' ');
  if (!validateMnemonic(mnemonic, wordlist)) throw new InvalidInputError('the recovery words do not fit together: a word is wrong or out of order');
  return mnemonic;
}

/** The private key (32 bytes) of account 0. */
export async function keyOfMnemonic(mnemonic: string): Promise<Uint8Array> {
  const seed = await mnemonicToSeed(mnemonic);
  return Slip10.derivePath(Slip10Curve.Secp256k1, seed, PATH).privkey;
}
