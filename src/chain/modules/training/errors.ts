import { ChainError } from '../../../protocol/errors.js';

/** Frozen numbers of codespace `training`. */
const CODES = {
  INVALID_MESSAGE: 1,
  UNKNOWN_JOB: 2,
  WINDOW_CLOSED: 3,
  NOT_YOUR_JOB: 4,
  ALREADY_SUBMITTED: 5,
  WRONG_MODEL_VERSION: 6,
  WRONG_BASE_ADAPTER: 7,
  WRONG_ARITHMETIC: 8,
  STAKE_TOO_SMALL: 9,
  PAYLOAD_TOO_LARGE: 10,
  BLOCK_FULL: 11,
  WRONG_LAYERS: 12,
} as const;

export function trainingError(code: keyof typeof CODES, message: string, hint?: string): ChainError {
  return new ChainError('training', CODES[code], code, message, hint);
}
