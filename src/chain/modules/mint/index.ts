import { utf8 } from '../../../protocol/bytes.js';
import { DENOM } from '../../../protocol/coins.js';
import { quoDecimal, toDecimal } from '../../../protocol/decimal.js';
import * as mint from '../../../protocol/gen/cosmos/mint/v1beta1/query.js';
import type { RewardParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { BASIS_POINTS, SECONDS_PER_YEAR } from '../../../protocol/params.js';
import { type Module, type QueryContext, defineQuery } from '../../module.js';
import { message } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { annualProvisions } from './provisions.js';

/** What mint answers from: reward mints, within the mining allocation. */
export interface Rewards {
  params(ctx: QueryContext): RewardParams;
  minted(ctx: QueryContext): bigint;
}

export interface Bank {
  supply(ctx: QueryContext): bigint;
}

const MILLISECONDS = 1000n;
const schema = message({});

/** Answers the SDK's questions about new coins; it mints nothing and keeps nothing. */
export function mintModule(rewards: Rewards, bank: Bank): Module {
  const provisions = (ctx: QueryContext): bigint =>
    annualProvisions(rewards.params(ctx), ctx.block.timeSeconds - ctx.block.genesisTimeSeconds, rewards.minted(ctx), bank.supply(ctx));
  const inflation = (ctx: QueryContext): bigint => {
    const supply = bank.supply(ctx);
    return supply === 0n ? 0n : quoDecimal(provisions(ctx), supply);
  };
  return {
    name: 'mint',
    messages: [],
    queries: [
      defineQuery({
        path: '/cosmos.mint.v1beta1.Query/Params',
        request: mint.QueryParamsRequest,
        response: mint.QueryParamsResponse,
        handle: (ctx) => {
          const params = rewards.params(ctx);
          const { nominalBlockMs } = params;
          return {
            params: {
              mintDenom: DENOM,
              // No rate moves towards a goal of bonded coins: the year's emission is fixed, and less every year.
              inflationRateChange: quoDecimal(BigInt(params.yearlyDecayBps), BASIS_POINTS).toString(),
              inflationMax: inflation(ctx).toString(),
              inflationMin: '0',
              goalBonded: '0',
              blocksPerYear: nominalBlockMs === 0n ? 0n : (SECONDS_PER_YEAR * MILLISECONDS) / nominalBlockMs,
            },
          };
        },
      }),
      defineQuery({
        path: '/cosmos.mint.v1beta1.Query/Inflation',
        request: mint.QueryInflationRequest,
        response: mint.QueryInflationResponse,
        handle: (ctx) => ({ inflation: decimalBytes(inflation(ctx)) }),
      }),
      defineQuery({
        path: '/cosmos.mint.v1beta1.Query/AnnualProvisions',
        request: mint.QueryAnnualProvisionsRequest,
        response: mint.QueryAnnualProvisionsResponse,
        handle: (ctx) => ({ annualProvisions: decimalBytes(toDecimal(provisions(ctx))) }),
      }),
    ],
    initGenesis: (_ctx, state) => void parseGenesis('mint', schema, state),
    exportGenesis: () => ({}),
  };
}

/** The SDK's Dec in a bytes field is the text of the whole number of 18 decimals. */
const decimalBytes = (value: bigint): Uint8Array => utf8(value.toString());
