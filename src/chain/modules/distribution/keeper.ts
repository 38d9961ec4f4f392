import { moduleAddress } from '../../../protocol/address.js';
import { formatAmount } from '../../../protocol/coins.js';
import { decimalFromWire, mulDecimal, toDecimal, truncate } from '../../../protocol/decimal.js';
import type { Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { BASIS_POINTS } from '../../../protocol/params.js';
import { accountOfOperator } from '../../../protocol/validator-address.js';
import type { Context, QueryContext } from '../../module.js';
import { sdkError } from '../sdk-errors.js';
import type { StakingHooks, StakingReader } from '../staking/hooks.js';
import { distributionError } from './errors.js';
import { beginDelegation, beginValidator, earned, endPeriod, mustRatio, ratioNow } from './rewards.js';
import { DistributionState } from './state.js';

export interface Bank {
  balance(ctx: QueryContext, address: string): bigint;
  send(ctx: Context, from: string, to: string, amount: bigint): void;
  burn(ctx: Context, from: string, amount: bigint): void;
}

export interface Fees {
  /** Share of the fees that is burned, in basis points. */
  params(ctx: QueryContext): { readonly feeBurnBps: bigint };
}

export type Staking = Pick<StakingReader, 'validator' | 'validatorByConsAddress' | 'validators' | 'delegation' | 'delegationsOf' | 'delegationsTo'>;

export interface DistributionDeps {
  readonly bank: Bank;
  readonly staking: Staking;
  readonly fees: Fees;
  /** Where transactions pay their fees to. */
  readonly feeCollector: string;
  /** Accounts of modules, which cannot be paid out to. */
  readonly closed: ReadonlySet<string>;
}

export const DISTRIBUTION_ACCOUNT = 'distribution';

/** Shares out fees: a part is burned, a part is the community's, the rest is the validators' and their delegators'. */
export class DistributionKeeper {
  readonly state = new DistributionState();
  readonly address = moduleAddress(DISTRIBUTION_ACCOUNT);
  readonly deps: DistributionDeps;

  constructor(deps: DistributionDeps) {
    this.deps = deps;
  }

  /** Shares out what the last block's transactions paid, by the power of those who voted on it. */
  beginBlock(ctx: Context): void {
    const { bank, fees, feeCollector } = this.deps;
    const collected = bank.balance(ctx, feeCollector);
    if (collected === 0n) return;
    const burned = (collected * fees.params(ctx).feeBurnBps) / BASIS_POINTS;
    if (burned > 0n) bank.burn(ctx, feeCollector, burned);
    const kept = collected - burned;
    if (kept === 0n) return;
    bank.send(ctx, feeCollector, this.address, kept);
    // The community's share is of all fees, like the burned one, and never more than what is left.
    const tax = mulDecimal(toDecimal(collected), decimalFromWire(this.state.params(ctx).communityTax));
    const whole = toDecimal(kept);
    const forValidators = tax < whole ? whole - tax : 0n;
    const votes = ctx.block.votes ?? [];
    const power = votes.reduce((sum, vote) => sum + vote.power, 0n);
    let left = whole;
    for (const vote of votes) {
      const validator = this.deps.staking.validatorByConsAddress(ctx, vote.address);
      const reward = power === 0n ? 0n : (forValidators * vote.power) / power;
      if (validator === undefined || reward === 0n || this.state.current(ctx, validator.operatorAddress) === undefined) continue;
      this.#allocate(ctx, validator, reward);
      left -= reward;
    }
    this.state.addToPool(ctx, left);
  }

  #allocate(ctx: Context, validator: Validator, reward: bigint): void {
    const operator = validator.operatorAddress;
    const rate = decimalFromWire(validator.commission?.commissionRates?.rate ?? '');
    const commission = mulDecimal(reward, rate);
    this.state.setCommission(ctx, operator, this.state.commission(ctx, operator) + commission);
    const current = this.state.current(ctx, operator);
    if (current === undefined) throw new Error(`no running rewards of ${operator}`);
    this.state.setCurrent(ctx, operator, { ...current, rewards: current.rewards + reward - commission });
    this.state.setOutstanding(ctx, operator, this.state.outstanding(ctx, operator) + reward);
    ctx.emit({ type: 'rewards', attributes: { amount: `${reward - commission}e-18uremes`, validator: operator } });
  }

  /** What staking tells, so that stakes and rewards stay in step. */
  readonly hooks: StakingHooks = {
    afterValidatorCreated: (ctx, operator) => beginValidator(this.state, ctx, operator),
    beforeDelegationCreated: (ctx, _delegator, operator) => void endPeriod(this.state, ctx, this.#validator(ctx, operator)),
    beforeDelegationSharesModified: (ctx, delegator, operator) => void this.#settle(ctx, delegator, operator),
    afterDelegationModified: (ctx, delegator, operator) => {
      const delegation = this.deps.staking.delegation(ctx, delegator, operator);
      if (delegation !== undefined) beginDelegation(this.state, ctx, this.#validator(ctx, operator), delegation);
    },
    beforeValidatorSlashed: (ctx, operator, fraction) => {
      const period = endPeriod(this.state, ctx, this.#validator(ctx, operator));
      this.state.addReference(ctx, operator, period, 1);
      this.state.addSlash(ctx, operator, { height: ctx.block.height, period, fraction });
    },
    afterValidatorRemoved: (ctx, _consAddress, operator) => this.#removeValidator(ctx, operator),
  };

  #validator(ctx: QueryContext, operator: string): Validator {
    const validator = this.deps.staking.validator(ctx, operator);
    if (validator === undefined) throw distributionError('NO_VALIDATOR', `validator ${operator} does not exist`);
    return validator;
  }

  /** The last commission goes to the operator, what nobody can claim any more to the community. */
  #removeValidator(ctx: Context, operator: string): void {
    const commission = this.state.commission(ctx, operator);
    const paid = truncate(commission);
    if (paid > 0n) this.deps.bank.send(ctx, this.address, this.state.withdrawAddress(ctx, accountOfOperator(operator)), paid);
    this.state.addToPool(ctx, this.state.outstanding(ctx, operator) - toDecimal(paid));
    this.state.deleteValidator(ctx, operator);
  }

  /** Pays out a delegation and ends its count. @returns uremes paid. */
  #settle(ctx: Context, delegator: string, operator: string): bigint {
    const validator = this.#validator(ctx, operator);
    const delegation = this.deps.staking.delegation(ctx, delegator, operator);
    const starting = this.state.starting(ctx, operator, delegator);
    if (delegation === undefined || starting === undefined) {
      throw distributionError('NO_DELEGATION', `${delegator} has no delegation to ${operator}: no delegation distribution info`);
    }
    const period = endPeriod(this.state, ctx, validator);
    const rewards = earned(this.state, ctx, validator, delegation, starting, mustRatio(this.state, ctx, operator, period));
    const outstanding = this.state.outstanding(ctx, operator);
    const due = rewards < outstanding ? rewards : outstanding;
    const paid = truncate(due);
    if (paid > 0n) this.deps.bank.send(ctx, this.address, this.state.withdrawAddress(ctx, delegator), paid);
    this.state.setOutstanding(ctx, operator, outstanding - due);
    this.state.addToPool(ctx, due - toDecimal(paid));
    this.state.addReference(ctx, operator, starting.previousPeriod, -1);
    this.state.deleteStarting(ctx, operator, delegator);
    ctx.emit({ type: 'withdraw_rewards', attributes: { amount: formatAmount(paid), validator: operator, delegator } });
    return paid;
  }

  withdrawRewards(ctx: Context, delegator: string, operator: string): bigint {
    const paid = this.#settle(ctx, delegator, operator);
    const delegation = this.deps.staking.delegation(ctx, delegator, operator);
    if (delegation !== undefined) beginDelegation(this.state, ctx, this.#validator(ctx, operator), delegation);
    return paid;
  }

  withdrawCommission(ctx: Context, operator: string): bigint {
    this.#validator(ctx, operator);
    const commission = this.state.commission(ctx, operator);
    const paid = truncate(commission);
    if (paid === 0n) throw distributionError('NO_COMMISSION', `validator ${operator} has no whole uremes of commission to withdraw: no validator commission to withdraw`);
    this.state.setCommission(ctx, operator, commission - toDecimal(paid));
    this.state.setOutstanding(ctx, operator, this.state.outstanding(ctx, operator) - toDecimal(paid));
    this.deps.bank.send(ctx, this.address, this.state.withdrawAddress(ctx, accountOfOperator(operator)), paid);
    ctx.emit({ type: 'withdraw_commission', attributes: { amount: formatAmount(paid) } });
    return paid;
  }

  setWithdrawAddress(ctx: Context, delegator: string, address: string): void {
    if (!this.state.params(ctx).withdrawAddrEnabled) throw distributionError('SET_WITHDRAW_DISABLED', 'set withdraw address disabled');
    this.#requireOpen(address);
    this.state.setWithdrawAddress(ctx, delegator, address);
    ctx.emit({ type: 'set_withdraw_address', attributes: { withdraw_address: address } });
  }

  #requireOpen(address: string): void {
    if (!this.deps.closed.has(address)) return;
    throw sdkError('UNAUTHORIZED', `${address} is a module's account and is not allowed to receive external funds`);
  }

  fundPool(ctx: Context, from: string, amount: bigint): void {
    this.deps.bank.send(ctx, from, this.address, amount);
    this.state.addToPool(ctx, toDecimal(amount));
  }

  /** By governance only. */
  spendPool(ctx: Context, recipient: string, amount: bigint): void {
    this.#requireOpen(recipient);
    const pool = this.state.pool(ctx);
    if (toDecimal(amount) > pool) {
      throw distributionError('POOL_TOO_SMALL', `the community pool has ${formatAmount(truncate(pool))}, less than ${formatAmount(amount)}: community pool does not have sufficient coins to distribute`);
    }
    this.state.addToPool(ctx, -toDecimal(amount));
    this.deps.bank.send(ctx, this.address, recipient, amount);
  }

  /** What a delegation could withdraw now, 10⁻¹⁸ uremes; nothing where there is none. */
  pendingRewards(ctx: QueryContext, delegator: string, operator: string): bigint | undefined {
    const validator = this.deps.staking.validator(ctx, operator);
    const delegation = this.deps.staking.delegation(ctx, delegator, operator);
    const starting = this.state.starting(ctx, operator, delegator);
    if (validator === undefined || delegation === undefined || starting === undefined) return undefined;
    const rewards = earned(this.state, ctx, validator, delegation, starting, ratioNow(this.state, ctx, validator));
    const outstanding = this.state.outstanding(ctx, operator);
    return rewards < outstanding ? rewards : outstanding;
  }

  /** Invariant: all that is outstanding and the community pool, 10⁻¹⁸ uremes, are what the module's account holds. */
  owed(ctx: QueryContext): bigint {
    return this.deps.staking.validators(ctx).reduce((sum, { operatorAddress }) => sum + this.state.outstanding(ctx, operatorAddress), this.state.pool(ctx));
  }
}
