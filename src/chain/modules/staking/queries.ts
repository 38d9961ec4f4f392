import { parseAddress } from '../../../protocol/address.js';
import { coin } from '../../../protocol/coins.js';
import { decimalFromWire } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import * as q from '../../../protocol/gen/cosmos/staking/v1beta1/query.js';
import {
  BondStatus,
  type Delegation,
  type DelegationResponse,
  type Redelegation,
  type RedelegationResponse,
} from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { checkOperatorAddress } from '../../../protocol/validator-address.js';
import { type QueryContext, type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { History } from './history.js';
import type { StakingKeeper } from './keeper.js';
import { BONDED_POOL_ADDRESS, NOT_BONDED_POOL_ADDRESS } from './pools.js';
import { tokensFromShares } from './shares.js';

const STATUS: Readonly<Record<string, BondStatus>> = {
  BOND_STATUS_UNBONDED: BondStatus.UNBONDED,
  BOND_STATUS_UNBONDING: BondStatus.UNBONDING,
  BOND_STATUS_BONDED: BondStatus.BONDED,
};
const path = (method: string): string => `/cosmos.staking.v1beta1.Query/${method}`;

function requirePair(delegator: string, operator: string): void {
  parseAddress(delegator);
  checkOperatorAddress(operator);
}

export function stakingQueries(keeper: StakingKeeper, history: History): readonly QueryHandler[] {
  return [...validatorQueries(keeper), ...delegationQueries(keeper), ...leavingQueries(keeper), ...chainQueries(keeper, history)];
}

function delegationResponse(keeper: StakingKeeper, ctx: QueryContext, delegation: Delegation): DelegationResponse {
  const validator = keeper.mustGet(ctx, delegation.validatorAddress);
  return { delegation, balance: coin(tokensFromShares(validator, decimalFromWire(delegation.shares))) };
}

function validatorQueries(keeper: StakingKeeper): QueryHandler[] {
  const { state } = keeper;
  const mustFind = (ctx: QueryContext, operator: string) => {
    checkOperatorAddress(operator);
    const validator = keeper.validator(ctx, operator);
    if (validator === undefined) throw notFound(`validator ${operator}`);
    return validator;
  };
  return [
    defineQuery({
      path: path('Validators'),
      request: q.QueryValidatorsRequest,
      response: q.QueryValidatorsResponse,
      handle: (ctx, { status, pagination }) => {
        if (status !== '' && STATUS[status] === undefined) throw new InvalidInputError(`invalid validator status ${status.slice(0, 80)}`);
        // Pages are of those that match, so a status is looked at in every validator.
        const all = keeper.validators(ctx).filter((validator) => status === '' || validator.status === STATUS[status]);
        const page = paginate(pagination, BigInt(all.length), (i) => all[Number(i)]);
        return { validators: page.items, pagination: page.pagination };
      },
    }),
    defineQuery({
      path: path('Validator'),
      request: q.QueryValidatorRequest,
      response: q.QueryValidatorResponse,
      handle: (ctx, { validatorAddr }) => ({ validator: mustFind(ctx, validatorAddr) }),
    }),
    defineQuery({
      path: path('ValidatorDelegations'),
      request: q.QueryValidatorDelegationsRequest,
      response: q.QueryValidatorDelegationsResponse,
      handle: (ctx, { validatorAddr, pagination }) => {
        mustFind(ctx, validatorAddr);
        const page = paginate(pagination, state.delegationCountTo(ctx, validatorAddr), (i) => state.delegationToAt(ctx, validatorAddr, i));
        return { delegationResponses: page.items.map((one) => delegationResponse(keeper, ctx, one)), pagination: page.pagination };
      },
    }),
    defineQuery({
      path: path('ValidatorUnbondingDelegations'),
      request: q.QueryValidatorUnbondingDelegationsRequest,
      response: q.QueryValidatorUnbondingDelegationsResponse,
      handle: (ctx, { validatorAddr, pagination }) => {
        checkOperatorAddress(validatorAddr);
        const page = paginate(pagination, state.unbondingCountFrom(ctx, validatorAddr), (i) => state.unbondingFromAt(ctx, validatorAddr, i));
        return { unbondingResponses: page.items, pagination: page.pagination };
      },
    }),
  ];
}

function delegationQueries(keeper: StakingKeeper): QueryHandler[] {
  const { state } = keeper;
  return [
    defineQuery({
      path: path('Delegation'),
      request: q.QueryDelegationRequest,
      response: q.QueryDelegationResponse,
      handle: (ctx, { delegatorAddr, validatorAddr }) => {
        requirePair(delegatorAddr, validatorAddr);
        const delegation = keeper.delegation(ctx, delegatorAddr, validatorAddr);
        if (delegation === undefined) throw notFound(`delegation with delegator ${delegatorAddr} for validator ${validatorAddr}`);
        return { delegationResponse: delegationResponse(keeper, ctx, delegation) };
      },
    }),
    defineQuery({
      path: path('DelegatorDelegations'),
      request: q.QueryDelegatorDelegationsRequest,
      response: q.QueryDelegatorDelegationsResponse,
      handle: (ctx, { delegatorAddr, pagination }) => {
        parseAddress(delegatorAddr);
        const page = paginate(pagination, state.delegationCountOf(ctx, delegatorAddr), (i) => state.delegationOfAt(ctx, delegatorAddr, i));
        return { delegationResponses: page.items.map((one) => delegationResponse(keeper, ctx, one)), pagination: page.pagination };
      },
    }),
    defineQuery({
      path: path('DelegatorValidators'),
      request: q.QueryDelegatorValidatorsRequest,
      response: q.QueryDelegatorValidatorsResponse,
      handle: (ctx, { delegatorAddr, pagination }) => {
        parseAddress(delegatorAddr);
        const page = paginate(pagination, state.delegationCountOf(ctx, delegatorAddr), (i) => state.delegationOfAt(ctx, delegatorAddr, i));
        return { validators: page.items.map((one) => keeper.mustGet(ctx, one.validatorAddress)), pagination: page.pagination };
      },
    }),
    defineQuery({
      path: path('DelegatorValidator'),
      request: q.QueryDelegatorValidatorRequest,
      response: q.QueryDelegatorValidatorResponse,
      handle: (ctx, { delegatorAddr, validatorAddr }) => {
        requirePair(delegatorAddr, validatorAddr);
        if (keeper.delegation(ctx, delegatorAddr, validatorAddr) === undefined) {
          throw notFound(`delegation with delegator ${delegatorAddr} for validator ${validatorAddr}`);
        }
        return { validator: keeper.mustGet(ctx, validatorAddr) };
      },
    }),
  ];
}

function leavingQueries(keeper: StakingKeeper): QueryHandler[] {
  const { state } = keeper;
  const redelegationResponse = (ctx: QueryContext, redelegation: Redelegation): RedelegationResponse => {
    const target = keeper.validator(ctx, redelegation.validatorDstAddress);
    const entries = redelegation.entries.map((redelegationEntry) => ({
      redelegationEntry,
      balance: (target === undefined ? 0n : tokensFromShares(target, decimalFromWire(redelegationEntry.sharesDst))).toString(),
    }));
    return { redelegation: { ...redelegation, entries: [] }, entries };
  };
  return [
    defineQuery({
      path: path('UnbondingDelegation'),
      request: q.QueryUnbondingDelegationRequest,
      response: q.QueryUnbondingDelegationResponse,
      handle: (ctx, { delegatorAddr, validatorAddr }) => {
        requirePair(delegatorAddr, validatorAddr);
        const unbond = state.unbonding(ctx, delegatorAddr, validatorAddr);
        if (unbond === undefined) throw notFound(`unbonding delegation with delegator ${delegatorAddr} for validator ${validatorAddr}`);
        return { unbond };
      },
    }),
    defineQuery({
      path: path('DelegatorUnbondingDelegations'),
      request: q.QueryDelegatorUnbondingDelegationsRequest,
      response: q.QueryDelegatorUnbondingDelegationsResponse,
      handle: (ctx, { delegatorAddr, pagination }) => {
        parseAddress(delegatorAddr);
        const page = paginate(pagination, state.unbondingCountOf(ctx, delegatorAddr), (i) => state.unbondingOfAt(ctx, delegatorAddr, i));
        return { unbondingResponses: page.items, pagination: page.pagination };
      },
    }),
    defineQuery({
      path: path('Redelegations'),
      request: q.QueryRedelegationsRequest,
      response: q.QueryRedelegationsResponse,
      handle: (ctx, { delegatorAddr: delegator, srcValidatorAddr: source, dstValidatorAddr: target, pagination }) => {
        let total: bigint;
        let at: (index: bigint) => Redelegation | undefined;
        if (delegator !== '' && source !== '' && target !== '') {
          const one = state.redelegation(ctx, delegator, source, target);
          if (one === undefined) throw notFound(`redelegation of ${delegator} from validator ${source} to validator ${target}`);
          [total, at] = [1n, () => one];
        } else if (delegator === '' && source !== '') {
          checkOperatorAddress(source);
          [total, at] = [state.redelegationCountFrom(ctx, source), (i) => state.redelegationFromAt(ctx, source, i)];
        } else {
          parseAddress(delegator);
          [total, at] = [state.redelegationCountOf(ctx, delegator), (i) => state.redelegationOfAt(ctx, delegator, i)];
        }
        const page = paginate(pagination, total, at);
        return { redelegationResponses: page.items.map((one) => redelegationResponse(ctx, one)), pagination: page.pagination };
      },
    }),
  ];
}

function chainQueries(keeper: StakingKeeper, history: History): QueryHandler[] {
  return [
    defineQuery({
      path: path('HistoricalInfo'),
      request: q.QueryHistoricalInfoRequest,
      response: q.QueryHistoricalInfoResponse,
      handle: (ctx, { height }) => {
        if (height < 0n) throw new InvalidInputError(`expected a height of at least 0, got ${height}`);
        const hist = history.at(ctx, height);
        if (hist === undefined) throw notFound(`historical info for height ${height}`);
        return { hist };
      },
    }),
    defineQuery({
      path: path('Pool'),
      request: q.QueryPoolRequest,
      response: q.QueryPoolResponse,
      handle: (ctx) => ({
        pool: {
          notBondedTokens: keeper.bank.balance(ctx, NOT_BONDED_POOL_ADDRESS).toString(),
          bondedTokens: keeper.bank.balance(ctx, BONDED_POOL_ADDRESS).toString(),
        },
      }),
    }),
    defineQuery({
      path: path('Params'),
      request: q.QueryParamsRequest,
      response: q.QueryParamsResponse,
      handle: (ctx) => ({ params: keeper.params(ctx) }),
    }),
  ];
}
