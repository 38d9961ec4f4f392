import { decimalFromWire, quoDecimal } from '../../../protocol/decimal.js';
import { BondStatus, type Delegation, type Params, type Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { accountOfOperator } from '../../../protocol/validator-address.js';
import type { Context, QueryContext } from '../../module.js';
import { stakingError, validatorNotFound } from './errors.js';
import type { StakingHookRegistry, StakingHooks, StakingJailer } from './hooks.js';
import { BONDED_POOL_ADDRESS, type Bank, poolOf } from './pools.js';
import { addTokens, hasNoRate, isBonded, isUnbonded, redeemShares, sharesOf, tokensFromShares } from './shares.js';
import { slash } from './slash.js';
import { StakingState, consensusAddressOf } from './state.js';

/**
 * Shares of delegators in validators, and what moves tokens between accounts and the two pools. Invariants
 * (`invariants.ts`): each pool holds exactly the tokens that it stands for, and each validator's shares are its
 * delegations'.
 */
export class StakingKeeper implements StakingJailer, StakingHookRegistry {
  readonly state = new StakingState();
  readonly bank: Bank;
  readonly #hooks: StakingHooks[] = [];

  constructor(bank: Bank) {
    this.bank = bank;
  }

  addHooks(hooks: StakingHooks): void {
    this.#hooks.push(hooks);
  }

  /** Calls one hook of every module that has it. */
  tell(call: (hooks: StakingHooks) => void): void {
    for (const hooks of this.#hooks) call(hooks);
  }

  params(ctx: QueryContext): Params {
    return this.state.params(ctx);
  }

  validator(ctx: QueryContext, operator: string): Validator | undefined {
    return this.state.validator(ctx, operator);
  }

  /** @throws ChainError staking/3 */
  mustGet(ctx: QueryContext, operator: string): Validator {
    const validator = this.validator(ctx, operator);
    if (validator === undefined) throw validatorNotFound(operator);
    return validator;
  }

  validatorByConsAddress(ctx: QueryContext, consAddress: Uint8Array): Validator | undefined {
    return this.state.validatorByConsAddress(ctx, consAddress);
  }

  validators(ctx: QueryContext): Validator[] {
    return this.state.operators.values(ctx).map((operator) => this.mustGet(ctx, operator));
  }

  bondedValidators(ctx: QueryContext): Validator[] {
    return this.state.lastPowers(ctx).flatMap(({ address }) => {
      const validator = this.validator(ctx, address);
      return validator !== undefined && isBonded(validator) && !validator.jailed ? [validator] : [];
    });
  }

  delegation(ctx: QueryContext, delegator: string, operator: string): Delegation | undefined {
    return this.state.delegation(ctx, delegator, operator);
  }

  delegationsOf(ctx: QueryContext, delegator: string): Delegation[] {
    return collect(this.state.delegationCountOf(ctx, delegator), (i) => this.state.delegationOfAt(ctx, delegator, i));
  }

  delegationsTo(ctx: QueryContext, operator: string): Delegation[] {
    return collect(this.state.delegationCountTo(ctx, operator), (i) => this.state.delegationToAt(ctx, operator, i));
  }

  totalBonded(ctx: QueryContext): bigint {
    return this.bank.balance(ctx, BONDED_POOL_ADDRESS);
  }

  bondedRatio(ctx: QueryContext): bigint {
    const supply = this.bank.supply(ctx);
    return supply === 0n ? 0n : quoDecimal(this.totalBonded(ctx), supply);
  }

  /**
   * Gives `delegator` shares of a validator for `tokens` that lie in the account or pool `from`.
   * @returns the shares, a decimal.
   * @throws ChainError staking/34 where all of the validator's tokens were slashed; sdk/5 where `from` has too little.
   */
  delegate(ctx: Context, delegator: string, operator: string, tokens: bigint, from: string): bigint {
    const before = this.mustGet(ctx, operator);
    if (hasNoRate(before)) {
      throw stakingError('INVALID_EXCHANGE_RATE', `cannot delegate to validators with invalid (zero) ex-rate: all tokens of ${operator} were slashed`);
    }
    const known = this.delegation(ctx, delegator, operator);
    if (known === undefined) this.tell((hooks) => hooks.beforeDelegationCreated?.(ctx, delegator, operator));
    else this.tell((hooks) => hooks.beforeDelegationSharesModified?.(ctx, delegator, operator));
    const pool = poolOf(before);
    if (pool !== from && tokens > 0n) this.bank.send(ctx, from, pool, tokens);
    const { validator, shares } = addTokens(before, tokens);
    this.state.setValidator(ctx, validator);
    const sum = decimalFromWire(known?.shares ?? '') + shares;
    this.state.setDelegation(ctx, { delegatorAddress: delegator, validatorAddress: operator, shares: sum.toString() });
    this.tell((hooks) => hooks.afterDelegationModified?.(ctx, delegator, operator));
    return shares;
  }

  /**
   * Takes shares from a delegation. The tokens stay in the validator's pool: the caller moves or burns them. Jails an
   * operator's validator whose self-delegation falls below its minimum, and removes one that nobody delegates to.
   * @returns tokens that the shares were worth, uremes.
   * @throws ChainError staking/21, staking/24
   */
  unbond(ctx: Context, delegator: string, operator: string, shares: bigint): bigint {
    const delegation = this.delegation(ctx, delegator, operator);
    if (delegation === undefined) throw stakingError('NO_DELEGATOR', `delegator does not contain delegation: ${delegator} to ${operator}`);
    this.tell((hooks) => hooks.beforeDelegationSharesModified?.(ctx, delegator, operator));
    const left = decimalFromWire(delegation.shares) - shares;
    if (left < 0n) throw stakingError('NOT_ENOUGH_SHARES', `not enough delegation shares: ${delegation.shares} are there`);
    let validator = this.mustGet(ctx, operator);
    const isSelf = accountOfOperator(operator) === delegator;
    if (isSelf && !validator.jailed && tokensFromShares(validator, left) < BigInt(validator.minSelfDelegation)) {
      validator = { ...validator, jailed: true };
    }
    if (left === 0n) {
      this.tell((hooks) => hooks.beforeDelegationRemoved?.(ctx, delegator, operator));
      this.state.removeDelegation(ctx, delegator, operator);
    } else {
      this.state.setDelegation(ctx, { ...delegation, shares: left.toString() });
      this.tell((hooks) => hooks.afterDelegationModified?.(ctx, delegator, operator));
    }
    const { validator: after, tokens } = redeemShares(validator, shares);
    if (sharesOf(after) === 0n && isUnbonded(after)) this.remove(ctx, after);
    else this.state.setValidator(ctx, after);
    return tokens;
  }

  /** Takes a validator without shares out of the state. */
  remove(ctx: Context, validator: Validator): void {
    this.state.removeValidator(ctx, validator);
    this.tell((hooks) => hooks.afterValidatorRemoved?.(ctx, consensusAddressOf(validator), validator.operatorAddress));
  }

  /** Takes a validator out of the running; whoever is jailed already stays so. */
  jail(ctx: Context, consAddress: Uint8Array): void {
    this.#setJailed(ctx, consAddress, true);
  }

  unjail(ctx: Context, consAddress: Uint8Array): void {
    this.#setJailed(ctx, consAddress, false);
  }

  slash(ctx: Context, consAddress: Uint8Array, infractionHeight: bigint, power: bigint, fraction: bigint): bigint {
    return slash(this, ctx, consAddress, infractionHeight, power, fraction);
  }

  #setJailed(ctx: Context, consAddress: Uint8Array, jailed: boolean): void {
    const validator = this.validatorByConsAddress(ctx, consAddress);
    if (validator !== undefined && validator.jailed !== jailed) this.state.setValidator(ctx, { ...validator, jailed });
  }

  /** Registers a validator that nobody has delegated to yet. @throws ChainError staking/4, staking/5 */
  create(ctx: Context, validator: Validator): void {
    const operator = validator.operatorAddress;
    if (this.validator(ctx, operator) !== undefined) {
      throw stakingError('OPERATOR_EXISTS', `validator already exist for this operator address; must use new validator operator address: ${operator}`);
    }
    if (this.validatorByConsAddress(ctx, consensusAddressOf(validator)) !== undefined) {
      throw stakingError('CONSENSUS_KEY_EXISTS', 'validator already exist for this pubkey; must use new validator pubkey');
    }
    this.state.setValidator(ctx, { ...validator, status: BondStatus.UNBONDED, tokens: '0', delegatorShares: '0', jailed: false });
    this.tell((hooks) => hooks.afterValidatorCreated?.(ctx, operator));
  }
}

function collect<T>(count: bigint, itemAt: (index: bigint) => T | undefined): T[] {
  const items: T[] = [];
  for (let i = 0n; i < count; i++) {
    const item = itemAt(i);
    if (item !== undefined) items.push(item);
  }
  return items;
}
