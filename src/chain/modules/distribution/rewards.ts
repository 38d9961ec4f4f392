/**
 * Rewards of delegations without walking over delegations (F1 distribution): every change of a validator's stake ends a
 * period, of which only the rewards a token are kept, summed up. What a delegation earned is its stake times the
 * difference of two sums, in pieces where slashes made the stake smaller.
 */
import { DECIMAL_ONE, decimalFromWire, mulDecimal, quoDecimal, toDecimal } from '../../../protocol/decimal.js';
import type { Delegation, Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { Context, QueryContext } from '../../module.js';
import type { DistributionState, Starting } from './state.js';

/** Tokens behind shares, 10⁻¹⁸ uremes, floored. */
export function stakeOf(validator: Validator, delegation: Delegation): bigint {
  const shares = decimalFromWire(validator.delegatorShares);
  if (shares === 0n) return 0n;
  return (decimalFromWire(delegation.shares) * toDecimal(BigInt(validator.tokens))) / shares;
}

/** Begins the first period of a new validator. */
export function beginValidator(state: DistributionState, ctx: Context, operator: string): void {
  state.setHistorical(ctx, operator, 0n, { ratio: 0n, references: 1 });
  state.setCurrent(ctx, operator, { rewards: 0n, period: 1n });
  state.setCommission(ctx, operator, 0n);
  state.setOutstanding(ctx, operator, 0n);
}

/** What the running period adds to the sum of rewards a token. */
function currentRatio(rewards: bigint, { tokens }: Validator): bigint {
  return tokens === '0' || tokens === '' ? 0n : quoDecimal(rewards, toDecimal(BigInt(tokens)));
}

/** Ends the running period. Rewards that no stake stands behind are the community's. @returns the period that ended. */
export function endPeriod(state: DistributionState, ctx: Context, validator: Validator): bigint {
  const operator = validator.operatorAddress;
  const { rewards, period } = mustCurrent(state, ctx, operator);
  if (BigInt(validator.tokens) === 0n && rewards > 0n) {
    state.addToPool(ctx, rewards);
    state.setOutstanding(ctx, operator, state.outstanding(ctx, operator) - rewards);
  }
  const before = mustRatio(state, ctx, operator, period - 1n);
  state.setHistorical(ctx, operator, period, { ratio: before + currentRatio(rewards, validator), references: 1 });
  state.addReference(ctx, operator, period - 1n, -1);
  state.setCurrent(ctx, operator, { rewards: 0n, period: period + 1n });
  return period;
}

/** Begins to count for a delegation as it is now, at the end of the newest ended period. */
export function beginDelegation(state: DistributionState, ctx: Context, validator: Validator, delegation: Delegation): void {
  const operator = validator.operatorAddress;
  const previousPeriod = mustCurrent(state, ctx, operator).period - 1n;
  state.addReference(ctx, operator, previousPeriod, 1);
  state.setStarting(ctx, operator, delegation.delegatorAddress, { previousPeriod, stake: stakeOf(validator, delegation), height: ctx.block.height });
}

/** The sum of rewards a token now, the running period included: what a query may not write. */
export function ratioNow(state: DistributionState, ctx: QueryContext, validator: Validator): bigint {
  const operator = validator.operatorAddress;
  const current = state.current(ctx, operator);
  if (current === undefined) return 0n;
  return mustRatio(state, ctx, operator, current.period - 1n) + currentRatio(current.rewards, validator);
}

/** What a delegation has earned, 10⁻¹⁸ uremes. @param endRatio sum of rewards a token up to where it ends. */
export function earned(state: DistributionState, ctx: QueryContext, validator: Validator, delegation: Delegation, starting: Starting, endRatio: bigint): bigint {
  const operator = validator.operatorAddress;
  let { stake } = starting;
  let from = mustRatio(state, ctx, operator, starting.previousPeriod);
  let rewards = 0n;
  // From the newest back to the first that the delegation saw, so that old slashes cost nothing.
  let first = state.slashCount(ctx, operator);
  while (first > 0n && (state.slashAt(ctx, operator, first - 1n)?.period ?? 0n) > starting.previousPeriod) first -= 1n;
  for (let i = first; i < state.slashCount(ctx, operator); i++) {
    const slash = state.slashAt(ctx, operator, i);
    if (slash === undefined) continue;
    const until = mustRatio(state, ctx, operator, slash.period);
    rewards += mulDecimal(until - from, stake);
    stake = mulDecimal(stake, DECIMAL_ONE - slash.fraction);
    from = until;
  }
  // Rounding may leave it a little above what the shares are worth; never pay for more than that.
  const worth = stakeOf(validator, delegation);
  return rewards + mulDecimal(endRatio - from, stake < worth ? stake : worth);
}

export function mustRatio(state: DistributionState, ctx: QueryContext, operator: string, period: bigint): bigint {
  const historical = state.historical(ctx, operator, period);
  if (historical === undefined) throw new Error(`no historical rewards of ${operator} at period ${period}`);
  return historical.ratio;
}

function mustCurrent(state: DistributionState, ctx: QueryContext, operator: string): { readonly rewards: bigint; readonly period: bigint } {
  const current = state.current(ctx, operator);
  if (current === undefined) throw new Error(`no running rewards of ${operator}`);
  return current;
}
