/**
 * Public keys of accounts: one secp256k1 key, or several of which some number must sign (LegacyAminoPubKey). A multisig's
 * address is a hash of the key's Amino encoding, as in the Cosmos SDK, so that its wallets derive the same.
 */
import { ADDRESS_BYTES, PUBKEY_BYTES, addressFromPubkey, formatAddress } from './address.js';
import { concatBytes, equalBytes, fromHex } from './bytes.js';
import { InvalidInputError } from './errors.js';
import { LegacyAminoPubKey } from './gen/cosmos/crypto/multisig/keys.js';
import { PubKey } from './gen/cosmos/crypto/secp256k1/keys.js';
import type { Any } from './gen/google/protobuf/any.js';
import { sha256 } from './hash.js';

export const SECP256K1_TYPE_URL = '/cosmos.crypto.secp256k1.PubKey';
export const MULTISIG_TYPE_URL = '/cosmos.crypto.multisig.LegacyAminoPubKey';
/** More keys would make one transaction dear to check and its address unusable after a raise of gas. */
export const MAX_MULTISIG_KEYS = 20;

export interface Multisig {
  /** How many of the keys must sign. */
  readonly threshold: number;
  /** Compressed secp256k1 keys; their order is part of the address. */
  readonly keys: readonly Uint8Array[];
}

const AMINO_MULTISIG_PREFIX = fromHex('22c1f7e2');
const AMINO_SECP256K1_PREFIX = fromHex('eb5ae98721');
const THRESHOLD_TAG = 0x08;
const KEY_TAG = 0x12;

const isCompressed = (key: Uint8Array): boolean => key.length === PUBKEY_BYTES && (key[0] === 2 || key[0] === 3);

/** Whether the bytes that an account keeps are a multisig's rather than one compressed key's. */
export const isMultisig = (stored: Uint8Array): boolean => stored[0] === THRESHOLD_TAG;

/** @param value a LegacyAminoPubKey in protobuf. @throws InvalidInputError saying what is wrong with it. */
export function parseMultisig(value: Uint8Array): Multisig {
  let decoded: LegacyAminoPubKey;
  try {
    decoded = LegacyAminoPubKey.decode(value);
  } catch {
    throw new InvalidInputError('multisig key: the bytes are no LegacyAminoPubKey');
  }
  const { threshold, publicKeys } = decoded;
  if (!equalBytes(LegacyAminoPubKey.encode(decoded).finish(), value)) throw new InvalidInputError('multisig key: not in canonical protobuf encoding');
  if (publicKeys.length === 0 || publicKeys.length > MAX_MULTISIG_KEYS) {
    throw new InvalidInputError(`multisig key: expected 1 to ${MAX_MULTISIG_KEYS} keys, got ${publicKeys.length}`);
  }
  if (threshold < 1 || threshold > publicKeys.length) {
    throw new InvalidInputError(`multisig key: expected a threshold of 1 to ${publicKeys.length}, got ${threshold}`);
  }
  const keys = publicKeys.map(({ typeUrl, value: keyBytes }, index) => {
    if (typeUrl !== SECP256K1_TYPE_URL) {
      throw new InvalidInputError(`multisig key ${index}: expected type ${SECP256K1_TYPE_URL}, got ${typeUrl.slice(0, 80)}`);
    }
    const { key } = PubKey.decode(keyBytes);
    if (!isCompressed(key)) throw new InvalidInputError(`multisig key ${index}: expected a compressed point of ${PUBKEY_BYTES} bytes, got ${key.length} bytes`);
    return key;
  });
  return { threshold, keys };
}

/** The account of a multisig. */
export function addressFromMultisig({ threshold, keys }: Multisig): string {
  const parts = keys.map((key) => concatBytes(Uint8Array.of(KEY_TAG, AMINO_SECP256K1_PREFIX.length + key.length), AMINO_SECP256K1_PREFIX, key));
  const encoded = concatBytes(AMINO_MULTISIG_PREFIX, Uint8Array.of(THRESHOLD_TAG, threshold), ...parts);
  return formatAddress(sha256(encoded).subarray(0, ADDRESS_BYTES));
}

/** The account of the bytes that an account keeps as its key. */
export function addressOfKey(stored: Uint8Array): string {
  return isMultisig(stored) ? addressFromMultisig(parseMultisig(stored)) : addressFromPubkey(stored);
}

/** The key as messages and queries carry it. */
export function packPubkey(stored: Uint8Array): Any {
  if (isMultisig(stored)) return { typeUrl: MULTISIG_TYPE_URL, value: stored };
  return { typeUrl: SECP256K1_TYPE_URL, value: PubKey.encode({ key: stored }).finish() };
}
