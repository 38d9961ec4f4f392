import { DENOM } from '../../../protocol/coins.js';
import { DECIMAL_ONE, decimalFromWire } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Params } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';

const DAY_SECONDS = 86_400n;
const MAX_UNBONDING_SECONDS = 3650n * DAY_SECONDS;
/** More would make every change of the set, and every block's votes, dear. */
const MAX_VALIDATORS = 1000;
const MAX_ENTRIES = 100;
const MAX_HISTORICAL_ENTRIES = 10_000;

/** 21 days, 100 validators; history of 100 blocks, since nothing here reads more. */
export function defaultStakingParams(): Params {
  return {
    unbondingTime: { seconds: 21n * DAY_SECONDS, nanos: 0 },
    maxValidators: 100,
    maxEntries: 7,
    historicalEntries: 100,
    bondDenom: DENOM,
    minCommissionRate: '0',
  };
}

function requireRange(name: string, value: bigint, lowest: bigint, highest: bigint): void {
  if (value < lowest || value > highest) throw new InvalidInputError(`${name}: expected ${lowest} to ${highest}, got ${value}`);
}

/** @throws InvalidInputError naming the wrong field. */
export function checkStakingParams(params: Params): void {
  const { seconds, nanos } = params.unbondingTime ?? { seconds: 0n, nanos: 0 };
  if (nanos !== 0) throw new InvalidInputError(`unbonding_time: expected whole seconds, got ${nanos} ns beyond`);
  requireRange('unbonding_time', seconds, 1n, MAX_UNBONDING_SECONDS);
  requireRange('max_validators', BigInt(params.maxValidators), 1n, BigInt(MAX_VALIDATORS));
  requireRange('max_entries', BigInt(params.maxEntries), 1n, BigInt(MAX_ENTRIES));
  requireRange('historical_entries', BigInt(params.historicalEntries), 0n, BigInt(MAX_HISTORICAL_ENTRIES));
  if (params.bondDenom !== DENOM) throw new InvalidInputError(`bond_denom: expected ${DENOM}, got ${JSON.stringify(params.bondDenom.slice(0, 80))}`);
  requireRange('min_commission_rate', decimalFromWire(params.minCommissionRate), 0n, DECIMAL_ONE);
}

export function unbondingSeconds(params: Params): bigint {
  return params.unbondingTime?.seconds ?? 0n;
}
