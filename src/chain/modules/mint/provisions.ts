import type { RewardParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { BASIS_POINTS, SECONDS_PER_YEAR } from '../../../protocol/params.js';

/**
 * The most that may be minted in a year from now, in uremes: the rest of this year's emission, then the beginning of the
 * next one's, within what is left of the mining allocation and of the supply cap. What work really earns is less.
 * @param sinceGenesis seconds of block time.
 */
export function annualProvisions(params: RewardParams, sinceGenesis: bigint, minted: bigint, supply: bigint): bigint {
  const seconds = sinceGenesis < 0n ? 0n : sinceGenesis;
  let emission = BigInt(params.firstYearEmission);
  for (let year = seconds / SECONDS_PER_YEAR; year > 0n && emission > 0n; year--) emission = decayed(params, emission);
  const intoYear = seconds % SECONDS_PER_YEAR;
  const year = (emission * (SECONDS_PER_YEAR - intoYear) + decayed(params, emission) * intoYear) / SECONDS_PER_YEAR;
  const left = [year, BigInt(params.miningAllocation) - minted, BigInt(params.supplyCap) - supply];
  const least = left.reduce((min, amount) => (amount < min ? amount : min));
  return least > 0n ? least : 0n;
}

const decayed = (params: RewardParams, emission: bigint): bigint => (emission * (BASIS_POINTS - BigInt(params.yearlyDecayBps))) / BASIS_POINTS;
