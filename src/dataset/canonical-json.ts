import { InvalidInputError } from '../protocol/errors.js';

export type CanonicalValue = string | number | boolean | readonly CanonicalValue[] | { readonly [key: string]: CanonicalValue | undefined };

/**
 * The one JSON text of a value: keys sorted by UTF-16 code unit, no white space, integers only, absent members left out.
 * (RFC 8785 restricted to what it cannot get wrong.) Same value, same bytes, same CID, on every machine.
 * @throws InvalidInputError for numbers that are no safe integers and for strings that are no Unicode text.
 */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new InvalidInputError(`expected a whole number, got ${value}`);
    return String(value);
  }
  if (typeof value === 'string') {
    if (!isWellFormed(value)) throw new InvalidInputError('expected Unicode text, got half of a surrogate pair');
    return JSON.stringify(value);
  }
  if (typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value)
    .filter((entry): entry is [string, CanonicalValue] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}

/** Whether a string is Unicode text: UTF-16 without unpaired surrogates, so that UTF-8 can hold it. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
