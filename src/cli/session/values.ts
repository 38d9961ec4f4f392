/** What people type: amounts, addresses, hashes, subjects. A wrong one is a usage error that names the argument. */
import { parseAddress } from '../../protocol/address.js';
import { DISPLAY_DECIMALS, MAX_AMOUNT, parseAmount } from '../../protocol/coins.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { Part } from '../../protocol/gen/remes/remes/v1/node.js';
import { SubjectKind } from '../../protocol/gen/remes/remes/v1/challenge.js';
import { usageError } from '../frame/errors.js';

/** Runs a parser on an argument. @throws R3mesError USAGE naming `where`. */
export function parseArgument<T>(where: string, given: string, parse: (text: string) => T): T {
  try {
    return parse(given);
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    throw usageError(`${where}: ${error.message}`, error.hint);
  }
}

const REMES_AMOUNT = /^(0|[1-9][0-9]{0,32})(?:\.([0-9]{1,6}))?remes$/i;

/** `1500000`, `1500000uremes` or `1.5remes`, in uremes. @throws InvalidInputError */
export function parseMoney(text: string): bigint {
  const [, whole, fraction = ''] = REMES_AMOUNT.exec(text) ?? [];
  if (whole !== undefined) {
    const amount = BigInt(whole + fraction.padEnd(DISPLAY_DECIMALS, '0'));
    if (amount > MAX_AMOUNT) throw new InvalidInputError(`expected an amount of at most ${MAX_AMOUNT} uremes, got ${text}`);
    return amount;
  }
  const uremes = text.replace(/uremes$/i, '');
  if (!/^(?:0|[1-9][0-9]{0,38})$/.test(uremes)) {
    throw new InvalidInputError(`expected an amount, got ${JSON.stringify(text.slice(0, 80))}`, 'write whole uremes as 1500000 or 1500000uremes, or REMES with at most 6 decimals as 1.5remes');
  }
  return parseAmount(uremes);
}

/** An amount that is moved. @throws InvalidInputError also for 0. */
export function parsePositiveMoney(text: string): bigint {
  const amount = parseMoney(text);
  if (amount === 0n) throw new InvalidInputError('expected an amount above 0, got 0');
  return amount;
}

/** The address itself where it is one. @throws InvalidInputError */
export function checkedAddress(text: string): string {
  parseAddress(text);
  return text;
}

/** @throws InvalidInputError unless it is 64 hexadecimal digits. */
export function parseTxHash(text: string): string {
  const digits = text.replace(/^0x/i, '');
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new InvalidInputError(`expected a hash of 64 hexadecimal digits, got ${JSON.stringify(text.slice(0, 80))}`);
  return digits.toUpperCase();
}

/** `auto` or a gas limit. @throws InvalidInputError */
export function parseGas(text: string): 'auto' | bigint {
  if (text === 'auto') return 'auto';
  if (!/^[1-9][0-9]{0,17}$/.test(text)) throw new InvalidInputError(`expected auto or a gas limit above 0, got ${JSON.stringify(text.slice(0, 80))}`);
  return BigInt(text);
}

/** Parts by what people call them. */
export const PART_OF = { miner: Part.MINER, proposer: Part.PROPOSER, verifier: Part.VERIFIER } as const;
export type PartName = keyof typeof PART_OF;

export interface Subject {
  readonly kind: SubjectKind.GRADIENT | SubjectKind.AGGREGATION;
  readonly id: bigint;
}

/** `gradient/12`, `aggregation/3` (the id of its window); a number alone is a gradient. @throws InvalidInputError */
export function parseSubject(text: string): Subject {
  const [, kind, id] = /^(?:(gradient|aggregation)[/:])?([0-9]{1,19})$/.exec(text) ?? [];
  if (id === undefined) {
    throw new InvalidInputError(`expected a subject, got ${JSON.stringify(text.slice(0, 80))}`, 'write gradient/12, or aggregation/3 for the aggregation of window 3');
  }
  return { kind: kind === 'aggregation' ? SubjectKind.AGGREGATION : SubjectKind.GRADIENT, id: BigInt(id) };
}

export function subjectText({ kind, id }: Subject): string {
  return kind === SubjectKind.GRADIENT ? `gradient ${id}` : `aggregation of window ${id}`;
}

/** `0.0025uremes` in millionths of an uremes. The setting was checked when it was read. */
export function gasPriceMicro(price: string): bigint {
  const [whole = '0', fraction = ''] = price.replace(/uremes$/, '').split('.');
  return BigInt(whole + fraction.padEnd(6, '0'));
}
