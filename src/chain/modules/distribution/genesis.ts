import { z } from 'zod';

import { parseAddress } from '../../../protocol/address.js';
import { DENOM } from '../../../protocol/coins.js';
import { DECIMAL_ONE, formatDecimal, toDecimal } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import { profile } from '../../../protocol/params.js';
import { checkOperatorAddress } from '../../../protocol/validator-address.js';
import type { Context, QueryContext } from '../../module.js';
import { addressField, decimalField, message, uint32Field, uint64Field, viaParser } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { DistributionKeeper } from './keeper.js';
import { checkDistributionParams, distributionParamsJson, distributionParamsOf, distributionParamsSchema } from './params.js';
import { DISTRIBUTION_STORE } from './state.js';

const operatorField = viaParser(checkOperatorAddress);
/** None, or one of our denom with its fraction; in 10⁻¹⁸ uremes. */
const decCoinsField = z
  .array(z.strictObject({ denom: z.literal(DENOM), amount: decimalField }))
  .max(1, `expected at most one coin, of ${DENOM}`)
  .transform((list) => list[0]?.amount ?? 0n);
const shareField = decimalField.refine((value) => value <= DECIMAL_ONE, 'expected a share of at most 1');

const schema = message({
  params: distributionParamsSchema.optional(),
  fee_pool: message({ community_pool: decCoinsField }).optional(),
  delegator_withdraw_infos: z.array(message({ delegator_address: addressField, withdraw_address: addressField })).optional(),
  previous_proposer: z.string().optional(),
  outstanding_rewards: z.array(message({ validator_address: operatorField, outstanding_rewards: decCoinsField })).optional(),
  validator_accumulated_commissions: z
    .array(message({ validator_address: operatorField, accumulated: message({ commission: decCoinsField }) }))
    .optional(),
  validator_historical_rewards: z
    .array(message({ validator_address: operatorField, period: uint64Field, rewards: message({ cumulative_reward_ratio: decCoinsField, reference_count: uint32Field.min(1) }) }))
    .optional(),
  validator_current_rewards: z
    .array(message({ validator_address: operatorField, rewards: message({ rewards: decCoinsField, period: uint64Field }) }))
    .optional(),
  delegator_starting_infos: z
    .array(
      message({
        delegator_address: addressField,
        validator_address: operatorField,
        starting_info: message({ previous_period: uint64Field, stake: decimalField, height: uint64Field }),
      }),
    )
    .optional(),
  validator_slash_events: z
    .array(message({ validator_address: operatorField, height: uint64Field, period: uint64Field, validator_slash_event: message({ validator_period: uint64Field, fraction: shareField }) }))
    .optional(),
});

/** Takes away what the hooks made of staking's genesis: an export recorded what was really there. */
function forgetHooks(keeper: DistributionKeeper, ctx: Context): void {
  const { state, deps } = keeper;
  for (const { operatorAddress: operator } of deps.staking.validators(ctx)) {
    for (const { delegatorAddress } of deps.staking.delegationsTo(ctx, operator)) {
      const starting = state.starting(ctx, operator, delegatorAddress);
      if (starting === undefined) continue;
      state.deleteHistorical(ctx, operator, starting.previousPeriod);
      state.deleteStarting(ctx, operator, delegatorAddress);
    }
    state.deleteValidator(ctx, operator);
  }
}

