/**
 * What other modules see of staking: what they may read, and the events that slashing and distribution act on. Addresses
 * of validators are their operators' (`remesvaloper1…`), those of delegators ordinary ones, those of consensus keys the
 * 20 bytes that blocks carry. Of `Validator`, `tokens` is an integer in uremes and `delegatorShares` a decimal on the
 * wire (`protocol/decimal.ts`); fractions are whole numbers of 10⁻¹⁸.
 */
import type { Delegation, Params, Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { Context, QueryContext } from '../../module.js';

/** Module accounts that hold the tokens of bonded validators, and of all others together with what is unbonding. */
export const BONDED_POOL = 'bonded_tokens_pool';
export const NOT_BONDED_POOL = 'not_bonded_tokens_pool';

/** Called in the order in which modules registered, as the SDK's `StakingHooks`. */
export interface StakingHooks {
  afterValidatorCreated?(ctx: Context, operator: string): void;
  /** The last delegation is gone and the validator is unbonded: it does not exist any more. */
  afterValidatorRemoved?(ctx: Context, consAddress: Uint8Array, operator: string): void;
  afterValidatorBonded?(ctx: Context, consAddress: Uint8Array, operator: string): void;
  afterValidatorBeginUnbonding?(ctx: Context, consAddress: Uint8Array, operator: string): void;
  /** Before the first shares of this pair. */
  beforeDelegationCreated?(ctx: Context, delegator: string, operator: string): void;
  /** Before shares of an existing pair change; the delegation and the validator are still as they were. */
  beforeDelegationSharesModified?(ctx: Context, delegator: string, operator: string): void;
  /** The last shares of this pair go; follows `beforeDelegationSharesModified`. */
  beforeDelegationRemoved?(ctx: Context, delegator: string, operator: string): void;
  /** After shares of a pair changed and some are left. */
  afterDelegationModified?(ctx: Context, delegator: string, operator: string): void;
  /** @param fraction of the validator's present tokens that is about to be burned, 0 … 10¹⁸. */
  beforeValidatorSlashed?(ctx: Context, operator: string, fraction: bigint): void;
}

/** What may be read of staking, in a block or in a query. */
export interface StakingReader {
  params(ctx: QueryContext): Params;
  validator(ctx: QueryContext, operator: string): Validator | undefined;
  validatorByConsAddress(ctx: QueryContext, consAddress: Uint8Array): Validator | undefined;
  /** All validators, in the order of their creation. */
  validators(ctx: QueryContext): Validator[];
  /** The bonded ones, the most powerful first. */
  bondedValidators(ctx: QueryContext): Validator[];
  delegation(ctx: QueryContext, delegator: string, operator: string): Delegation | undefined;
  delegationsOf(ctx: QueryContext, delegator: string): Delegation[];
  delegationsTo(ctx: QueryContext, operator: string): Delegation[];
  /** Tokens of all bonded validators, uremes. */
  totalBonded(ctx: QueryContext): bigint;
  /** `totalBonded` ÷ supply, in 10⁻¹⁸; 0 without a supply. */
  bondedRatio(ctx: QueryContext): bigint;
}

/** What slashing and evidence may do to a validator. */
export interface StakingJailer extends StakingReader {
  jail(ctx: Context, consAddress: Uint8Array): void;
  unjail(ctx: Context, consAddress: Uint8Array): void;
  /**
   * Burns `fraction` of the tokens that `power` stood for at `infractionHeight`: of the validator's, and of what left it
   * since. @returns uremes burned.
   */
  slash(ctx: Context, consAddress: Uint8Array, infractionHeight: bigint, power: bigint, fraction: bigint): bigint;
}

/** Where a module registers. */
export interface StakingHookRegistry {
  addHooks(hooks: StakingHooks): void;
}
