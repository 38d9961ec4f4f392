import { z } from 'zod';

import { parseAddress } from '../../protocol/address.js';
import { DENOM, parseAmount } from '../../protocol/coins.js';
import { InvalidInputError } from '../../protocol/errors.js';

/**
 * One module's part of `app_state`, checked by its schema.
 * @throws InvalidInputError naming the wrong fields by their full paths, e.g. `app_state.bank.balances[3].address`.
 */
export function parseGenesis<S extends z.ZodType>(module: string, schema: S, state: unknown): z.output<S> {
  const parsed = schema.safeParse(state);
  if (parsed.success) return parsed.data;
  const shown = parsed.error.issues.slice(0, 5).map((issue) => `${fieldPath(module, issue.path)}: ${issue.message}`);
  const more = parsed.error.issues.length > shown.length ? `; and ${parsed.error.issues.length - shown.length} more` : '';
  throw new InvalidInputError(shown.join('; ') + more, 'correct the genesis file; nothing was written');
}

function fieldPath(module: string, path: readonly PropertyKey[]): string {
  let text = `app_state.${module}`;
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `.${String(part)}`;
  return text;
}

/** Wraps a parser of ours, so that its message becomes the schema's. */
function parsedBy<T>(parse: (text: string) => T) {
  return z.string().transform((text, issues): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      issues.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

/** An account's address, kept as text. */
export const addressSchema = parsedBy((text) => {
  parseAddress(text);
  return text;
});

/** Whole uremes as a string of digits; 0 is allowed. */
export const amountSchema = parsedBy(parseAmount);

/** A list of coins as the Cosmos SDK writes it, which here is none or one of our denom; the sum in uremes. */
export const coinsSchema = z
  .array(z.strictObject({ denom: z.literal(DENOM), amount: amountSchema }))
  .max(1, `expected at most one coin, of ${DENOM}`)
  .transform((list) => list[0]?.amount ?? 0n);

/** A whole number written as a string of digits, 0 … max. */
export const uintSchema = (what: string, max: bigint) =>
  z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,18})$/, `expected ${what} as a string of digits`)
    .transform((text) => BigInt(text))
    .refine((value) => value <= max, `expected ${what} of at most ${max}`);
