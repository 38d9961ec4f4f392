import type { RewardParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { BASIS_POINTS, SECONDS_PER_YEAR } from '../../../protocol/params.js';

/**
 * Emission of year `year` (0 is the first), in uremes: the first year's, less the decay every year, floored each time.
 * The mining allocation ends it earlier; see `windowBudget`.
 */
export function yearEmission(params: RewardParams, year: bigint): bigint {
  let emission = BigInt(params.firstYearEmission);
  for (let y = 0n; y < year && emission > 0n; y++) emission = (emission * (BASIS_POINTS - BigInt(params.yearlyDecayBps))) / BASIS_POINTS;
  return emission;
}

export interface WindowTimes {
  readonly genesisTime: bigint;
  readonly openedTime: bigint;
  /** When the next window opened, or now if none has. */
  readonly endTime: bigint;
  /** Nominal seconds of the phases up to the next opening. */
  readonly nominalSeconds: bigint;
}

/** What a window may mint: its seconds' share of the year in which it opened, within what is left of allocation and cap. */
export function windowBudget(params: RewardParams, times: WindowTimes, minted: bigint, supply: bigint): bigint {
  const passed = times.endTime - times.openedTime;
  const seconds = passed < 0n ? 0n : passed < times.nominalSeconds ? passed : times.nominalSeconds;
  const year = (times.openedTime - times.genesisTime) / SECONDS_PER_YEAR;
  const share = (yearEmission(params, year < 0n ? 0n : year) * seconds) / SECONDS_PER_YEAR;
  const leftOfAllocation = BigInt(params.miningAllocation) - minted;
  const leftOfCap = BigInt(params.supplyCap) - supply;
  const left = leftOfAllocation < leftOfCap ? leftOfAllocation : leftOfCap;
  return share < left ? share : left > 0n ? left : 0n;
}

/** q of the miner's formula in basis points: 0.5 + 0.4·trust + 0.1 (0.05 if challenged) + 0.1·success, at most 1. */
export function minerQualityBps(trustBps: number, successBps: number, challenged: boolean): number {
  const q = 5000n + (4000n * BigInt(trustBps)) / BASIS_POINTS + (challenged ? 500n : 1000n) + (1000n * BigInt(successBps)) / BASIS_POINTS;
  return Number(q < BASIS_POINTS ? q : BASIS_POINTS);
}

/** Face value of a miner's gradient: base·(1 + q). */
export function minerFace(base: bigint, qualityBps: number): bigint {
  return (base * (BASIS_POINTS + BigInt(qualityBps))) / BASIS_POINTS;
}

/** Face value of a proposer's aggregation: base·(5 + participants ÷ 10). */
export function proposerFace(base: bigint, participants: number): bigint {
  return (base * (500n + 10n * BigInt(participants))) / 100n;
}

/** Face value of an auditor's reports in one window: base·(0.3 + 0.05·reports). */
export function auditorFace(base: bigint, reports: number): bigint {
  return (base * (30n + 5n * BigInt(reports))) / 100n;
}

/** Pay pro rata to face values, never above them, each floored; the rest of the budget is not minted. */
export function shareOut(budget: bigint, faces: readonly bigint[]): bigint[] {
  const total = faces.reduce((sum, face) => sum + face, 0n);
  return faces.map((face) => {
    if (total === 0n) return 0n;
    const share = (budget * face) / total;
    return share < face ? share : face;
  });
}
