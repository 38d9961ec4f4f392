import { moduleAddress } from '../../protocol/address.js';
import type { Module } from '../module.js';
import { AccountKeeper, createAuthModule } from '../modules/auth/index.js';
import { BankKeeper, createBankModule } from '../modules/bank/index.js';
import { FEE_COLLECTOR } from './ante.js';

/** What every application has: accounts and money. */
export interface Base {
  readonly accounts: AccountKeeper;
  readonly bank: BankKeeper;
  /** Accounts of modules, which receive by their modules' messages only: an escrow must sum up. */
  readonly closed: ReadonlySet<string>;
  /** auth, then bank: the first in the order of genesis and hooks. */
  readonly modules: readonly Module[];
}

/**
 * @param moduleAccounts names of the accounts that belong to modules, e.g. an escrow; nobody can send to them by
 * MsgSend. The fee collector is always one.
 */
export function createBase(moduleAccounts: readonly string[]): Base {
  const accounts = new AccountKeeper();
  const bank = new BankKeeper(accounts);
  const names = [FEE_COLLECTOR, ...moduleAccounts];
  const closed = new Set(names.map(moduleAddress));
  return { accounts, bank, closed, modules: [createAuthModule(accounts, names), createBankModule(bank, closed)] };
}
