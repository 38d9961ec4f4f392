/** What must hold after every block. Reads all of staking: for tests and for the check of a genesis. */
import { decimalFromWire } from '../../../protocol/decimal.js';
import type { QueryContext } from '../../module.js';
import type { StakingKeeper } from './keeper.js';
import { BONDED_POOL_ADDRESS, NOT_BONDED_POOL_ADDRESS } from './pools.js';
import { isBonded, sharesOf, tokensOf } from './shares.js';

/** @returns a sentence for each invariant that is broken. */
export function brokenStakingInvariants(keeper: StakingKeeper, ctx: QueryContext): string[] {
  const broken: string[] = [];
  const expect = (what: string, expected: bigint, got: bigint): void => {
    if (expected !== got) broken.push(`${what}: expected ${expected}, got ${got}`);
  };
  let bonded = 0n;
  let notBonded = 0n;
  for (const validator of keeper.validators(ctx)) {
    const { operatorAddress: operator } = validator;
    const delegations = keeper.delegationsTo(ctx, operator);
    const shares = delegations.reduce((sum, delegation) => sum + decimalFromWire(delegation.shares), 0n);
    expect(`shares of validator ${operator}`, shares, sharesOf(validator));
    if (sharesOf(validator) === 0n) expect(`tokens of validator ${operator} without shares`, 0n, tokensOf(validator));
    if (delegations.some((delegation) => decimalFromWire(delegation.shares) === 0n)) broken.push(`validator ${operator} has an empty delegation`);
    if (isBonded(validator)) bonded += tokensOf(validator);
    else notBonded += tokensOf(validator);
  }
  for (const { entries } of keeper.state.unbondings(ctx)) for (const entry of entries) notBonded += BigInt(entry.balance);
  expect('coins of the bonded pool', bonded, keeper.bank.balance(ctx, BONDED_POOL_ADDRESS));
  expect('coins of the not bonded pool', notBonded, keeper.bank.balance(ctx, NOT_BONDED_POOL_ADDRESS));
  return broken;
}
