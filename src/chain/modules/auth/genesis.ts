import { z } from 'zod';

import type { AuthParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import type { Context } from '../../module.js';
import { addressSchema, parseGenesis, uintSchema } from '../genesis.js';
import type { AccountKeeper } from './keeper.js';

/** What an `app_state` without auth parameters gets; the Cosmos SDK's numbers where it has them. */
export const DEFAULT_AUTH_PARAMS: AuthParams = {
  maxMemoCharacters: 256n,
  txSizeCostPerByte: 10n,
  sigVerifyCostSecp256k1: 1000n,
  minGasPriceMicro: 2500n,
  maxTxBytes: 131_072n,
};

/** Limits keep gas far from 2⁶³ and a transaction within a block. */
const authGenesis = z.strictObject({
  params: z
    .strictObject({
      max_memo_characters: uintSchema('a number of characters', 65_536n).default(DEFAULT_AUTH_PARAMS.maxMemoCharacters),
      tx_size_cost_per_byte: uintSchema('gas', 1_000_000n).default(DEFAULT_AUTH_PARAMS.txSizeCostPerByte),
      sig_verify_cost_secp256k1: uintSchema('gas', 1_000_000_000n).default(DEFAULT_AUTH_PARAMS.sigVerifyCostSecp256k1),
      min_gas_price_micro: uintSchema('millionths of an uremes', 1_000_000_000_000n).default(DEFAULT_AUTH_PARAMS.minGasPriceMicro),
      max_tx_bytes: uintSchema('bytes', 16n * 1024n * 1024n)
        .refine((value) => value >= 1024n, 'expected at least 1024 bytes')
        .default(DEFAULT_AUTH_PARAMS.maxTxBytes),
    })
    .prefault({}),
  /** Accounts that exist from the start without coins; those with balances need no mention. */
  accounts: z.array(addressSchema).default([]),
});

export function initAuthGenesis(keeper: AccountKeeper, ctx: Context, state: unknown): void {
  const { params, accounts } = parseGenesis('auth', authGenesis, state);
  keeper.setParams(ctx, {
    maxMemoCharacters: params.max_memo_characters,
    txSizeCostPerByte: params.tx_size_cost_per_byte,
    sigVerifyCostSecp256k1: params.sig_verify_cost_secp256k1,
    minGasPriceMicro: params.min_gas_price_micro,
    maxTxBytes: params.max_tx_bytes,
  });
  for (const account of accounts) keeper.ensure(ctx, account);
}
