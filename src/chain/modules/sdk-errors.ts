import { ChainError } from '../../protocol/errors.js';

/** Codes of codespace `sdk` that wallets and explorers already know (Cosmos SDK, types/errors). */
export const SDK_CODES = {
  TX_DECODE: 2,
  UNAUTHORIZED: 4,
  INSUFFICIENT_FUNDS: 5,
  UNKNOWN_REQUEST: 6,
  INVALID_ADDRESS: 7,
  INVALID_PUBKEY: 8,
  UNKNOWN_ADDRESS: 9,
  INVALID_COINS: 10,
  OUT_OF_GAS: 11,
  MEMO_TOO_LARGE: 12,
  INSUFFICIENT_FEE: 13,
  TOO_MANY_SIGNATURES: 14,
  NO_SIGNATURES: 15,
  INVALID_REQUEST: 18,
  TX_TOO_LARGE: 21,
  NOT_FOUND: 22,
  INVALID_HEIGHT: 26,
  TX_TIMEOUT_HEIGHT: 30,
  UNKNOWN_EXTENSION_OPTIONS: 31,
  WRONG_SEQUENCE: 32,
  INTERNAL: 35,
  NOT_SUPPORTED: 37,
  INVALID_GAS_LIMIT: 41,
} as const;

export const SDK_CODESPACE = 'sdk';

export function sdkError(code: keyof typeof SDK_CODES, message: string, hint?: string): ChainError {
  return new ChainError(SDK_CODESPACE, SDK_CODES[code], code, message, hint);
}
