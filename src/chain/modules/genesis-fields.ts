import { z } from 'zod';

import { parseAddress } from '../../protocol/address.js';
import { parseCid } from '../../protocol/cid.js';
import { parseAmount } from '../../protocol/coins.js';
import { R3mesError } from '../../protocol/errors.js';

/** Schemas of genesis fields; JSON has no 64-bit integers, so those come as decimal text, as protobuf's JSON has them. */

function viaParser<T>(parse: (text: string) => T): z.ZodType<string, string> {
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

const U64_MAX = (1n << 64n) - 1n;

export const uint64Field = z
  .union([z.string().regex(/^[0-9]{1,20}$/, 'expected an unsigned integer as text'), z.int().nonnegative()])
  .transform((value) => BigInt(value))
  .refine((value) => value <= U64_MAX, 'expected an unsigned 64-bit integer');
export const positiveUint64Field = uint64Field.refine((value) => value > 0n, 'expected an integer above 0');
export const uint32Field = z.int().min(0).max(0xffffffff);
export const positiveUint32Field = z.int().min(1).max(0xffffffff);
export const bpsField = z.int().min(0).max(10_000);

/** Bytes in base64, as protobuf's JSON has them. */
export function bytesField(length: number): z.ZodType<Uint8Array, string> {
  return z
    .base64()
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))
    .refine((bytes) => bytes.length === length, `expected ${length} bytes`);
}

/** Content address in the one form that the chain takes. */
export const cidField = viaParser(parseCid);
