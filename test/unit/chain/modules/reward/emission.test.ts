import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  auditorFace,
  minerFace,
  minerQualityBps,
  proposerFace,
  shareOut,
  windowBudget,
  yearEmission,
  type WindowTimes,
} from '../../../../../src/chain/modules/reward/emission.js';
import { checkEconomics } from '../../../../../src/chain/modules/reward/index.js';
import { profile, SECONDS_PER_YEAR, UREMES_PER_REMES } from '../../../../../src/protocol/params.js';

const { reward, challenge, node } = profile('network');
const GENESIS = 1_700_000_000n;
const FIRST_YEAR = BigInt(reward.firstYearEmission);

describe('a year emits', () => {
  it('60 M, then a tenth less each year, floored, and all years together less than 600 M', () => {
    expect(yearEmission(reward, 0n)).toBe(60_000_000n * UREMES_PER_REMES);
    expect(yearEmission(reward, 1n)).toBe(54_000_000n * UREMES_PER_REMES);
    let sum = 0n;
    let previous = FIRST_YEAR + 1n;
    for (let year = 0n; year < 400n; year++) {
      const emission = yearEmission(reward, year);
      expect(emission < previous || emission === 0n).toBe(true);
      if (year > 0n) expect(emission).toBe((previous * 9000n) / 10_000n);
      sum += emission;
      previous = emission;
    }
    // The geometric sum of 0.9ⁿ is 10, approached from below; the allocation of 300 M ends it before.
    expect(sum).toBeLessThan(10n * FIRST_YEAR);
    expect(sum).toBeGreaterThan(10n * FIRST_YEAR - 10_000n);
    expect(BigInt(reward.miningAllocation)).toBeLessThan(sum);
  });

  it('is the same every year where nothing decays, and nothing after the first where all does', () => {
    expect(yearEmission({ ...reward, yearlyDecayBps: 0 }, 9n)).toBe(FIRST_YEAR);
    expect(yearEmission({ ...reward, yearlyDecayBps: 10_000 }, 1n)).toBe(0n);
  });
});

const times = fc
  .record({ opened: fc.bigInt({ min: 0n, max: 40n * SECONDS_PER_YEAR }), passed: fc.bigInt({ min: -100n, max: 10_000n }), nominal: fc.bigInt({ min: 1n, max: 2000n }) })
  .map(({ opened, passed, nominal }): WindowTimes => ({ genesisTime: GENESIS, openedTime: GENESIS + opened, endTime: GENESIS + opened + passed, nominalSeconds: nominal }));

