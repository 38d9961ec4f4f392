import type { Module } from '../../module.js';
import { parseFields } from '../genesis.js';
import type { ParamSpace } from '../param-spaces.js';
import { exportDistributionGenesis, initDistributionGenesis } from './genesis.js';
import type { DistributionKeeper } from './keeper.js';
import { distributionMessages } from './messages.js';
import { distributionQueries } from './queries.js';
import { checkDistributionParams, distributionParamsJson, distributionParamsOf, distributionParamsSchema } from './params.js';
import { DISTRIBUTION_STORE } from './state.js';

export { DISTRIBUTION_ACCOUNT, DistributionKeeper } from './keeper.js';
export { communityPoolSpend } from './messages.js';
export { distributionParamsJson } from './params.js';

/** Its parameters, one by one. */
export function distributionParamSpace({ state }: DistributionKeeper): ParamSpace {
  return {
    subspace: DISTRIBUTION_STORE,
    read: (ctx) => distributionParamsJson(state.params(ctx)),
    write: (ctx, params) => state.setParams(ctx, checkDistributionParams(distributionParamsOf(parseFields('params', distributionParamsSchema, params)))),
  };
}

export function distributionModule(keeper: DistributionKeeper): Module {
  return {
    name: DISTRIBUTION_STORE,
    messages: distributionMessages(keeper),
    queries: distributionQueries(keeper),
    initGenesis: (ctx, state) => initDistributionGenesis(keeper, ctx, state),
    exportGenesis: (ctx) => exportDistributionGenesis(keeper, ctx),
    beginBlock: (ctx) => keeper.beginBlock(ctx),
  };
}
