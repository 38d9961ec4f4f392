import type { Module } from '../../module.js';
import { initAuthGenesis } from './genesis.js';
import type { AccountKeeper } from './keeper.js';
import { AUTH_STORE } from './keys.js';
import { authQueries } from './queries.js';

export { type Account, AccountKeeper } from './keeper.js';
export { SECP256K1_TYPE_URL, TX_SIG_LIMIT } from './queries.js';

export function createAuthModule(keeper: AccountKeeper): Module {
  return {
    name: AUTH_STORE,
    messages: [],
    queries: authQueries(keeper),
    initGenesis: (ctx, state) => initAuthGenesis(keeper, ctx, state),
  };
}
