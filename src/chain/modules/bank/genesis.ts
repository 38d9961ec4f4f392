import { z } from 'zod';

import { MAX_AMOUNT } from '../../../protocol/coins.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Context } from '../../module.js';
import { addressField } from '../genesis-fields.js';
import { coinsField, parseGenesis } from '../genesis.js';
import { BANK_STORE, type BankKeeper } from './keeper.js';

const bankGenesis = z.strictObject({
  balances: z.array(z.strictObject({ address: addressField, coins: coinsField })).optional(),
  /** If given, the sum of the balances; it is a check for who writes a genesis by hand. */
  supply: coinsField.optional(),
});

/** @throws InvalidInputError for a wrong field, an address named twice or a supply that is not the sum. */
export function initBankGenesis(keeper: BankKeeper, ctx: Context, state: unknown): void {
  const { balances, supply } = parseGenesis(BANK_STORE, bankGenesis, state);
  const seen = new Set<string>();
  let sum = 0n;
  for (const [index, { address, coins }] of (balances ?? []).entries()) {
    const path = `app_state.bank.balances[${index}]`;
    if (seen.has(address)) throw new InvalidInputError(`${path}.address: ${address} is named twice`);
    seen.add(address);
    sum += coins;
    if (sum > MAX_AMOUNT) throw new InvalidInputError(`${path}.coins: the sum of balances ${sum} is above ${MAX_AMOUNT}`);
    if (coins > 0n) keeper.mint(ctx, address, coins);
  }
  if (supply !== undefined && supply !== sum) {
    throw new InvalidInputError(`app_state.bank.supply: expected the sum of balances ${sum}, got ${supply}`);
  }
}
