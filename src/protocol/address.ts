/**
 * Account addresses: bech32 of 20 bytes under the prefix `remes`. An account of a key is RIPEMD-160 of SHA-256 of the
 * compressed secp256k1 key; an account that belongs to a module is the first 20 bytes of SHA-256 of its name (the
 * rules of the Cosmos SDK, so that other wallets and explorers derive the same).
 */
import { fromBech32, toBech32 } from '@cosmjs/encoding';
import { ripemd160 } from '@noble/hashes/legacy.js';

import { utf8 } from './bytes.js';
import { InvalidInputError } from './errors.js';
import { sha256 } from './hash.js';

export const ADDRESS_PREFIX = 'remes';
export const ADDRESS_BYTES = 20;

/** `remes1` + 32 characters of 20 bytes + 6 of checksum. */
const ADDRESS_CHARACTERS = 44;
const HINT = `an address looks like ${ADDRESS_PREFIX}1… and has ${ADDRESS_CHARACTERS} characters`;

/** @throws InvalidInputError where `bytes` are not 20. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length !== ADDRESS_BYTES) {
    throw new InvalidInputError(`expected an address of ${ADDRESS_BYTES} bytes, got ${bytes.length}`);
  }
  return toBech32(ADDRESS_PREFIX, bytes);
}

/** Addresses that were found good: a block reads each of its own a dozen times. Bounded by forgetting all of them. */
const parsed = new Map<string, Uint8Array>();
const MAX_PARSED = 4096;

/**
 * The 20 bytes behind an address. Only the lower-case form is accepted: one account has one text.
 * @throws InvalidInputError saying what was seen and expected.
 */
export function parseAddress(text: string): Uint8Array {
  const known = parsed.get(text);
  if (known !== undefined) return known.slice();
  const seen = JSON.stringify(text.slice(0, 80));
  if (text.length !== ADDRESS_CHARACTERS) {
    throw new InvalidInputError(`expected an address of ${ADDRESS_CHARACTERS} characters, got ${text.length}: ${seen}`, HINT);
  }
  let decoded: { prefix: string; data: Uint8Array };
  try {
    // The limit is given, since newer versions of the library below refuse the default of this one.
    decoded = fromBech32(text, ADDRESS_CHARACTERS);
  } catch {
    throw new InvalidInputError(`address ${seen} is not valid bech32: a character is wrong or missing`, HINT);
  }
  if (decoded.prefix !== ADDRESS_PREFIX) {
    throw new InvalidInputError(`expected an address with prefix ${ADDRESS_PREFIX}, got prefix ${decoded.prefix}: ${seen}`, HINT);
  }
  if (decoded.data.length !== ADDRESS_BYTES || text !== text.toLowerCase()) {
    throw new InvalidInputError(`expected a lower-case address of ${ADDRESS_BYTES} bytes, got ${decoded.data.length}: ${seen}`, HINT);
  }
  if (parsed.size >= MAX_PARSED) parsed.clear();
  parsed.set(text, decoded.data.slice());
  return decoded.data;
}

/** Bytes of a compressed secp256k1 public key: 0x02 or 0x03, then x. */
export const PUBKEY_BYTES = 33;

/** The account of a compressed secp256k1 public key. @throws InvalidInputError for another length or first byte. */
export function addressFromPubkey(pubkey: Uint8Array): string {
  if (pubkey.length !== PUBKEY_BYTES || (pubkey[0] !== 2 && pubkey[0] !== 3)) {
    throw new InvalidInputError(
      `expected a compressed secp256k1 key of ${PUBKEY_BYTES} bytes beginning with 02 or 03, got ${pubkey.length} bytes`,
    );
  }
  return formatAddress(ripemd160(sha256(pubkey)));
}

/** The account that no key owns and only the named module spends from. */
export function moduleAddress(name: string): string {
  return formatAddress(sha256(utf8(name)).subarray(0, ADDRESS_BYTES));
}
