import { z } from 'zod';

import { DENOM } from '../../protocol/coins.js';
import { InvalidInputError } from '../../protocol/errors.js';
import { amountField } from './genesis-fields.js';

/**
 * One module's part of `app_state`, checked by its schema.
 * @throws InvalidInputError naming the wrong fields by their full paths, e.g. `app_state.bank.balances[3].address`.
 */
export function parseGenesis<S extends z.ZodType>(module: string, schema: S, state: unknown): z.output<S> {
  return parseFields(`app_state.${module}`, schema, state, 'correct the genesis file; nothing was written');
}

/**
 * Any object, checked by its schema: parameters of a proposal go by the same rules as those of genesis.
 * @throws InvalidInputError naming the wrong fields by their full paths from `root` on.
 */
export function parseFields<S extends z.ZodType>(root: string, schema: S, state: unknown, hint?: string): z.output<S> {
  const parsed = schema.safeParse(state);
  if (parsed.success) return parsed.data;
  const shown = parsed.error.issues.slice(0, 5).map((issue) => `${fieldPath(root, issue.path)}: ${issue.message}`);
  const more = parsed.error.issues.length > shown.length ? `; and ${parsed.error.issues.length - shown.length} more` : '';
  throw new InvalidInputError(shown.join('; ') + more, hint);
}

function fieldPath(root: string, path: readonly PropertyKey[]): string {
  let text = root;
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `.${String(part)}`;
  return text;
}

/** A list of coins as the Cosmos SDK writes it, which here is none or one of our denom; the sum in uremes. */
export const coinsField = z
  .array(z.strictObject({ denom: z.literal(DENOM), amount: amountField }))
  .max(1, `expected at most one coin, of ${DENOM}`)
  .transform((list) => BigInt(list[0]?.amount ?? 0));
