import { ChainError } from '../../../protocol/errors.js';

/** Frozen numbers of codespace `aggregation`. */
const CODES = {
  INVALID_MESSAGE: 1,
  WRONG_PHASE: 2,
  NOT_DRAWN: 3,
  ALREADY_DONE: 4,
  NOTHING_OWED: 5,
  COMMITMENT_MISMATCH: 6,
  WRONG_PARTICIPANTS: 7,
  UNKNOWN_WINDOW: 8,
} as const;

export function aggregationError(code: keyof typeof CODES, message: string, hint?: string): ChainError {
  return new ChainError('aggregation', CODES[code], code, message, hint);
}
