import { ChainError } from '../../../protocol/errors.js';

/** Codes of codespace `gov`, as the Cosmos SDK numbers them (x/gov/types/errors.go). A number is never used twice. */
export const GOV_CODES = {
  UNKNOWN_PROPOSAL: 2,
  INACTIVE_PROPOSAL: 3,
  INVALID_CONTENT: 5,
  INVALID_VOTE: 7,
  NO_HANDLER: 9,
  INVALID_MESSAGE: 10,
  WRONG_SIGNER: 12,
  METADATA_TOO_LONG: 15,
  DEPOSIT_TOO_SMALL: 16,
  INVALID_PROPOSER: 18,
} as const;

export function govError(code: keyof typeof GOV_CODES, message: string, hint?: string): ChainError {
  return new ChainError('gov', GOV_CODES[code], code, message, hint);
}
