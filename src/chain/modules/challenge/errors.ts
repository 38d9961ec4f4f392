import { ChainError } from '../../../protocol/errors.js';

/** Frozen numbers of codespace `challenge`. */
const CODES = {
  INVALID_MESSAGE: 1,
  UNKNOWN_DUTY: 2,
  NOT_YOUR_DUTY: 3,
  DUTY_DONE: 4,
  TOO_LATE: 5,
  TOO_EARLY: 6,
  COMMITMENT_MISMATCH: 7,
  UNKNOWN_SUBJECT: 8,
  HASHES_EQUAL: 9,
  WINDOW_SETTLED: 10,
  ALREADY_CONDEMNED: 11,
  WRONG_BOND: 12,
  OWN_WORK: 13,
  UNKNOWN_CASE: 14,
  CASE_NOT_OPEN: 15,
  NOT_A_LOSER: 16,
  NO_HIGHER_LAYER: 17,
  ALREADY_PARTY: 18,
  CASE_FULL: 19,
} as const;

export function challengeError(code: keyof typeof CODES, message: string, hint?: string): ChainError {
  return new ChainError('challenge', CODES[code], code, message, hint);
}
