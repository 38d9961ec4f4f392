/** Who is bonded: decided once a block, after everything else, and told to the engine as changes. */
import { BondStatus, type Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { ValidatorUpdate } from '../../../protocol/gen/tendermint/abci/types.js';
import type { Context } from '../../module.js';
import type { History } from './history.js';
import type { StakingKeeper } from './keeper.js';
import { completeRedelegation, completeUnbonding } from './moves.js';
import { unbondingSeconds } from './params.js';
import { BONDED_POOL_ADDRESS, NOT_BONDED_POOL_ADDRESS, wholeSeconds } from './pools.js';
import { isBonded, potentialPower, sharesOf, tokensOf } from './shares.js';
import { consensusAddressOf, consensusKeyOf } from './state.js';

export const dueValidator = (operator: string): string => `v/${operator}`;

function updateOf(validator: Validator, power: bigint): ValidatorUpdate {
  return { pubKey: { sum: { $case: 'ed25519', value: consensusKeyOf(validator) } }, power };
}

/**
 * Bonds the most powerful, begins to unbond who was bonded and is not among them, and moves their tokens between the
 * pools. Reads nothing but a flag where no order has changed.
 */
function applySetChanges(keeper: StakingKeeper, ctx: Context): ValidatorUpdate[] {
  const { state } = keeper;
  if (!state.isChanged(ctx)) return [];
  state.clearChanged(ctx);
  const last = new Map(state.lastPowers(ctx).map(({ address, power }) => [address, power]));
  const updates: ValidatorUpdate[] = [];
  const powers: { address: string; power: bigint }[] = [];
  let bonding = 0n;
  for (const operator of state.topOperators(ctx, keeper.params(ctx).maxValidators)) {
    const validator = keeper.mustGet(ctx, operator);
    if (!isBonded(validator)) {
      bond(keeper, ctx, validator);
      bonding += tokensOf(validator);
    }
    const power = potentialPower(validator);
    if (last.get(operator) !== power) updates.push(updateOf(validator, power));
    last.delete(operator);
    powers.push({ address: operator, power });
  }
  for (const operator of [...last.keys()].sort()) {
    const validator = keeper.mustGet(ctx, operator);
    beginUnbonding(keeper, ctx, validator);
    bonding -= tokensOf(validator);
    updates.push(updateOf(validator, 0n));
  }
  if (bonding > 0n) keeper.bank.send(ctx, NOT_BONDED_POOL_ADDRESS, BONDED_POOL_ADDRESS, bonding);
  if (bonding < 0n) keeper.bank.send(ctx, BONDED_POOL_ADDRESS, NOT_BONDED_POOL_ADDRESS, -bonding);
  if (updates.length > 0) state.setLastPowers(ctx, powers);
  return updates;
}

function bond(keeper: StakingKeeper, ctx: Context, validator: Validator): void {
  if (validator.status === BondStatus.UNBONDING) {
    keeper.state.removeDue(ctx, validator.unbondingTime?.seconds ?? 0n, dueValidator(validator.operatorAddress));
  }
  keeper.state.setValidator(ctx, { ...validator, status: BondStatus.BONDED });
  keeper.tell((hooks) => hooks.afterValidatorBonded?.(ctx, consensusAddressOf(validator), validator.operatorAddress));
}

function beginUnbonding(keeper: StakingKeeper, ctx: Context, validator: Validator): void {
  const endSeconds = ctx.block.timeSeconds + unbondingSeconds(keeper.params(ctx));
  keeper.state.setValidator(ctx, {
    ...validator,
    status: BondStatus.UNBONDING,
    unbondingHeight: ctx.block.height,
    unbondingTime: wholeSeconds(endSeconds),
  });
  keeper.state.pushDue(ctx, endSeconds, dueValidator(validator.operatorAddress));
  keeper.tell((hooks) => hooks.afterValidatorBeginUnbonding?.(ctx, consensusAddressOf(validator), validator.operatorAddress));
}

function completeValidator(keeper: StakingKeeper, ctx: Context, operator: string): void {
  const validator = keeper.validator(ctx, operator);
  if (validator?.status !== BondStatus.UNBONDING) return;
  const unbonded = { ...validator, status: BondStatus.UNBONDED };
  if (sharesOf(unbonded) === 0n) keeper.remove(ctx, unbonded);
  else keeper.state.setValidator(ctx, unbonded);
}

/** Changes of the bonded set, then everything whose time has come. @returns each changed key once, with its new power. */
export function validatorUpdates(keeper: StakingKeeper, history: History, ctx: Context): ValidatorUpdate[] {
  const updates = applySetChanges(keeper, ctx);
  if (updates.length > 0) history.setChanged(keeper, ctx);
  const due = keeper.state.takeDue(ctx).map((text) => text.split('/'));
  for (const [kind, operator = ''] of due) if (kind === 'v') completeValidator(keeper, ctx, operator);
  for (const [kind, delegator = '', operator = ''] of due) if (kind === 'u') completeUnbonding(keeper, ctx, delegator, operator);
  for (const [kind, delegator = '', source = '', target = ''] of due) {
    if (kind === 'r') completeRedelegation(keeper, ctx, delegator, source, target);
  }
  return updates;
}
