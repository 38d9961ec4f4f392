import { moduleAddress } from '../../../protocol/address.js';
import type { Validator } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { Context, QueryContext } from '../../module.js';
import { BONDED_POOL, NOT_BONDED_POOL } from './hooks.js';
import { isBonded } from './shares.js';

/** What staking needs of bank. */
export interface Bank {
  balance(ctx: QueryContext, address: string): bigint;
  supply(ctx: QueryContext): bigint;
  send(ctx: Context, from: string, to: string, amount: bigint): void;
  burn(ctx: Context, from: string, amount: bigint): void;
}

export const BONDED_POOL_ADDRESS = moduleAddress(BONDED_POOL);
export const NOT_BONDED_POOL_ADDRESS = moduleAddress(NOT_BONDED_POOL);

/** Where tokens of a validator lie. */
export const poolOf = (validator: Validator): string => (isBonded(validator) ? BONDED_POOL_ADDRESS : NOT_BONDED_POOL_ADDRESS);

export const wholeSeconds = (seconds: bigint) => ({ seconds, nanos: 0 });
