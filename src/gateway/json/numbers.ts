/** Numbers of the SDK that travel as text: on the wire an integer, in JSON what people read. */
import { invalidArgument } from '../status.js';

const DECIMALS = 18;
const INTEGER = /^-?[0-9]+$/;
const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?$/;

/** `1500000000000000000` to `1.500000000000000000`. Text that is no integer is shown as it is. */
export function decFromWire(text: string): string {
  const integer = text === '' ? '0' : text;
  if (!INTEGER.test(integer)) return text;
  const sign = integer.startsWith('-') ? '-' : '';
  const digits = integer.slice(sign.length).padStart(DECIMALS + 1, '0');
  return `${sign}${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

/** The opposite. @throws StatusError INVALID_ARGUMENT for more than 18 decimals, or no number at all. */
export function decToWire(text: string): string {
  const match = DECIMAL.exec(text);
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  if (match === null || fraction.length > DECIMALS) throw invalidArgument(`expected a number with at most ${DECIMALS} decimals, got ${JSON.stringify(text.slice(0, 60))}`);
  const digits = BigInt(whole + fraction.padEnd(DECIMALS, '0')).toString();
  return digits === '0' ? digits : sign + digits;
}

/** An integer that was never set is 0. */
export function intFromWire(text: string): string {
  return text === '' ? '0' : text;
}
