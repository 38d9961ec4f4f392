/**
 * Amino JSON: what a signature of SIGN_MODE_LEGACY_AMINO_JSON is over, as hardware wallets, multisigs and Keplr make it.
 * One rule serves every message: names in snake case, 64-bit integers as text, bytes in base64, enums as numbers, what is
 * zero or empty left out. `amino-messages.ts` holds the names, and where a message departs from that rule.
 */
import { equalBytes, utf8 } from './bytes.js';
import { AMINO_MESSAGES, AMINO_PUBKEYS, type AminoMessage, type FieldRule } from './amino-messages.js';
import { InvalidInputError } from './errors.js';
import type { Any } from './gen/google/protobuf/any.js';
import { TxBody, AuthInfo } from './gen/cosmos/tx/v1beta1/tx.js';
import type { DecodedTx } from './tx.js';

export type AminoJson = string | number | boolean | readonly AminoJson[] | { readonly [key: string]: AminoJson };
/** A message, or a key, under the name that it has in Amino. */
export interface AminoTyped {
  readonly type: string;
  readonly value: AminoJson;
}

const DECIMALS = 18;
const NANOS_PER_SECOND = 1_000_000_000n;

export const snakeCase = (key: string): string => key.replace(/([A-Z])/g, (letter) => `_${letter.toLowerCase()}`);

/** `100000000000000000` on the wire is `0.100000000000000000` in JSON. */
export function decimalText(atomics: string): string {
  const digits = atomics.replace('-', '').padStart(DECIMALS + 1, '0');
  return `${atomics.startsWith('-') ? '-' : ''}${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

const isAny = (value: object): value is Any => 'typeUrl' in value && 'value' in value && value.value instanceof Uint8Array;

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === '' || value === 0 || value === 0n || value === false ||
    ((Array.isArray(value) || value instanceof Uint8Array) && value.length === 0)
  );
}

function toJson(value: unknown, path: string, rules: AminoMessage['rules']): AminoJson {
  const rule: FieldRule | undefined = rules?.[path];
  if (typeof value === 'string') return rule?.decimal === true ? decimalText(value) : value;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value.toString();
  // Some decimals are bytes: the digits of the integer.
  if (value instanceof Uint8Array && rule?.decimal === true) return decimalText(Buffer.from(value).toString('latin1'));
  // A Dec in a bytes field is the text of its whole number.
  if (value instanceof Uint8Array) return rule?.decimal === true ? decimalText(Buffer.from(value).toString('utf8')) : Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map((item: unknown) => toJson(item, path, rules));
  if (typeof value !== 'object' || value === null) throw new Error(`${path}: ${typeof value} has no Amino form`);
  if (isAny(value)) return { ...aminoOfAny(value) };
  if (rule?.duration === true) {
    const { seconds, nanos } = value as { seconds: bigint; nanos: number };
    return (seconds * NANOS_PER_SECOND + BigInt(nanos)).toString();
  }
  const out: Record<string, AminoJson> = {};
  for (const [key, item] of Object.entries(value)) {
    const inner = path === '' ? key : `${path}.${key}`;
    const itemRule = rules?.[inner];
    if (isEmpty(item) && (itemRule?.keep !== true || item === undefined)) continue;
    out[itemRule?.name ?? snakeCase(key)] = toJson(item, inner, rules);
  }
  return out;
}

function specOf(typeUrl: string): AminoMessage {
  const spec = AMINO_MESSAGES[typeUrl];
  if (spec !== undefined) return spec;
  throw new InvalidInputError(
    `${typeUrl.slice(0, 120)} has no Amino form: SIGN_MODE_LEGACY_AMINO_JSON cannot sign it`,
    'sign the protobuf bytes of the SignDoc (SIGN_MODE_DIRECT)',
  );
}

/** A decoded message under its Amino name. @throws InvalidInputError for a type without one. */
export function aminoOf(typeUrl: string, message: unknown): AminoTyped {
  const spec = specOf(typeUrl);
  return { type: spec.name, value: toJson(message, '', spec.rules) };
}

/**
 * The same from protobuf bytes, which must be in the one encoding: what JSON does not show could otherwise be changed
 * without the signature. @throws InvalidInputError
 */
export function aminoOfAny({ typeUrl, value }: Any): AminoTyped {
  const pubkey = AMINO_PUBKEYS[typeUrl];
  if (pubkey !== undefined) return { type: pubkey.name, value: Buffer.from(decoded(pubkey.codec, typeUrl, value).key).toString('base64') };
  const { codec } = specOf(typeUrl);
  const message = decoded(codec, typeUrl, value);
  if (!equalBytes(codec.encode(message).finish(), value)) {
    throw new InvalidInputError(`${typeUrl}: not in canonical protobuf encoding, or with a field that this version does not know`);
  }
  return aminoOf(typeUrl, message);
}

function decoded<T>(codec: { decode(bytes: Uint8Array): T }, typeUrl: string, value: Uint8Array): T {
  try {
    return codec.decode(value);
  } catch (error) {
    throw new InvalidInputError(`${typeUrl}: the bytes are no such message (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** JSON as the Cosmos SDK writes it for signing: keys sorted, no spaces, and `& < >` and line separators escaped. */
export function sortedJson(value: AminoJson): string {
  const escapes: Readonly<Record<string, string>> = {
    '&': '\\u0026', '<': '\\u003c', '>': '\\u003e', '\u2028': '\\u2028', '\u2029': '\\u2029',
  };
  return JSON.stringify(sorted(value)).replace(/[&<>\u2028\u2029]/g, (character) => escapes[character] ?? character);
}

const isList = (value: AminoJson): value is readonly AminoJson[] => Array.isArray(value);

function sorted(value: AminoJson): AminoJson {
  if (isList(value)) return value.map(sorted);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

export interface AminoSigner {
  readonly chainId: string;
  readonly accountNumber: bigint;
  readonly sequence: bigint;
}

/**
 * SHA-256 of these bytes is what a signer signs in SIGN_MODE_LEGACY_AMINO_JSON.
 * @throws InvalidInputError where the transaction holds what the JSON does not show.
 */
export function aminoSignBytes({ raw, body, authInfo }: DecodedTx, { chainId, accountNumber, sequence }: AminoSigner): Uint8Array {
  if (body.extensionOptions.length + body.nonCriticalExtensionOptions.length > 0) {
    throw new InvalidInputError('SIGN_MODE_LEGACY_AMINO_JSON does not sign extension options: expected none', 'sign in SIGN_MODE_DIRECT');
  }
  const isCanonical = equalBytes(TxBody.encode(body).finish(), raw.bodyBytes) && equalBytes(AuthInfo.encode(authInfo).finish(), raw.authInfoBytes);
  if (!isCanonical) throw new InvalidInputError('body and auth_info must be in canonical protobuf encoding in SIGN_MODE_LEGACY_AMINO_JSON');
  const { amount, gasLimit, payer, granter } = authInfo.fee ?? { amount: [], gasLimit: 0n, payer: '', granter: '' };
  return utf8(
    sortedJson({
      account_number: accountNumber.toString(),
      chain_id: chainId,
      fee: {
        amount: amount.map((coin) => ({ amount: coin.amount, denom: coin.denom })),
        gas: gasLimit.toString(),
        ...(payer === '' ? {} : { payer }),
        ...(granter === '' ? {} : { granter }),
      },
      memo: body.memo,
      msgs: body.messages.map((message) => ({ ...aminoOfAny(message) })),
      sequence: sequence.toString(),
      ...(body.timeoutHeight === 0n ? {} : { timeout_height: body.timeoutHeight.toString() }),
    }),
  );
}
