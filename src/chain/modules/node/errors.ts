import { ChainError } from '../../../protocol/errors.js';

/** Frozen numbers of codespace `node`. */
const CODES = {
  ALREADY_REGISTERED: 1,
  NOT_REGISTERED: 2,
  PART_NOT_OPEN: 3,
  STAKE_TOO_SMALL: 4,
  UNBONDING: 5,
  NOTHING_TO_REACTIVATE: 6,
  INVALID_MESSAGE: 7,
} as const;

export function nodeError(code: keyof typeof CODES, message: string, hint?: string): ChainError {
  return new ChainError('node', CODES[code], code, message, hint);
}
