import { z } from 'zod';

import { InvalidInputError } from '../../../protocol/errors.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { Context } from '../../module.js';
import { addressField, amountField, bpsField, message, positiveUint32Field, positiveUint64Field, uint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { newRegistration, type Bank, type NodeKeeper } from './keeper.js';

const PARTS = { PART_MINER: Part.MINER, PART_PROPOSER: Part.PROPOSER, PART_VERIFIER: Part.VERIFIER } as const;

/** Genesis and governance go by the same rules. */
export const nodeParamsSchema = message({
  min_stake_miner: amountField,
  min_stake_proposer: amountField,
  min_stake_verifier: amountField,
  epoch_blocks: positiveUint64Field,
  unbonding_blocks: uint64Field,
  unbonding_seconds: uint64Field,
  max_missed_in_a_row: positiveUint32Field,
  bounty_bps: bpsField.max(5000, 'at most half of a slash may be a bounty (5000)'),
});

const schema = message({
  params: nodeParamsSchema,
  registrations: z
    .array(
      message({
        address: addressField,
        part: z.enum(['PART_MINER', 'PART_PROPOSER', 'PART_VERIFIER']),
        stake: amountField,
        payout_address: addressField.optional(),
      }),
    )
    .max(100_000),
});

/** Genesis registrations count at once; their stakes must lie in the escrow account already. */
export function initNodeGenesis(ctx: Context, keeper: NodeKeeper, bank: Bank, closed: ReadonlySet<string>, state: unknown): void {
  const genesis = parseGenesis('node', schema, state);
  keeper.setParams(ctx, genesis.params);
  let escrow = 0n;
  for (const [i, r] of genesis.registrations.entries()) {
    const part = PARTS[r.part];
    const at = `genesis: app_state.node.registrations.${i}`;
    if (keeper.registration(ctx, part, r.address) !== undefined) throw new InvalidInputError(`${at}: ${r.address} stands twice for ${r.part}`);
    const stake = BigInt(r.stake);
    const min = keeper.minStake(ctx, part);
    if (stake < min) throw new InvalidInputError(`${at}.stake: expected at least ${min} uremes, got ${stake}`);
    for (const [field, address] of [['address', r.address], ['payout_address', r.payoutAddress ?? '']] as const) {
      if (closed.has(address)) throw new InvalidInputError(`${at}.${field}: expected an account with a key, got ${address}, which belongs to a module`);
    }
    escrow += stake;
    keeper.addGenesis(ctx, newRegistration(part, r.address, stake, r.payoutAddress ?? '', 0n, 0n));
  }
  const held = bank.balance(ctx, keeper.escrowAddress);
  if (held !== escrow) {
    throw new InvalidInputError(
      `genesis: app_state.bank.balances: expected ${escrow} uremes for the stake escrow ${keeper.escrowAddress}, got ${held}`,
      'give the escrow account exactly the sum of all genesis stakes',
    );
  }
}
