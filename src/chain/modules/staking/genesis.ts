import { decimalFromWire, formatDecimal } from '../../../protocol/decimal.js';
import { InvalidInputError, R3mesError } from '../../../protocol/errors.js';
import type { Timestamp } from '../../../protocol/gen/google/protobuf/timestamp.js';
import { bondStatusToJSON, BondStatus, type Params, type Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { formatRfc3339 } from '../../../protocol/rfc3339.js';
import type { Context, QueryContext } from '../../module.js';
import { parseGenesis } from '../genesis.js';
import { checkRates } from './commission.js';
import { checkedDescription } from './description.js';
import { type StakingGenesis, stakingGenesis } from './genesis-schema.js';
import { brokenStakingInvariants } from './invariants.js';
import type { StakingKeeper } from './keeper.js';
import { completionOf, dueRedelegation, dueUnbonding } from './moves.js';
import { checkStakingParams, unbondingSeconds } from './params.js';
import { isBonded } from './shares.js';
import { STAKING_STORE, consensusAddressOf, consensusKeyOf } from './state.js';
import { dueValidator } from './validator-set.js';
import { ED25519_TYPE_URL } from './messages.js';

/** Names the part of `app_state` in whatever `check` throws. */
function naming<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof R3mesError) throw new InvalidInputError(`app_state.staking.${path}: ${error.message}`, 'correct the genesis file; nothing was written');
    throw error;
  }
}

/**
 * Whoever genesis says is bonded stays so only by the rules: `validatorUpdates` ranks all validators afterwards.
 * @throws InvalidInputError for a wrong field, a validator or a pair named twice, or pools that do not hold the tokens.
 */
export function initStakingGenesis(keeper: StakingKeeper, ctx: Context, state: unknown): void {
  const genesis = parseGenesis(STAKING_STORE, stakingGenesis, state);
  const { params } = genesis;
  if (params !== undefined) {
    naming('params', () => checkStakingParams(params));
    keeper.state.setParams(ctx, params);
  }
  initValidators(keeper, ctx, genesis);
  initDelegations(keeper, ctx, genesis);
  initLeaving(keeper, ctx, genesis);
  const [broken] = brokenStakingInvariants(keeper, ctx);
  if (broken !== undefined) {
    throw new InvalidInputError(`app_state.staking: ${broken}`, 'the module accounts of the pools must hold in app_state.bank what validators and unbonding delegations say');
  }
}

function initValidators(keeper: StakingKeeper, ctx: Context, { validators, exported }: StakingGenesis): void {
  const { state } = keeper;
  for (const [index, validator] of validators.entries()) {
    const path = `validators[${index}]`;
    naming(`${path}.description`, () => checkedDescription(validator.description));
    naming(`${path}.commission`, () => checkRates(validator.commission.commissionRates));
    if (keeper.validator(ctx, validator.operatorAddress) !== undefined) {
      throw new InvalidInputError(`app_state.staking.${path}.operator_address: ${validator.operatorAddress} is named twice`);
    }
    if (keeper.validatorByConsAddress(ctx, consensusAddressOf(validator)) !== undefined) {
      throw new InvalidInputError(`app_state.staking.${path}.consensus_pubkey: belongs to two validators`);
    }
    state.setValidator(ctx, validator);
    const { operatorAddress: operator } = validator;
    if (!exported) keeper.tell((hooks) => hooks.afterValidatorCreated?.(ctx, operator));
    if (!exported && isBonded(validator)) keeper.tell((hooks) => hooks.afterValidatorBonded?.(ctx, consensusAddressOf(validator), operator));
    if (validator.status === BondStatus.UNBONDING) state.pushDue(ctx, validator.unbondingTime.seconds, dueValidator(validator.operatorAddress));
  }
  // Power 0 is no power that a bonded validator has: the engine is told of each of them.
  const bonded = validators.filter(isBonded).map(({ operatorAddress }) => ({ address: operatorAddress, power: 0n }));
  if (bonded.length > 0) state.setLastPowers(ctx, bonded);
}

function initDelegations(keeper: StakingKeeper, ctx: Context, { delegations, exported }: StakingGenesis): void {
  for (const [index, delegation] of delegations.entries()) {
    const { delegatorAddress: delegator, validatorAddress: operator } = delegation;
    const path = `app_state.staking.delegations[${index}]`;
    if (keeper.validator(ctx, operator) === undefined) throw new InvalidInputError(`${path}.validator_address: there is no validator ${operator}`);
    if (keeper.delegation(ctx, delegator, operator) !== undefined) throw new InvalidInputError(`${path}: ${delegator} delegates to ${operator} twice`);
    if (!exported) keeper.tell((hooks) => hooks.beforeDelegationCreated?.(ctx, delegator, operator));
    keeper.state.setDelegation(ctx, delegation);
    if (!exported) keeper.tell((hooks) => hooks.afterDelegationModified?.(ctx, delegator, operator));
  }
}

