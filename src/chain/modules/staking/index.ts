import type { Module } from '../../module.js';
import { exportStaking, initStakingGenesis } from './genesis.js';
import { History } from './history.js';
import type { StakingKeeper } from './keeper.js';
import { stakingMessages } from './messages.js';
import { stakingQueries } from './queries.js';
import { STAKING_STORE } from './state.js';
import { validatorUpdates } from './validator-set.js';

export { BONDED_POOL, NOT_BONDED_POOL, type StakingHooks, type StakingJailer, type StakingReader } from './hooks.js';
export { brokenStakingInvariants } from './invariants.js';
export { StakingKeeper } from './keeper.js';

export function stakingModule(keeper: StakingKeeper): Module {
  const history = new History();
  return {
    name: STAKING_STORE,
    messages: stakingMessages(keeper),
    queries: stakingQueries(keeper, history),
    initGenesis: (ctx, state) => initStakingGenesis(keeper, ctx, state),
    exportGenesis: (ctx) => exportStaking(keeper, ctx),
    beginBlock: (ctx) => history.beginBlock(keeper, ctx),
    validatorUpdates: (ctx) => validatorUpdates(keeper, history, ctx),
  };
}
