/** What leaves a validator: unbonding and redelegation, and their ends. */
import { formatAmount } from '../../../protocol/coins.js';
import { decimalFromWire } from '../../../protocol/decimal.js';
import {
  BondStatus,
  Redelegation,
  type RedelegationEntry,
  UnbondingDelegation,
  type UnbondingDelegationEntry,
  type Validator,
} from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { Context } from '../../module.js';
import { sdkError } from '../sdk-errors.js';
import { stakingError } from './errors.js';
import type { StakingKeeper } from './keeper.js';
import { unbondingSeconds } from './params.js';
import { NOT_BONDED_POOL_ADDRESS, poolOf, wholeSeconds } from './pools.js';
import { sharesFromTokens } from './shares.js';

export const completionOf = (entry: UnbondingDelegationEntry | RedelegationEntry): bigint => entry.completionTime?.seconds ?? 0n;

/** Queue entries of `StakingState`, and their parts. */
export const dueUnbonding = (delegator: string, operator: string): string => `u/${delegator}/${operator}`;
export const dueRedelegation = (delegator: string, source: string, target: string): string => `r/${delegator}/${source}/${target}`;

/** Shares of a delegation that are worth `tokens`. @throws ChainError staking/19 without a delegation, sdk/18 for more than it is worth. */
export function sharesToUnbond(keeper: StakingKeeper, ctx: Context, delegator: string, operator: string, tokens: bigint): bigint {
  const validator = keeper.mustGet(ctx, operator);
  const delegation = keeper.delegation(ctx, delegator, operator);
  if (delegation === undefined) throw stakingError('NO_DELEGATION', `no delegation for (address, validator) tuple: ${delegator}, ${operator}`);
  const shares = sharesFromTokens(validator, tokens);
  if (shares > decimalFromWire(delegation.shares)) {
    throw sdkError('INVALID_REQUEST', `invalid shares amount: ${formatAmount(tokens)} is more than the delegation is worth: invalid request`);
  }
  return shares;
}

export interface Leaving {
  /** Seconds since 1970. */
  readonly completionSeconds: bigint;
  /** Uremes. */
  readonly tokens: bigint;
}

/** Begins to unbond. @throws ChainError staking/27 beyond `max_entries` of a pair. */
export function undelegate(keeper: StakingKeeper, ctx: Context, delegator: string, operator: string, shares: bigint): Leaving {
  const validator = keeper.mustGet(ctx, operator);
  const params = keeper.params(ctx);
  const known = keeper.state.unbonding(ctx, delegator, operator);
  if ((known?.entries.length ?? 0) >= params.maxEntries) {
    throw stakingError('TOO_MANY_UNBONDINGS', 'too many unbonding delegation entries for (delegator, validator) tuple', 'wait until one of them ends');
  }
  const tokens = keeper.unbond(ctx, delegator, operator, shares);
  const pool = poolOf(validator);
  if (pool !== NOT_BONDED_POOL_ADDRESS && tokens > 0n) keeper.bank.send(ctx, pool, NOT_BONDED_POOL_ADDRESS, tokens);
  const completionSeconds = ctx.block.timeSeconds + unbondingSeconds(params);
  const unbonding = known ?? UnbondingDelegation.fromPartial({ delegatorAddress: delegator, validatorAddress: operator });
  keeper.state.setUnbonding(ctx, { ...unbonding, entries: addUnbondingEntry(unbonding.entries, ctx.block.height, completionSeconds, tokens) });
  keeper.state.pushDue(ctx, completionSeconds, dueUnbonding(delegator, operator));
  return { completionSeconds, tokens };
}

/** Two unbondings of one block are one entry. */
function addUnbondingEntry(entries: readonly UnbondingDelegationEntry[], height: bigint, completionSeconds: bigint, tokens: bigint): UnbondingDelegationEntry[] {
  const same = entries.findIndex((entry) => entry.creationHeight === height && completionOf(entry) === completionSeconds);
  const found = entries[same];
  if (found === undefined) {
    const amount = tokens.toString();
    return [...entries, { creationHeight: height, completionTime: wholeSeconds(completionSeconds), initialBalance: amount, balance: amount }];
  }
  const merged = {
    ...found,
    initialBalance: (BigInt(found.initialBalance) + tokens).toString(),
    balance: (BigInt(found.balance) + tokens).toString(),
  };
  return entries.map((entry, index) => (index === same ? merged : entry));
}

/** Delegates back what is unbonding. @throws ChainError staking/7, staking/34, sdk/18, sdk/38 */
export function cancelUnbonding(keeper: StakingKeeper, ctx: Context, delegator: string, operator: string, tokens: bigint, creationHeight: bigint): void {
  const validator = keeper.mustGet(ctx, operator);
  if (validator.jailed) throw stakingError('VALIDATOR_JAILED', `validator for this address is currently jailed: ${operator}`);
  const unbonding = keeper.state.unbonding(ctx, delegator, operator);
  if (unbonding === undefined) throw sdkError('NOT_FOUND', `unbonding delegation with delegator ${delegator} not found for validator ${operator}`);
  const index = unbonding.entries.findIndex((entry) => entry.creationHeight === creationHeight && completionOf(entry) > ctx.block.timeSeconds);
  const entry = unbonding.entries[index];
  if (entry === undefined) throw sdkError('NOT_FOUND', `unbonding delegation entry is not found at block height ${creationHeight}`);
  const left = BigInt(entry.balance) - tokens;
  if (left < 0n) throw sdkError('INVALID_REQUEST', `amount is greater than the unbonding delegation entry balance of ${entry.balance}: invalid request`);
  keeper.delegate(ctx, delegator, operator, tokens, NOT_BONDED_POOL_ADDRESS);
  const changed = { ...entry, balance: left.toString(), initialBalance: (BigInt(entry.initialBalance) - tokens).toString() };
  const entries = left === 0n ? unbonding.entries.toSpliced(index, 1) : unbonding.entries.with(index, changed);
  keeper.state.setUnbonding(ctx, { ...unbonding, entries });
}

