import { ChainError } from '../../../protocol/errors.js';

/** Codes of codespace `slashing`: the Cosmos SDK's (x/slashing/types/errors.go); 20 is ours. */
export const SLASHING_CODES = {
  NO_VALIDATOR: 2,
  STILL_JAILED: 4,
  NOT_JAILED: 5,
  NO_SELF_DELEGATION: 6,
  SELF_DELEGATION_TOO_LOW: 7,
  TOMBSTONED_KEY: 20,
} as const;

export function slashingError(code: keyof typeof SLASHING_CODES, message: string, hint?: string): ChainError {
  return new ChainError('slashing', SLASHING_CODES[code], code, message, hint);
}
