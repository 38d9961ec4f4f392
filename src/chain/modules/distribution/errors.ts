import { ChainError } from '../../../protocol/errors.js';

/** Codes of codespace `distribution`, as the Cosmos SDK numbers them (x/distribution/types/errors.go). A number is never used twice. */
export const DISTRIBUTION_CODES = {
  SET_WITHDRAW_DISABLED: 4,
  NO_DELEGATION: 5,
  NO_COMMISSION: 6,
  NO_VALIDATOR: 12,
  POOL_TOO_SMALL: 13,
} as const;

export function distributionError(code: keyof typeof DISTRIBUTION_CODES, message: string, hint?: string): ChainError {
  return new ChainError('distribution', DISTRIBUTION_CODES[code], code, message, hint);
}
