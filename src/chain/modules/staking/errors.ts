import { ChainError } from '../../../protocol/errors.js';

/** Codes of codespace `staking`: the Cosmos SDK's (x/staking/types/errors.go), which clients know. */
export const STAKING_CODES = {
  VALIDATOR_NOT_FOUND: 3,
  OPERATOR_EXISTS: 4,
  CONSENSUS_KEY_EXISTS: 5,
  CONSENSUS_KEY_TYPE: 6,
  VALIDATOR_JAILED: 7,
  COMMISSION_NEGATIVE: 9,
  COMMISSION_HUGE: 10,
  COMMISSION_ABOVE_MAXIMUM: 11,
  COMMISSION_CHANGED_TODAY: 12,
  COMMISSION_CHANGE_NEGATIVE: 13,
  COMMISSION_CHANGE_ABOVE_MAXIMUM: 14,
  COMMISSION_CHANGE_TOO_LARGE: 15,
  SELF_DELEGATION_BELOW_MINIMUM: 16,
  MIN_SELF_DELEGATION_DECREASED: 17,
  NO_DELEGATION: 19,
  NO_DELEGATOR: 21,
  INSUFFICIENT_SHARES: 22,
  NOT_ENOUGH_SHARES: 24,
  NO_UNBONDING: 26,
  TOO_MANY_UNBONDINGS: 27,
  SELF_REDELEGATION: 29,
  TINY_REDELEGATION: 30,
  BAD_REDELEGATION_TARGET: 31,
  TRANSITIVE_REDELEGATION: 32,
  TOO_MANY_REDELEGATIONS: 33,
  INVALID_EXCHANGE_RATE: 34,
  COMMISSION_BELOW_MINIMUM: 40,
} as const;

export function stakingError(code: keyof typeof STAKING_CODES, message: string, hint?: string): ChainError {
  return new ChainError('staking', STAKING_CODES[code], code, message, hint);
}

/** @throws ChainError staking/3 */
export function validatorNotFound(operator: string): ChainError {
  return stakingError('VALIDATOR_NOT_FOUND', `validator does not exist: ${operator}`);
}
