import type { Module } from '../../module.js';
import { initBankGenesis } from './genesis.js';
import { BANK_STORE, type BankKeeper } from './keeper.js';
import { bankMessages } from './messages.js';
import { bankQueries } from './queries.js';

export { type Accounts, BankKeeper } from './keeper.js';

/** @param closed addresses that MsgSend may not send to: the accounts of modules. */
export function createBankModule(keeper: BankKeeper, closed: ReadonlySet<string>): Module {
  return {
    name: BANK_STORE,
    messages: bankMessages(keeper, closed),
    queries: bankQueries(keeper),
    initGenesis: (ctx, state) => initBankGenesis(keeper, ctx, state),
  };
}
