/** What a validator's shares are worth. Pure; the rules of rounding are the Cosmos SDK's (x/staking/types/validator.go). */
import { decimalFromWire, quoRounded, toDecimal, truncate } from '../../../protocol/decimal.js';
import { BondStatus, type Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { stakingError } from './errors.js';

/** Tokens that one unit of voting power stands for, uremes. */
export const POWER_REDUCTION = 1_000_000n;

/** Uremes. */
export const tokensOf = (validator: Validator): bigint => BigInt(validator.tokens);
/** A decimal, as all shares. */
export const sharesOf = (validator: Validator): bigint => decimalFromWire(validator.delegatorShares);
export const isBonded = (validator: Validator): boolean => validator.status === BondStatus.BONDED;
export const isUnbonded = (validator: Validator): boolean => validator.status === BondStatus.UNBONDED;

/** Voting power that the tokens would give. */
export const potentialPower = (validator: Validator): bigint => tokensOf(validator) / POWER_REDUCTION;

/** All tokens were slashed and shares are left: nobody can delegate at any price. */
export const hasNoRate = (validator: Validator): boolean => tokensOf(validator) === 0n && sharesOf(validator) > 0n;

/** What `shares` are worth, a decimal of uremes. The validator must have shares. */
export function valueOfShares(validator: Validator, shares: bigint): bigint {
  return quoRounded(shares * tokensOf(validator), sharesOf(validator));
}

/** The same in whole uremes, rounded down; 0 where the validator has no shares. */
export function tokensFromShares(validator: Validator, shares: bigint): bigint {
  return sharesOf(validator) === 0n ? 0n : truncate(valueOfShares(validator, shares));
}

/** Shares that `tokens` are worth, rounded down. @throws ChainError staking/22 where the validator has no tokens. */
export function sharesFromTokens(validator: Validator, tokens: bigint): bigint {
  const all = tokensOf(validator);
  if (all === 0n) throw stakingError('INSUFFICIENT_SHARES', `insufficient delegation shares: ${validator.operatorAddress} has no tokens`);
  return (sharesOf(validator) * tokens) / all;
}

export interface Issued {
  readonly validator: Validator;
  /** A decimal. */
  readonly shares: bigint;
}

/** Adds `tokens` and issues shares for them; the first ones cost one urem each. */
export function addTokens(validator: Validator, tokens: bigint): Issued {
  const shares = sharesOf(validator) === 0n ? toDecimal(tokens) : sharesFromTokens(validator, tokens);
  return {
    shares,
    validator: {
      ...validator,
      tokens: (tokensOf(validator) + tokens).toString(),
      delegatorShares: (sharesOf(validator) + shares).toString(),
    },
  };
}

export interface Redeemed {
  readonly validator: Validator;
  /** Uremes. */
  readonly tokens: bigint;
}

/** Takes `shares` back for tokens. Fractions stay with the validator; the last share gets whatever is left. */
export function redeemShares(validator: Validator, shares: bigint): Redeemed {
  const left = sharesOf(validator) - shares;
  if (left < 0n) throw new Error(`${validator.operatorAddress} has fewer shares than are redeemed`);
  const tokens = left === 0n ? tokensOf(validator) : tokensFromShares(validator, shares);
  return {
    tokens,
    validator: { ...validator, tokens: (tokensOf(validator) - tokens).toString(), delegatorShares: left.toString() },
  };
}
