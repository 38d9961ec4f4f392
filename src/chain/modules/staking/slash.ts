/** Burns of what stood behind a validator when it did wrong (x/staking/keeper/slash.go of the Cosmos SDK). */
import { decimalFromWire, mulRounded, quoRoundedUp, toDecimal, truncate, DECIMAL_ONE } from '../../../protocol/decimal.js';
import type { Redelegation, UnbondingDelegation } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { Context } from '../../module.js';
import type { StakingKeeper } from './keeper.js';
import { completionOf } from './moves.js';
import { NOT_BONDED_POOL_ADDRESS, poolOf } from './pools.js';
import { POWER_REDUCTION, isUnbonded, tokensOf } from './shares.js';

/** @returns uremes that were burned of the validator's own tokens. */
export function slash(keeper: StakingKeeper, ctx: Context, consAddress: Uint8Array, infractionHeight: bigint, power: bigint, fraction: bigint): bigint {
  const named = keeper.validatorByConsAddress(ctx, consAddress);
  // Who is unbonded or gone has waited longer than evidence is accepted for.
  if (named === undefined || isUnbonded(named) || infractionHeight > ctx.block.height) return 0n;
  const operator = named.operatorAddress;
  let left = truncate(mulRounded(toDecimal(power * POWER_REDUCTION), fraction));
  if (infractionHeight < ctx.block.height) {
    const { state } = keeper;
    const unbondings = list(state.unbondingCountFrom(ctx, operator), (i) => state.unbondingFromAt(ctx, operator, i));
    for (const unbonding of unbondings) left -= slashUnbonding(keeper, ctx, unbonding, infractionHeight, fraction);
    const redelegations = list(state.redelegationCountFrom(ctx, operator), (i) => state.redelegationFromAt(ctx, operator, i));
    for (const redelegation of redelegations) left -= slashRedelegation(keeper, ctx, redelegation, infractionHeight, fraction);
  }
  const validator = keeper.mustGet(ctx, operator);
  const tokens = tokensOf(validator);
  const burned = left < tokens ? left : tokens;
  if (burned <= 0n) return 0n;
  const effective = quoRoundedUp(toDecimal(burned), toDecimal(tokens));
  keeper.tell((hooks) => hooks.beforeValidatorSlashed?.(ctx, operator, effective < DECIMAL_ONE ? effective : DECIMAL_ONE));
  keeper.state.setValidator(ctx, { ...validator, tokens: (tokens - burned).toString() });
  keeper.bank.burn(ctx, poolOf(validator), burned);
  return burned;
}

function list<T>(count: bigint, at: (index: bigint) => T | undefined): T[] {
  // Read before anything changes: a slash may remove entries and move others into the gap.
  return Array.from({ length: Number(count) }, (_, i) => at(BigInt(i))).filter((item) => item !== undefined);
}

/** @returns what the unbonding owes, which may be more than it still holds. */
function slashUnbonding(keeper: StakingKeeper, ctx: Context, unbonding: UnbondingDelegation, infractionHeight: bigint, fraction: bigint): bigint {
  let owed = 0n;
  let burned = 0n;
  const entries = unbonding.entries.map((entry) => {
    // What began to leave before the infraction did not stand behind it; what is mature is about to be paid.
    if (entry.creationHeight < infractionHeight || completionOf(entry) <= ctx.block.timeSeconds) return entry;
    const amount = truncate(fraction * BigInt(entry.initialBalance));
    owed += amount;
    const balance = BigInt(entry.balance);
    const part = amount < balance ? amount : balance;
    burned += part;
    return { ...entry, balance: (balance - part).toString() };
  });
  if (burned > 0n) {
    keeper.state.setUnbonding(ctx, { ...unbonding, entries });
    keeper.bank.burn(ctx, NOT_BONDED_POOL_ADDRESS, burned);
  }
  return owed;
}

/** Takes from what was redelegated: first of what is unbonding from the new validator since, then of the delegation to it. */
function slashRedelegation(keeper: StakingKeeper, ctx: Context, redelegation: Redelegation, infractionHeight: bigint, fraction: bigint): bigint {
  const { delegatorAddress: delegator, validatorDstAddress: target } = redelegation;
  let owed = 0n;
  for (const entry of redelegation.entries) {
    if (entry.creationHeight < infractionHeight || completionOf(entry) <= ctx.block.timeSeconds) continue;
    const amount = truncate(fraction * BigInt(entry.initialBalance));
    owed += amount;
    const left = amount - slashUnbondingOfMoved(keeper, ctx, delegator, target, infractionHeight, amount);
    const delegation = keeper.delegation(ctx, delegator, target);
    if (left === 0n || delegation === undefined) continue;
    // The SDK takes all of these shares even where a part was found unbonding; here nobody pays twice.
    const wanted = (mulRounded(fraction, decimalFromWire(entry.sharesDst)) * left) / amount;
    if (wanted === 0n) continue;
    const held = decimalFromWire(delegation.shares);
    // The pool is asked for before: with its last shares an unbonded validator goes.
    const pool = poolOf(keeper.mustGet(ctx, target));
    const tokens = keeper.unbond(ctx, delegator, target, wanted < held ? wanted : held);
    if (tokens > 0n) keeper.bank.burn(ctx, pool, tokens);
  }
  return owed;
}

/** @returns uremes burned, at most `amount`. */
function slashUnbondingOfMoved(keeper: StakingKeeper, ctx: Context, delegator: string, target: string, infractionHeight: bigint, amount: bigint): bigint {
  const unbonding = keeper.state.unbonding(ctx, delegator, target);
  if (unbonding === undefined) return 0n;
  let left = amount;
  const entries = unbonding.entries.map((entry) => {
    if (entry.creationHeight < infractionHeight || completionOf(entry) <= ctx.block.timeSeconds) return entry;
    const balance = BigInt(entry.balance);
    const part = left < balance ? left : balance;
    left -= part;
    return { ...entry, balance: (balance - part).toString() };
  });
  const burned = amount - left;
  if (burned > 0n) {
    keeper.state.setUnbonding(ctx, { ...unbonding, entries });
    keeper.bank.burn(ctx, NOT_BONDED_POOL_ADDRESS, burned);
  }
  return burned;
}