/** When and from which height on a redelegation counts; nothing where the source cannot be slashed any more. */
function beginOf(keeper: StakingKeeper, ctx: Context, source: Validator): { height: bigint; completionSeconds: bigint } | undefined {
  if (source.status === BondStatus.UNBONDED) return undefined;
  if (source.status === BondStatus.UNBONDING) return { height: source.unbondingHeight, completionSeconds: source.unbondingTime?.seconds ?? 0n };
  return { height: ctx.block.height, completionSeconds: ctx.block.timeSeconds + unbondingSeconds(keeper.params(ctx)) };
}

/** Moves shares to another validator at once; slashes of the source reach them until the completion. @throws ChainError staking/29 to 33 */
export function redelegate(keeper: StakingKeeper, ctx: Context, delegator: string, source: string, target: string, shares: bigint): Leaving {
  if (source === target) throw stakingError('SELF_REDELEGATION', 'cannot redelegate to the same validator');
  if (keeper.validator(ctx, target) === undefined) throw stakingError('BAD_REDELEGATION_TARGET', `redelegation destination validator not found: ${target}`);
  const from = keeper.mustGet(ctx, source);
  if (keeper.state.isReceiving(ctx, delegator, source)) {
    throw stakingError('TRANSITIVE_REDELEGATION', 'redelegation to this validator already in progress; first redelegation to this validator must complete before next redelegation');
  }
  const known = keeper.state.redelegation(ctx, delegator, source, target);
  if ((known?.entries.length ?? 0) >= keeper.params(ctx).maxEntries) {
    throw stakingError('TOO_MANY_REDELEGATIONS', 'too many redelegation entries for (delegator, src-validator, dst-validator) tuple', 'wait until one of them ends');
  }
  const begin = beginOf(keeper, ctx, from);
  const tokens = keeper.unbond(ctx, delegator, source, shares);
  if (tokens === 0n) throw stakingError('TINY_REDELEGATION', 'too few tokens to redelegate (truncates to zero tokens)');
  const sharesDst = keeper.delegate(ctx, delegator, target, tokens, poolOf(from));
  if (begin === undefined) return { completionSeconds: ctx.block.timeSeconds, tokens };
  const { height, completionSeconds } = begin;
  const redelegation = known ?? Redelegation.fromPartial({ delegatorAddress: delegator, validatorSrcAddress: source, validatorDstAddress: target });
  const entry: RedelegationEntry = {
    creationHeight: height,
    completionTime: wholeSeconds(completionSeconds),
    initialBalance: tokens.toString(),
    sharesDst: sharesDst.toString(),
  };
  keeper.state.setRedelegation(ctx, { ...redelegation, entries: [...redelegation.entries, entry] });
  keeper.state.pushDue(ctx, completionSeconds, dueRedelegation(delegator, source, target));
  return { completionSeconds, tokens };
}

/** Pays out the entries of a pair that have waited long enough. */
export function completeUnbonding(keeper: StakingKeeper, ctx: Context, delegator: string, operator: string): void {
  const unbonding = keeper.state.unbonding(ctx, delegator, operator);
  if (unbonding === undefined) return;
  const mature = unbonding.entries.filter((entry) => completionOf(entry) <= ctx.block.timeSeconds);
  if (mature.length === 0) return;
  keeper.state.setUnbonding(ctx, { ...unbonding, entries: unbonding.entries.filter((entry) => !mature.includes(entry)) });
  const tokens = mature.reduce((sum, entry) => sum + BigInt(entry.balance), 0n);
  if (tokens > 0n) keeper.bank.send(ctx, NOT_BONDED_POOL_ADDRESS, delegator, tokens);
  ctx.emit({ type: 'complete_unbonding', attributes: { amount: formatAmount(tokens), validator: operator, delegator } });
}

/** Forgets the entries of a redelegation that no slash can reach any more. */
export function completeRedelegation(keeper: StakingKeeper, ctx: Context, delegator: string, source: string, target: string): void {
  const redelegation = keeper.state.redelegation(ctx, delegator, source, target);
  if (redelegation === undefined) return;
  const mature = redelegation.entries.filter((entry) => completionOf(entry) <= ctx.block.timeSeconds);
  if (mature.length === 0) return;
  keeper.state.setRedelegation(ctx, { ...redelegation, entries: redelegation.entries.filter((entry) => !mature.includes(entry)) });
  const tokens = mature.reduce((sum, entry) => sum + BigInt(entry.initialBalance), 0n);
  ctx.emit({
    type: 'complete_redelegation',
    attributes: { amount: formatAmount(tokens), delegator, source_validator: source, destination_validator: target },
  });
}
