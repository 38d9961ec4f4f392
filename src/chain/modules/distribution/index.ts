import type { Module } from '../../module.js';
import { exportDistributionGenesis, initDistributionGenesis } from './genesis.js';
import type { DistributionKeeper } from './keeper.js';
import { distributionMessages } from './messages.js';
import { distributionQueries } from './queries.js';
import { DISTRIBUTION_STORE } from './state.js';

export { DISTRIBUTION_ACCOUNT, DistributionKeeper } from './keeper.js';
export { communityPoolSpend } from './messages.js';
export { checkDistributionParams } from './params.js';

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
