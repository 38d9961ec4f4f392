/**
 * Addresses of validators in bech32: an operator's (`remesvaloper1…`, the 20 bytes of the account that runs it) and a
 * consensus key's (`remesvalcons1…`, the 20 bytes that blocks carry).
 */
import { fromBech32, toBech32 } from '@cosmjs/encoding';

import { ADDRESS_BYTES, ADDRESS_PREFIX, formatAddress, parseAddress } from './address.js';
import { InvalidInputError } from './errors.js';

export const OPERATOR_PREFIX = `${ADDRESS_PREFIX}valoper`;
export const CONSENSUS_PREFIX = `${ADDRESS_PREFIX}valcons`;

/** Characters besides the prefix: the `1`, 32 of 20 bytes, 6 of checksum. */
const REST_CHARACTERS = 39;

function parse(text: string, prefix: string, what: string): Uint8Array {
  const seen = JSON.stringify(text.slice(0, 80));
  const length = prefix.length + REST_CHARACTERS;
  if (text.length !== length) {
    throw new InvalidInputError(`expected ${what} of ${length} characters, ${prefix}1…, got ${text.length}: ${seen}`);
  }
  let decoded: { prefix: string; data: Uint8Array };
  try {
    decoded = fromBech32(text, length);
  } catch {
    throw new InvalidInputError(`${what} ${seen} is not valid bech32: a character is wrong or missing`);
  }
  if (decoded.prefix !== prefix || decoded.data.length !== ADDRESS_BYTES || text !== text.toLowerCase()) {
    throw new InvalidInputError(`expected ${what} in lower case with prefix ${prefix}, got ${seen}`);
  }
  return decoded.data;
}

/** The validator that an account runs. @throws InvalidInputError for no address. */
export function operatorOfAccount(account: string): string {
  return toBech32(OPERATOR_PREFIX, parseAddress(account));
}

/** The account that runs a validator. @throws InvalidInputError for no operator's address. */
export function accountOfOperator(operator: string): string {
  return formatAddress(parse(operator, OPERATOR_PREFIX, 'an operator address'));
}

/** @throws InvalidInputError saying what was seen and expected. */
export function checkOperatorAddress(operator: string): void {
  parse(operator, OPERATOR_PREFIX, 'an operator address');
}

/** @throws InvalidInputError where `bytes` are not 20. */
export function formatConsensusAddress(bytes: Uint8Array): string {
  if (bytes.length !== ADDRESS_BYTES) throw new InvalidInputError(`expected a consensus address of ${ADDRESS_BYTES} bytes, got ${bytes.length}`);
  return toBech32(CONSENSUS_PREFIX, bytes);
}

/** The 20 bytes. @throws InvalidInputError saying what was seen and expected. */
export function parseConsensusAddress(text: string): Uint8Array {
  return parse(text, CONSENSUS_PREFIX, 'a consensus address');
}
