import type { Module } from '../../module.js';
import { initAuthGenesis } from './genesis.js';
import type { AccountKeeper } from './keeper.js';
import { AUTH_STORE } from './keys.js';
import { authQueries } from './queries.js';

export { authParamsSchema } from './genesis.js';
export { type Account, AccountKeeper } from './keeper.js';
export { TX_SIG_LIMIT } from './queries.js';

/** @param moduleNames of the accounts that belong to modules. */
export function createAuthModule(keeper: AccountKeeper, moduleNames: readonly string[]): Module {
  return {
    name: AUTH_STORE,
    messages: [],
    queries: authQueries(keeper, moduleNames),
    initGenesis: (ctx, state) => initAuthGenesis(keeper, ctx, state),
  };
}
