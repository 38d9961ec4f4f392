/** Money: whole uremes as bigint; 1 REMES = 10⁶ uremes. */
import { InvalidInputError } from './errors.js';
import type { Coin } from './gen/cosmos/base/v1beta1/coin.js';

export const DENOM = 'uremes';
export const DISPLAY_DENOM = 'REMES';
export const DISPLAY_DECIMALS = 6;

/** Amounts stay below 2¹²⁷, so that the sum of two always fits into 16 bytes. */
export const MAX_AMOUNT = (1n << 127n) - 1n;

const DECIMAL = /^(?:0|[1-9][0-9]{0,38})$/;

/**
 * An amount in uremes, written in decimal without sign, leading zero, point or exponent.
 * @throws InvalidInputError saying what was seen; also above `MAX_AMOUNT`.
 */
export function parseAmount(text: string): bigint {
  if (!DECIMAL.test(text)) {
    throw new InvalidInputError(
      `expected an amount in whole ${DENOM}, got ${JSON.stringify(text.slice(0, 80))}`,
      `write digits only, e.g. 1000000 for 1 ${DISPLAY_DENOM}`,
    );
  }
  const amount = BigInt(text);
  if (amount > MAX_AMOUNT) throw new InvalidInputError(`expected an amount of at most ${MAX_AMOUNT}, got ${text}`);
  return amount;
}

/** @throws InvalidInputError for a negative amount or one above `MAX_AMOUNT`. */
export function coin(amount: bigint): Coin {
  if (amount < 0n || amount > MAX_AMOUNT) {
    throw new InvalidInputError(`expected an amount of 0 to ${MAX_AMOUNT}, got ${amount}`);
  }
  return { denom: DENOM, amount: amount.toString() };
}

/** A list of coins as queries give it: nothing for zero. */
export function coins(amount: bigint): Coin[] {
  return amount === 0n ? [] : [coin(amount)];
}

/** Amount with its denom, as events and messages show it: `5uremes`. */
export function formatAmount(amount: bigint): string {
  return `${amount}${DENOM}`;
}

/**
 * The amount of a list that must be exactly one positive coin of our denom.
 * @throws InvalidInputError for no coin, several, another denom, zero or a malformed amount.
 */
export function oneCoin(list: readonly Coin[], what: string): bigint {
  const [first] = list;
  if (first === undefined || list.length !== 1) {
    throw new InvalidInputError(`${what}: expected exactly one coin of ${DENOM}, got ${list.length}`);
  }
  return positiveCoin(first, what);
}

/** The amount of a coin that must be positive and of our denom. @throws InvalidInputError */
export function positiveCoin(given: Coin | undefined, what: string): bigint {
  if (given === undefined) throw new InvalidInputError(`${what}: expected a coin of ${DENOM}, got none`);
  if (given.denom !== DENOM) {
    throw new InvalidInputError(`${what}: expected denom ${DENOM}, got ${JSON.stringify(given.denom.slice(0, 80))}`);
  }
  const amount = parseAmount(given.amount);
  if (amount === 0n) throw new InvalidInputError(`${what}: expected an amount above 0, got 0`);
  return amount;
}
