import type { Module, QueryContext } from '../../module.js';
import { type ContentHandler, Contents } from './contents.js';
import { exportGovGenesis, initGovGenesis } from './genesis.js';
import { parseFields } from '../genesis.js';
import type { ParamSpace } from '../param-spaces.js';
import type { GovKeeper } from './keeper.js';
import { legacyGovMessages } from './legacy-messages.js';
import { legacyGovQueries } from './legacy-queries.js';
import { govMessages } from './messages.js';
import { govParamsSchema, paramsJson } from './params.js';
import { govQueries } from './queries.js';
import { GOV_STORE } from './state.js';

export { type ContentHandler, defineContent } from './contents.js';
export { type Executor, GovKeeper } from './keeper.js';
export { govParamsSchema, paramsJson as govParamsJson } from './params.js';

/** Governance's own parameters, one by one. */
export function govParamSpace({ state }: GovKeeper): ParamSpace {
  return {
    subspace: GOV_STORE,
    read: (ctx) => paramsJson(state.paramsMessage(ctx)),
    write: (ctx, params) => state.setParams(ctx, parseFields('params', govParamsSchema, params)),
  };
}

/** @param contents kinds of v1beta1 proposals besides the text. */
export function govModule(keeper: GovKeeper, bank: { balance(ctx: QueryContext, address: string): bigint }, contents: readonly ContentHandler[]): Module {
  const known = new Contents(contents);
  return {
    name: GOV_STORE,
    messages: [...govMessages(keeper, known), ...legacyGovMessages(keeper, known)],
    queries: [...govQueries(keeper), ...legacyGovQueries(keeper)],
    initGenesis: (ctx, state) => initGovGenesis(keeper, bank, ctx, state),
    exportGenesis: (ctx) => exportGovGenesis(keeper, ctx),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
