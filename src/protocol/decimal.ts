/**
 * Decimal fractions of 18 digits as whole numbers (1 is 10¹⁸), which is how the Cosmos SDK carries its Dec on the wire.
 * Products and quotients are floored for the amounts that occur here, all of which are not negative; where the SDK rounds
 * otherwise, shares and slashes need the functions whose names say how.
 */
import { InvalidInputError } from './errors.js';

export const DECIMAL_ONE = 10n ** 18n;
const DIGITS = 18;
const TEXT = /^(?:0|[1-9][0-9]{0,59})(?:\.[0-9]{1,18})?$/;
const ATOMICS = /^(?:0|[1-9][0-9]{0,77})$/;

/** `0.334` to 18 decimals. @throws InvalidInputError for a sign, an exponent, more digits, or nothing. */
export function parseDecimal(text: string): bigint {
  if (!TEXT.test(text)) throw new InvalidInputError(`expected a decimal fraction such as 0.334, got ${JSON.stringify(text.slice(0, 80))}`);
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(DIGITS, '0'));
}

/** The fraction with all 18 digits, as JSON of the SDK writes it. */
export function formatDecimal(value: bigint): string {
  const digits = value.toString().padStart(DIGITS + 1, '0');
  return `${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS)}`;
}

/** A Dec of a protobuf message: the whole number as text; empty is 0. @throws InvalidInputError */
export function decimalFromWire(atomics: string): bigint {
  if (atomics === '') return 0n;
  if (!ATOMICS.test(atomics)) throw new InvalidInputError(`expected a decimal of 18 digits as a whole number, got ${JSON.stringify(atomics.slice(0, 80))}`);
  return BigInt(atomics);
}

export const toDecimal = (whole: bigint): bigint => whole * DECIMAL_ONE;
/** The whole part. */
export const truncate = (value: bigint): bigint => value / DECIMAL_ONE;
export const mulDecimal = (a: bigint, b: bigint): bigint => (a * b) / DECIMAL_ONE;
/** @param b not 0. */
export const quoDecimal = (a: bigint, b: bigint): bigint => (a * DECIMAL_ONE) / b;

/** Drops 18 digits, half to even. @param value not negative. */
function chopRounded(value: bigint): bigint {
  const whole = value / DECIMAL_ONE;
  const twice = (value % DECIMAL_ONE) * 2n;
  return twice > DECIMAL_ONE || (twice === DECIMAL_ONE && whole % 2n === 1n) ? whole + 1n : whole;
}

/** The nearest product, half to even: the SDK's `Mul`. */
export const mulRounded = (a: bigint, b: bigint): bigint => chopRounded(a * b);
/** The SDK's `Quo`: a quotient of 36 digits, rounded half to even to 18. @param b not 0. */
export const quoRounded = (a: bigint, b: bigint): bigint => chopRounded((a * DECIMAL_ONE * DECIMAL_ONE) / b);
/** The SDK's `QuoRoundUp`. @param b not 0. */
export const quoRoundedUp = (a: bigint, b: bigint): bigint => (a * DECIMAL_ONE + b - 1n) / b;
/** The nearest whole number, half to even. */
export const roundWhole = (value: bigint): bigint => chopRounded(value);
