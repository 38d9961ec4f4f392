import { DECIMAL_ONE, decimalFromWire, formatDecimal } from '../../../protocol/decimal.js';
import type { Commission, CommissionRates } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { stakingError } from './errors.js';

const DAY_SECONDS = 86_400n;

interface Rates {
  readonly rate: bigint;
  readonly maxRate: bigint;
  readonly maxChangeRate: bigint;
}

function read(rates: CommissionRates | undefined): Rates {
  return {
    rate: decimalFromWire(rates?.rate ?? ''),
    maxRate: decimalFromWire(rates?.maxRate ?? ''),
    maxChangeRate: decimalFromWire(rates?.maxChangeRate ?? ''),
  };
}

/** @throws ChainError staking/10, 11, 14: the rates contradict each other. */
export function checkRates(rates: CommissionRates | undefined): void {
  const { rate, maxRate, maxChangeRate } = read(rates);
  if (maxRate > DECIMAL_ONE) throw stakingError('COMMISSION_HUGE', `commission cannot be more than 100%: the maximum is ${formatDecimal(maxRate)}`);
  if (rate > maxRate) {
    throw stakingError('COMMISSION_ABOVE_MAXIMUM', `commission cannot be more than the max rate: ${formatDecimal(rate)} is above ${formatDecimal(maxRate)}`);
  }
  if (maxChangeRate > maxRate) {
    throw stakingError('COMMISSION_CHANGE_ABOVE_MAXIMUM', `commission change rate cannot be more than the max rate: ${formatDecimal(maxChangeRate)} is above ${formatDecimal(maxRate)}`);
  }
}

/** @param minimum of the chain, a decimal. @throws ChainError staking/40 */
export function checkMinimum(rate: bigint, minimum: bigint): void {
  if (rate < minimum) {
    throw stakingError('COMMISSION_BELOW_MINIMUM', `commission cannot be less than min rate: ${formatDecimal(rate)} is below ${formatDecimal(minimum)}`);
  }
}

/**
 * The commission with a new rate: at most once in 24 hours, by at most the change that the validator promised.
 * @throws ChainError staking/11, 12, 15
 */
export function changedCommission(commission: Commission | undefined, rate: bigint, nowSeconds: bigint): Commission {
  const before = read(commission?.commissionRates);
  const changed = commission?.updateTime?.seconds ?? 0n;
  if (nowSeconds - changed < DAY_SECONDS) {
    throw stakingError('COMMISSION_CHANGED_TODAY', 'commission cannot be changed more than once in 24h', `it can be changed from ${changed + DAY_SECONDS} on (seconds since 1970)`);
  }
  if (rate > before.maxRate) {
    throw stakingError('COMMISSION_ABOVE_MAXIMUM', `commission cannot be more than the max rate: ${formatDecimal(rate)} is above ${formatDecimal(before.maxRate)}`);
  }
  if (rate - before.rate > before.maxChangeRate) {
    throw stakingError('COMMISSION_CHANGE_TOO_LARGE', `commission cannot be changed more than max change rate: ${formatDecimal(rate - before.rate)} is above ${formatDecimal(before.maxChangeRate)}`);
  }
  return {
    commissionRates: { rate: rate.toString(), maxRate: before.maxRate.toString(), maxChangeRate: before.maxChangeRate.toString() },
    updateTime: { seconds: nowSeconds, nanos: 0 },
  };
}
