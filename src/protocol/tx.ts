/**
 * Cosmos transactions: strict decoding, and what a signature of SIGN_MODE_DIRECT is over. A transaction has one
 * encoding only, so that its hash cannot be changed without its signature.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

import { equalBytes, toHex } from './bytes.js';
import { InvalidInputError } from './errors.js';
import { AuthInfo, SignDoc, TxBody, TxRaw } from './gen/cosmos/tx/v1beta1/tx.js';
import { sha256 } from './hash.js';

export interface DecodedTx {
  readonly bytes: Uint8Array;
  /** Exactly what was signed: `bodyBytes` and `authInfoBytes` as they came, and the signatures. */
  readonly raw: TxRaw;
  readonly body: TxBody;
  readonly authInfo: AuthInfo;
}

const VARINT = WireType.Varint;
const LENGTH_DELIMITED = WireType.LengthDelimited;

/** Fields that a message may have: a wire type, or the fields of the message inside. */
interface Fields {
  readonly [fieldNumber: number]: typeof VARINT | typeof LENGTH_DELIMITED | Fields;
}

const ANY: Fields = { 1: LENGTH_DELIMITED, 2: LENGTH_DELIMITED };
const COIN: Fields = { 1: LENGTH_DELIMITED, 2: LENGTH_DELIMITED };
const BODY: Fields = { 1: ANY, 2: LENGTH_DELIMITED, 3: VARINT, 1023: ANY, 2047: ANY };
const SINGLE_MODE: Fields = { 1: VARINT };
/** One key, or several with a bit for each; a multisig inside of a multisig is no known field. */
const MODE_INFO: Fields = { 1: SINGLE_MODE, 2: { 1: { 1: VARINT, 2: LENGTH_DELIMITED }, 2: { 1: SINGLE_MODE } } };
const AUTH_INFO: Fields = {
  1: { 1: ANY, 2: MODE_INFO, 3: VARINT },
  2: { 1: COIN, 2: VARINT, 3: LENGTH_DELIMITED, 4: LENGTH_DELIMITED },
  3: LENGTH_DELIMITED,
};

/** A field that we skip could mean something to its signer, such as a deadline of a newer version: refuse it. */
function requireKnownFields(bytes: Uint8Array, fields: Fields, name: string): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const known = fields[field];
    const expected = typeof known === 'object' ? LENGTH_DELIMITED : known;
    if (expected === undefined) throw new InvalidInputError(`${name} has field ${field}, which this version does not know`);
    if (wireType !== expected) throw new InvalidInputError(`${name}: expected wire type ${expected} for field ${field}, got ${wireType}`);
    if (typeof known === 'object') requireKnownFields(reader.bytes(), known, name);
    else reader.skip(wireType);
  }
}

/** @throws InvalidInputError for anything but the one encoding of a transaction with known fields. */
export function decodeTx(bytes: Uint8Array): DecodedTx {
  try {
    const raw = TxRaw.decode(bytes);
    if (!equalBytes(TxRaw.encode(raw).finish(), bytes)) throw new InvalidInputError('it is not in canonical protobuf encoding');
    requireKnownFields(raw.bodyBytes, BODY, 'body');
    requireKnownFields(raw.authInfoBytes, AUTH_INFO, 'auth_info');
    return { bytes, raw, body: TxBody.decode(raw.bodyBytes), authInfo: AuthInfo.decode(raw.authInfoBytes) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InvalidInputError(`not a transaction: ${why}`, 'send the bytes of a cosmos.tx.v1beta1.TxRaw');
  }
}

/** SHA-256 of these bytes is what each signer signs in SIGN_MODE_DIRECT. */
export function directSignBytes(raw: TxRaw, chainId: string, accountNumber: bigint): Uint8Array {
  return SignDoc.encode({ bodyBytes: raw.bodyBytes, authInfoBytes: raw.authInfoBytes, chainId, accountNumber }).finish();
}

/** The name of a transaction: SHA-256 of its bytes in upper-case hexadecimal. */
export function txHash(bytes: Uint8Array): string {
  return toHex(sha256(bytes)).toUpperCase();
}