describe('a window’s budget', () => {
  it('is never above its share of the year, what is left of the allocation, or what is left of the cap', () => {
    const amount = fc.bigInt({ min: 0n, max: 2_000_000_000n * UREMES_PER_REMES });
    fc.assert(
      fc.property(times, amount, amount, (t, minted, supply) => {
        const budget = windowBudget(reward, t, minted, supply);
        const emission = yearEmission(reward, (t.openedTime - GENESIS) / SECONDS_PER_YEAR);
        expect(budget >= 0n).toBe(true);
        expect(budget * SECONDS_PER_YEAR <= emission * t.nominalSeconds).toBe(true);
        if (budget > 0n) {
          expect(minted + budget <= BigInt(reward.miningAllocation)).toBe(true);
          expect(supply + budget <= BigInt(reward.supplyCap)).toBe(true);
          expect(budget * SECONDS_PER_YEAR <= emission * (t.endTime - t.openedTime)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of all windows of a year one after the other is never more than the year', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 40n }), { minLength: 200, maxLength: 400 }), fc.bigInt({ min: 0n, max: 20n }), (lengths, year) => {
        const unit = SECONDS_PER_YEAR / lengths.reduce((a, b) => a + b);
        let at = GENESIS + year * SECONDS_PER_YEAR;
        let minted = 0n;
        for (const length of lengths) {
          const endTime = at + length * unit;
          minted += windowBudget(reward, { genesisTime: GENESIS, openedTime: at, endTime, nominalSeconds: SECONDS_PER_YEAR }, minted, 0n);
          at = endTime;
        }
        expect(minted <= yearEmission(reward, year)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('is nothing for a window that opened before genesis or ended before it opened', () => {
    const t = { genesisTime: GENESIS, openedTime: GENESIS, endTime: GENESIS - 5n, nominalSeconds: 100n };
    expect(windowBudget(reward, t, 0n, 0n)).toBe(0n);
    expect(windowBudget(reward, { ...t, openedTime: GENESIS - 50n, endTime: GENESIS }, 0n, 0n)).toBe((FIRST_YEAR * 50n) / SECONDS_PER_YEAR);
  });
});

describe('pay', () => {
  const base = 2n * UREMES_PER_REMES;

  it('follows the formulas, floored', () => {
    expect(minerQualityBps(10_000, 10_000, false)).toBe(10_000);
    expect(minerQualityBps(5000, 10_000, false)).toBe(9000);
    expect(minerQualityBps(5000, 10_000, true)).toBe(8500);
    expect(minerQualityBps(0, 3333, true)).toBe(5833);
    expect(minerFace(base, 9000)).toBe(3_800_000n);
    expect(minerFace(3n, 5833)).toBe(4n);
    expect(proposerFace(base, 3)).toBe(10_600_000n);
    expect(auditorFace(base, 4)).toBe(1_000_000n);
  });

  it('of a gradient is at most twice the base, whatever trust and success', () => {
    const bps = fc.nat(10_000);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: base }), bps, bps, fc.boolean(), (one, trust, success, challenged) => {
        const face = minerFace(one, minerQualityBps(trust, success, challenged));
        expect(face <= 2n * one && face * 2n + 1n >= 3n * one).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('is shared pro rata, never above a face value, and never more than the budget together', () => {
    const faces = fc.array(fc.bigInt({ min: 0n, max: 100_000_000n }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1_000_000_000n }), faces, (budget, list) => {
        const amounts = shareOut(budget, list);
        const total = list.reduce((a, b) => a + b, 0n);
        expect(amounts).toHaveLength(list.length);
        expect(amounts.reduce((a, b) => a + b, 0n) <= (budget < total ? budget : total)).toBe(true);
        for (const [i, amount] of amounts.entries()) {
          const face = list[i] ?? 0n;
          expect(amount >= 0n && amount <= face).toBe(true);
          // Nobody loses more than the fraction of a uremes to the floor.
          if (budget <= total && total > 0n) expect(amount === (budget * face) / total).toBe(true);
          if (budget >= total) expect(amount).toBe(face);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the check of a genesis', () => {
  const minStake = BigInt(node.minStakeMiner);

  it('takes the network’s numbers and the dev profile’s', () => {
    expect(() => checkEconomics(minStake, challenge, reward)).not.toThrow();
    const dev = profile('dev');
    expect(() => checkEconomics(BigInt(dev.node.minStakeMiner), dev.challenge, dev.reward)).not.toThrow();
  });

  it('refuses exactly the parameters under which an unaudited cheat earns at least what an audited one costs', () => {
    const bps = fc.nat(10_000);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), bps, bps, fc.bigInt({ min: 0n, max: 10n ** 9n }), (stake, auditFloorBps, wrongGradientSlashBps, base) => {
        const cost = auditFloorBps * Number((stake * BigInt(wrongGradientSlashBps)) / 10_000n);
        const gain = (10_000 - auditFloorBps) * 2 * Number(base);
        const check = () => checkEconomics(stake, { ...challenge, auditFloorBps, wrongGradientSlashBps }, { ...reward, minerBase: base.toString() });
        if (cost > gain) expect(check).not.toThrow();
        else expect(check).toThrow(/cheating would pay: expected audit_floor_bps × slash/);
      }),
      { numRuns: 300 },
    );
  });

  it('names both sides and what to change', () => {
    expect(() => checkEconomics(minStake, { ...challenge, auditFloorBps: 50 }, reward)).toThrow(/50 × 500000000.*9950 × 4000000/);
  });
});
