import { DENOM, DISPLAY_DECIMALS, DISPLAY_DENOM, coin, coins } from '../../../protocol/coins.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Coin } from '../../../protocol/gen/cosmos/base/v1beta1/coin.js';
import type { Metadata } from '../../../protocol/gen/cosmos/bank/v1beta1/bank.js';
import {
  QueryAllBalancesRequest,
  QueryAllBalancesResponse,
  QueryBalanceRequest,
  QueryBalanceResponse,
  QueryDenomMetadataRequest,
  QueryDenomMetadataResponse,
  QueryDenomOwnersRequest,
  QueryDenomOwnersResponse,
  QueryDenomsMetadataRequest,
  QueryDenomsMetadataResponse,
  QueryParamsRequest,
  QueryParamsResponse,
  QuerySpendableBalancesRequest,
  QuerySpendableBalancesResponse,
  QuerySupplyOfRequest,
  QuerySupplyOfResponse,
  QueryTotalSupplyRequest,
  QueryTotalSupplyResponse,
} from '../../../protocol/gen/cosmos/bank/v1beta1/query.js';
import { type QueryContext, type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { BankKeeper } from './keeper.js';

const METADATA: Metadata = {
  description: 'Pay for training, staked and escrowed by those who train and check',
  denomUnits: [
    { denom: DENOM, exponent: 0, aliases: [] },
    { denom: DISPLAY_DENOM, exponent: DISPLAY_DECIMALS, aliases: [] },
  ],
  base: DENOM,
  display: DISPLAY_DENOM,
  name: DISPLAY_DENOM,
  symbol: DISPLAY_DENOM,
  uri: '',
  uriHash: '',
};

/** One coin at most: there is never another page. */
const page = (list: readonly unknown[]) => ({ nextKey: new Uint8Array(), total: BigInt(list.length) });

export function bankQueries(keeper: BankKeeper): readonly QueryHandler[] {
  const balancesOf = (ctx: QueryContext, address: string): Coin[] => coins(keeper.balance(ctx, address));
  const requireDenom = (denom: string): void => {
    if (denom === '') throw new InvalidInputError(`expected a denom, e.g. ${DENOM}, got none`);
  };
  return [
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/Balance',
      request: QueryBalanceRequest,
      response: QueryBalanceResponse,
      handle: (ctx, { address, denom }) => {
        requireDenom(denom);
        const amount = keeper.balance(ctx, address);
        // Like the SDK, an unknown denom is a balance of nothing.
        return { balance: denom === DENOM ? coin(amount) : { denom, amount: '0' } };
      },
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/AllBalances',
      request: QueryAllBalancesRequest,
      response: QueryAllBalancesResponse,
      handle: (ctx, { address }) => {
        const balances = balancesOf(ctx, address);
        return { balances, pagination: page(balances) };
      },
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/SpendableBalances',
      request: QuerySpendableBalancesRequest,
      response: QuerySpendableBalancesResponse,
      handle: (ctx, { address }) => {
        const balances = balancesOf(ctx, address);
        return { balances, pagination: page(balances) };
      },
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/TotalSupply',
      request: QueryTotalSupplyRequest,
      response: QueryTotalSupplyResponse,
      handle: (ctx) => {
        const supply = coins(keeper.supply(ctx));
        return { supply, pagination: page(supply) };
      },
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/SupplyOf',
      request: QuerySupplyOfRequest,
      response: QuerySupplyOfResponse,
      handle: (ctx, { denom }) => {
        requireDenom(denom);
        return { amount: denom === DENOM ? coin(keeper.supply(ctx)) : { denom, amount: '0' } };
      },
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/Params',
      request: QueryParamsRequest,
      response: QueryParamsResponse,
      handle: () => ({ params: { sendEnabled: [], defaultSendEnabled: true } }),
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/DenomMetadata',
      request: QueryDenomMetadataRequest,
      response: QueryDenomMetadataResponse,
      handle: (_ctx, { denom }) => {
        requireDenom(denom);
        if (denom !== DENOM) throw notFound(`metadata of denom ${denom.slice(0, 80)}`);
        return { metadata: METADATA };
      },
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/DenomsMetadata',
      request: QueryDenomsMetadataRequest,
      response: QueryDenomsMetadataResponse,
      handle: () => ({ metadatas: [METADATA], pagination: page([METADATA]) }),
    }),
    defineQuery({
      path: '/cosmos.bank.v1beta1.Query/DenomOwners',
      request: QueryDenomOwnersRequest,
      response: QueryDenomOwnersResponse,
      handle: (ctx, { denom, pagination }) => {
        requireDenom(denom);
        const { items, pagination: next } = paginate(pagination, denom === DENOM ? keeper.accountCount(ctx) : 0n, (index) => {
          const address = keeper.accountAt(ctx, index);
          const amount = address === undefined ? 0n : keeper.balance(ctx, address);
          return address === undefined || amount === 0n ? undefined : { address, balance: coin(amount) };
        });
        // How many of the accounts hold something now is not counted: that would read all of them.
        return { denomOwners: items, pagination: { ...next, total: 0n } };
      },
    }),
  ];
}
