import type { Module } from '../../module.js';
import { exportSlashing, initSlashingGenesis } from './genesis.js';
import type { SlashingKeeper } from './keeper.js';
import { slashingMessages } from './messages.js';
import { slashingQueries } from './queries.js';
import { SLASHING_STORE } from './state.js';

export { SlashingKeeper } from './keeper.js';

export function slashingModule(keeper: SlashingKeeper): Module {
  return {
    name: SLASHING_STORE,
    messages: slashingMessages(keeper),
    queries: slashingQueries(keeper),
    initGenesis: (ctx, state) => initSlashingGenesis(keeper, ctx, state),
    exportGenesis: (ctx) => exportSlashing(keeper, ctx),
    beginBlock: (ctx) => keeper.beginBlock(ctx),
  };
}