/** Runs after staking's genesis. @throws InvalidInputError naming the wrong field. */
export function initDistributionGenesis(keeper: DistributionKeeper, ctx: Context, raw: unknown): void {
  const { state } = keeper;
  const g = parseGenesis(DISTRIBUTION_STORE, schema, raw);
  state.setParams(ctx, g.params === undefined ? profile('network').distribution : checkDistributionParams(distributionParamsOf(g.params)));
  if ((g.validatorCurrentRewards ?? []).length > 0) forgetHooks(keeper, ctx);
  state.addToPool(ctx, (g.feePool?.communityPool ?? 0n) - state.pool(ctx));
  for (const { delegatorAddress, withdrawAddress } of g.delegatorWithdrawInfos ?? []) {
    parseAddress(withdrawAddress);
    state.setWithdrawAddress(ctx, delegatorAddress, withdrawAddress);
  }
  for (const { validatorAddress, outstandingRewards } of g.outstandingRewards ?? []) state.setOutstanding(ctx, validatorAddress, outstandingRewards);
  for (const { validatorAddress, accumulated } of g.validatorAccumulatedCommissions ?? []) state.setCommission(ctx, validatorAddress, accumulated.commission);
  for (const { validatorAddress, period, rewards } of g.validatorHistoricalRewards ?? []) {
    state.setHistorical(ctx, validatorAddress, period, { ratio: rewards.cumulativeRewardRatio, references: rewards.referenceCount });
  }
  for (const { validatorAddress, rewards } of g.validatorCurrentRewards ?? []) state.setCurrent(ctx, validatorAddress, rewards);
  for (const { validatorAddress, delegatorAddress, startingInfo } of g.delegatorStartingInfos ?? []) {
    if (state.historical(ctx, validatorAddress, startingInfo.previousPeriod) === undefined) {
      throw new InvalidInputError(
        `app_state.distribution.delegator_starting_infos: period ${startingInfo.previousPeriod} of ${validatorAddress} is in no validator_historical_rewards`,
        'correct the genesis file; nothing was written',
      );
    }
    state.setStarting(ctx, validatorAddress, delegatorAddress, startingInfo);
  }
  for (const { validatorAddress, height, validatorSlashEvent } of g.validatorSlashEvents ?? []) {
    state.addSlash(ctx, validatorAddress, { height, period: validatorSlashEvent.validatorPeriod, fraction: validatorSlashEvent.fraction });
  }
  const held = toDecimal(keeper.deps.bank.balance(ctx, keeper.address));
  const owed = keeper.owed(ctx);
  if (held !== owed) {
    throw new InvalidInputError(
      `app_state.bank.balances: expected ${formatDecimal(owed)} uremes for the distribution account ${keeper.address}, got ${formatDecimal(held)}`,
      'give it exactly the community pool and all outstanding rewards',
    );
  }
}

const coinsJson = (amount: bigint): unknown => (amount === 0n ? [] : [{ denom: DENOM, amount: formatDecimal(amount) }]);

export function exportDistributionGenesis(keeper: DistributionKeeper, ctx: QueryContext): unknown {
  const { state } = keeper;
  const { staking } = keeper.deps;
  const operators = staking.validators(ctx).map(({ operatorAddress }) => operatorAddress).filter((operator) => state.current(ctx, operator) !== undefined);
  const starting = operators.flatMap((operator) =>
    staking.delegationsTo(ctx, operator).flatMap(({ delegatorAddress }) => {
      const info = state.starting(ctx, operator, delegatorAddress);
      return info === undefined ? [] : [{ operator, delegatorAddress, info }];
    }),
  );
  /** Those that something refers to; all others are gone. */
  const periods = (operator: string): bigint[] => {
    const all = new Set(starting.filter((s) => s.operator === operator).map((s) => s.info.previousPeriod));
    for (const { period } of state.slashes(ctx, operator)) all.add(period);
    const current = state.current(ctx, operator);
    if (current !== undefined) all.add(current.period - 1n);
    return [...all].sort((a, b) => (a < b ? -1 : 1));
  };
  const text = (value: bigint): string => formatDecimal(value);
  return {
    params: distributionParamsJson(state.params(ctx)),
    fee_pool: { community_pool: coinsJson(state.pool(ctx)) },
    delegator_withdraw_infos: state.withdrawers.values(ctx).map((delegator) => ({ delegator_address: delegator, withdraw_address: state.withdrawAddress(ctx, delegator) })),
    previous_proposer: '',
    outstanding_rewards: operators.map((operator) => ({ validator_address: operator, outstanding_rewards: coinsJson(state.outstanding(ctx, operator)) })),
    validator_accumulated_commissions: operators.map((operator) => ({ validator_address: operator, accumulated: { commission: coinsJson(state.commission(ctx, operator)) } })),
    validator_historical_rewards: operators.flatMap((operator) =>
      periods(operator).flatMap((period) => {
        const historical = state.historical(ctx, operator, period);
        if (historical === undefined) return [];
        return [{ validator_address: operator, period: period.toString(), rewards: { cumulative_reward_ratio: coinsJson(historical.ratio), reference_count: historical.references } }];
      }),
    ),
    validator_current_rewards: operators.flatMap((operator) => {
      const current = state.current(ctx, operator);
      return current === undefined ? [] : [{ validator_address: operator, rewards: { rewards: coinsJson(current.rewards), period: current.period.toString() } }];
    }),
    delegator_starting_infos: starting.map(({ operator, delegatorAddress, info }) => ({
      delegator_address: delegatorAddress,
      validator_address: operator,
      starting_info: { previous_period: info.previousPeriod.toString(), stake: text(info.stake), height: info.height.toString() },
    })),
    validator_slash_events: operators.flatMap((operator) =>
      state.slashes(ctx, operator).map(({ height, period, fraction }) => ({
        validator_address: operator,
        height: height.toString(),
        period: period.toString(),
        validator_slash_event: { validator_period: period.toString(), fraction: text(fraction) },
      })),
    ),
  };
}
