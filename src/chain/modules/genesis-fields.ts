import { z } from 'zod';

import { parseAddress } from '../../protocol/address.js';
import { parseCid } from '../../protocol/cid.js';
import { parseAmount } from '../../protocol/coins.js';
import { parseDecimal } from '../../protocol/decimal.js';
import { R3mesError } from '../../protocol/errors.js';
import { parseRfc3339 } from '../../protocol/rfc3339.js';

/** Fields of genesis as protobuf's JSON writes them: snake case, 64-bit integers as text, bytes in base64. */

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;
type CamelKeys<T> = { [K in keyof T as K extends string ? CamelCase<K> : K]: T[K] };

function camelKeys<T extends object>(value: T): CamelKeys<T> {
  const renamed = Object.entries(value).map(([key, item]) => [key.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase()), item as unknown]);
  return Object.fromEntries(renamed) as CamelKeys<T>;
}

/** An object of exactly these fields, named in snake case in JSON and in camel case in code. */
export function message<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape).transform((value) => camelKeys(value));
}

/** A text that `parse` accepts. */
export function viaParser(parse: (text: string) => unknown): z.ZodType<string, string> {
  return z.string().superRefine((text, ctx) => {
    try {
      parse(text);
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
      ctx.addIssue({ code: 'custom', message: error.message });
    }
  });
}

export const addressField = viaParser(parseAddress);
export const amountField = viaParser(parseAmount);
/** Content address in the one form that the chain takes. */
export const cidField = viaParser(parseCid);

const U64_MAX = (1n << 64n) - 1n;

export const uint64Field = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,19})$/, 'expected an unsigned integer as text')
  .transform((value) => BigInt(value))
  .refine((value) => value <= U64_MAX, 'expected an unsigned 64-bit integer');
export const positiveUint64Field = uint64Field.refine((value) => value > 0n, 'expected an integer above 0');
export const uint32Field = z.int().min(0).max(0xffffffff);
export const positiveUint32Field = z.int().min(1).max(0xffffffff);
export const bpsField = z.int().min(0).max(10_000);

export function bytesField(length: number): z.ZodType<Uint8Array, string> {
  return z
    .base64()
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))
    .refine((bytes) => bytes.length === length, `expected ${length} bytes`);
}

/** A fraction such as `0.334`, as the Cosmos SDK writes its Dec in JSON; in 10⁻¹⁸. */
export const decimalField = viaParser(parseDecimal).transform((text) => parseDecimal(text));

/** A period such as `1209600s`, as protobuf's JSON writes it; in whole seconds. */
export const durationField = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,11})s$/, 'expected whole seconds, e.g. 1209600s')
  .transform((text) => BigInt(text.slice(0, -1)));

/** A point in time such as `2026-11-25T00:00:00Z` (RFC 3339). */
export const timeField = viaParser(parseRfc3339).transform((text) => parseRfc3339(text));
