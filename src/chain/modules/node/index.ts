import type { Module } from '../../module.js';
import { initNodeGenesis } from './genesis.js';
import type { Bank, NodeKeeper } from './keeper.js';
import { nodeMessages } from './messages.js';
import { nodeQueries } from './queries.js';

export { nodeParamsSchema } from './genesis.js';
export { NodeKeeper } from './keeper.js';

/** @param closed addresses that nothing may be paid out to: the accounts of modules. */
export function nodeModule(keeper: NodeKeeper, bank: Bank, closed: ReadonlySet<string>): Module {
  return {
    name: 'node',
    messages: nodeMessages(keeper, closed),
    queries: nodeQueries(keeper),
    initGenesis: (ctx, state) => initNodeGenesis(ctx, keeper, bank, closed, state),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
