import type { Module } from '../../module.js';
import { initNodeGenesis } from './genesis.js';
import type { Bank, NodeKeeper } from './keeper.js';
import { nodeMessages } from './messages.js';
import { nodeQueries } from './queries.js';

export { NodeKeeper } from './keeper.js';

export function nodeModule(keeper: NodeKeeper, bank: Bank): Module {
  return {
    name: 'node',
    messages: nodeMessages(keeper),
    queries: nodeQueries(keeper),
    initGenesis: (ctx, state) => initNodeGenesis(ctx, keeper, bank, state),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
