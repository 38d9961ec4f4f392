import { parseAddress } from '../../../protocol/address.js';
import * as q from '../../../protocol/gen/cosmos/distribution/v1beta1/query.js';
import { checkOperatorAddress } from '../../../protocol/validator-address.js';
import { type QueryContext, type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { DistributionKeeper } from './keeper.js';
import { decCoins } from './state.js';

const PATH = '/cosmos.distribution.v1beta1.Query';

export function distributionQueries(keeper: DistributionKeeper): readonly QueryHandler[] {
  const { state } = keeper;
  const { staking } = keeper.deps;
  const operatorsOf = (ctx: QueryContext, delegator: string): string[] => {
    parseAddress(delegator);
    return staking.delegationsOf(ctx, delegator).map(({ validatorAddress }) => validatorAddress);
  };
  return [
    defineQuery({ path: `${PATH}/Params`, request: q.QueryParamsRequest, response: q.QueryParamsResponse, handle: (ctx) => ({ params: state.params(ctx) }) }),
    defineQuery({
      path: `${PATH}/ValidatorOutstandingRewards`,
      request: q.QueryValidatorOutstandingRewardsRequest,
      response: q.QueryValidatorOutstandingRewardsResponse,
      handle: (ctx, { validatorAddress }) => {
        checkOperatorAddress(validatorAddress);
        return { rewards: { rewards: decCoins(state.outstanding(ctx, validatorAddress)) } };
      },
    }),
    defineQuery({
      path: `${PATH}/ValidatorCommission`,
      request: q.QueryValidatorCommissionRequest,
      response: q.QueryValidatorCommissionResponse,
      handle: (ctx, { validatorAddress }) => {
        checkOperatorAddress(validatorAddress);
        return { commission: { commission: decCoins(state.commission(ctx, validatorAddress)) } };
      },
    }),
    defineQuery({
      path: `${PATH}/ValidatorSlashes`,
      request: q.QueryValidatorSlashesRequest,
      response: q.QueryValidatorSlashesResponse,
      handle: (ctx, { validatorAddress, startingHeight, endingHeight, pagination }) => {
        checkOperatorAddress(validatorAddress);
        const found = state
          .slashes(ctx, validatorAddress)
          .filter(({ height }) => height >= startingHeight && (endingHeight === 0n || height <= endingHeight));
        const { items, pagination: next } = paginate(pagination, BigInt(found.length), (index) => found[Number(index)]);
        return { slashes: items.map(({ period, fraction }) => ({ validatorPeriod: period, fraction: fraction.toString() })), pagination: next };
      },
    }),
    defineQuery({
      path: `${PATH}/DelegationRewards`,
      request: q.QueryDelegationRewardsRequest,
      response: q.QueryDelegationRewardsResponse,
      handle: (ctx, { delegatorAddress, validatorAddress }) => {
        parseAddress(delegatorAddress);
        checkOperatorAddress(validatorAddress);
        const rewards = keeper.pendingRewards(ctx, delegatorAddress, validatorAddress);
        if (rewards === undefined) throw notFound(`delegation of ${delegatorAddress} to ${validatorAddress}`);
        return { rewards: decCoins(rewards) };
      },
    }),
    defineQuery({
      path: `${PATH}/DelegationTotalRewards`,
      request: q.QueryDelegationTotalRewardsRequest,
      response: q.QueryDelegationTotalRewardsResponse,
      handle: (ctx, { delegatorAddress }) => {
        const rewards = operatorsOf(ctx, delegatorAddress).map((operator) => ({ operator, amount: keeper.pendingRewards(ctx, delegatorAddress, operator) ?? 0n }));
        return {
          rewards: rewards.map(({ operator, amount }) => ({ validatorAddress: operator, reward: decCoins(amount) })),
          total: decCoins(rewards.reduce((sum, { amount }) => sum + amount, 0n)),
        };
      },
    }),
    defineQuery({
      path: `${PATH}/DelegatorValidators`,
      request: q.QueryDelegatorValidatorsRequest,
      response: q.QueryDelegatorValidatorsResponse,
      handle: (ctx, { delegatorAddress }) => ({ validators: operatorsOf(ctx, delegatorAddress) }),
    }),
    defineQuery({
      path: `${PATH}/DelegatorWithdrawAddress`,
      request: q.QueryDelegatorWithdrawAddressRequest,
      response: q.QueryDelegatorWithdrawAddressResponse,
      handle: (ctx, { delegatorAddress }) => {
        parseAddress(delegatorAddress);
        return { withdrawAddress: state.withdrawAddress(ctx, delegatorAddress) };
      },
    }),
    defineQuery({
      path: `${PATH}/CommunityPool`,
      request: q.QueryCommunityPoolRequest,
      response: q.QueryCommunityPoolResponse,
      handle: (ctx) => ({ pool: decCoins(state.pool(ctx)) }),
    }),
  ];
}