function initLeaving({ state }: StakingKeeper, ctx: Context, { unbondingDelegations, redelegations }: StakingGenesis): void {
  for (const [index, unbonding] of unbondingDelegations.entries()) {
    const { delegatorAddress: delegator, validatorAddress: operator, entries } = unbonding;
    if (state.unbonding(ctx, delegator, operator) !== undefined) {
      throw new InvalidInputError(`app_state.staking.unbonding_delegations[${index}]: ${delegator} unbonds from ${operator} twice`);
    }
    state.setUnbonding(ctx, unbonding);
    for (const entry of entries) state.pushDue(ctx, completionOf(entry), dueUnbonding(delegator, operator));
  }
  for (const [index, redelegation] of redelegations.entries()) {
    const { delegatorAddress: delegator, validatorSrcAddress: source, validatorDstAddress: target, entries } = redelegation;
    if (state.redelegation(ctx, delegator, source, target) !== undefined) {
      throw new InvalidInputError(`app_state.staking.redelegations[${index}]: ${delegator} redelegates from ${source} to ${target} twice`);
    }
    state.setRedelegation(ctx, redelegation);
    for (const entry of entries) state.pushDue(ctx, completionOf(entry), dueRedelegation(delegator, source, target));
  }
}

const time = (value: Timestamp | undefined): string => formatRfc3339(value ?? { seconds: 0n, nanos: 0 });
const decimal = (wire: string | undefined): string => formatDecimal(decimalFromWire(wire ?? ''));

export function stakingParamsToJson(params: Params): Record<string, unknown> {
  return {
    unbonding_time: `${unbondingSeconds(params)}s`,
    max_validators: params.maxValidators,
    max_entries: params.maxEntries,
    historical_entries: params.historicalEntries,
    bond_denom: params.bondDenom,
    min_commission_rate: decimal(params.minCommissionRate),
  };
}

/** A validator as genesis and REST name its fields. */
export function validatorToJson(validator: Validator): Record<string, unknown> {
  const { description, commission } = validator;
  return {
    operator_address: validator.operatorAddress,
    consensus_pubkey: { '@type': ED25519_TYPE_URL, key: Buffer.from(consensusKeyOf(validator)).toString('base64') },
    jailed: validator.jailed,
    status: bondStatusToJSON(validator.status),
    tokens: validator.tokens,
    delegator_shares: decimal(validator.delegatorShares),
    description: {
      moniker: description?.moniker ?? '',
      identity: description?.identity ?? '',
      website: description?.website ?? '',
      security_contact: description?.securityContact ?? '',
      details: description?.details ?? '',
    },
    unbonding_height: validator.unbondingHeight.toString(),
    unbonding_time: time(validator.unbondingTime),
    commission: {
      commission_rates: {
        rate: decimal(commission?.commissionRates?.rate),
        max_rate: decimal(commission?.commissionRates?.maxRate),
        max_change_rate: decimal(commission?.commissionRates?.maxChangeRate),
      },
      update_time: time(commission?.updateTime),
    },
    min_self_delegation: validator.minSelfDelegation,
  };
}

/** `app_state.staking` that makes this state again. */
export function exportStaking(keeper: StakingKeeper, ctx: QueryContext): Record<string, unknown> {
  const { state } = keeper;
  const powers = state.lastPowers(ctx);
  const validators = keeper.validators(ctx);
  return {
    params: stakingParamsToJson(keeper.params(ctx)),
    last_total_power: powers.reduce((sum, { power }) => sum + power, 0n).toString(),
    last_validator_powers: powers.map(({ address, power }) => ({ address, power: power.toString() })),
    validators: validators.map(validatorToJson),
    delegations: validators.flatMap(({ operatorAddress }) =>
      keeper.delegationsTo(ctx, operatorAddress).map((one) => ({
        delegator_address: one.delegatorAddress,
        validator_address: one.validatorAddress,
        shares: decimal(one.shares),
      })),
    ),
    unbonding_delegations: state.unbondings(ctx).map((one) => ({
      delegator_address: one.delegatorAddress,
      validator_address: one.validatorAddress,
      entries: one.entries.map((entry) => ({
        creation_height: entry.creationHeight.toString(),
        completion_time: time(entry.completionTime),
        initial_balance: entry.initialBalance,
        balance: entry.balance,
      })),
    })),
    redelegations: state.redelegations(ctx).map((one) => ({
      delegator_address: one.delegatorAddress,
      validator_src_address: one.validatorSrcAddress,
      validator_dst_address: one.validatorDstAddress,
      entries: one.entries.map((entry) => ({
        creation_height: entry.creationHeight.toString(),
        completion_time: time(entry.completionTime),
        initial_balance: entry.initialBalance,
        shares_dst: decimal(entry.sharesDst),
      })),
    })),
    exported: true,
  };
}
