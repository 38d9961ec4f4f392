import { z } from 'zod';

import { profile } from '../../../protocol/params.js';
import type { Context } from '../../module.js';
import { addressField, message, uint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { AccountKeeper } from './keeper.js';

/** Keeps gas far from 2⁶³ and a transaction within a block. */
const atMost = (max: bigint) => uint64Field.refine((value) => value <= max, `expected at most ${max}`);

const MIN_TX_BYTES = 1024n;

/** Genesis and governance go by the same rules. */
export const authParamsSchema = message({
  max_memo_characters: atMost(65_536n),
  tx_size_cost_per_byte: atMost(1_000_000n),
  sig_verify_cost_secp256k1: atMost(1_000_000_000n),
  min_gas_price_micro: atMost(1_000_000_000_000n),
  max_tx_bytes: atMost(16_777_216n).refine((value) => value >= MIN_TX_BYTES, `expected at least ${MIN_TX_BYTES}`),
  fee_burn_bps: atMost(10_000n),
});

const authGenesis = message({
  params: authParamsSchema.optional(),
  /** Accounts that exist from the start without coins; those with balances need no mention. */
  accounts: z.array(addressField).optional(),
});

/** Parameters that genesis does not give are the network's. @throws InvalidInputError naming the wrong field. */
export function initAuthGenesis(keeper: AccountKeeper, ctx: Context, state: unknown): void {
  const { params, accounts } = parseGenesis('auth', authGenesis, state);
  keeper.setParams(ctx, params ?? profile('network').auth);
  for (const account of accounts ?? []) keeper.ensure(ctx, account);
}
