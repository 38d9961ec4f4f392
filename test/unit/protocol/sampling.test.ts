import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sha256 } from '../../../src/protocol/hash.js';
import { DrawStream, drawSeed, permutationPrefix, sampleByStake } from '../../../src/protocol/sampling.js';

const seedArb = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('draws', () => {
  it('are the same for the same beacon and differ by purpose', () => {
    const beacon = sha256(new Uint8Array());
    const words = (seed: Uint8Array) => {
      const stream = new DrawStream(seed);
      return Array.from({ length: 9 }, () => stream.word());
    };
    expect(words(drawSeed(beacon, 'proposers', 1n))).toEqual(words(drawSeed(beacon, 'proposers', 1n)));
    expect(words(drawSeed(beacon, 'proposers', 1n))).not.toEqual(words(drawSeed(beacon, 'auditors', 1n)));
  });

  it('stay below any bound and refuse an impossible one', () => {
    fc.assert(
      fc.property(seedArb, fc.bigInt({ min: 1n, max: 1n << 64n }), (seed, bound) => {
        const n = new DrawStream(seed).below(bound);
        expect(n >= 0n && n < bound).toBe(true);
      }),
      { numRuns: 200 },
    );
    expect(() => new DrawStream(new Uint8Array(32)).below(0n)).toThrow(/bound/);
  });

  it('are uniform: a chi-square of 60,000 draws of 6 is below the 99.9 % point', () => {
    const stream = new DrawStream(sha256(Uint8Array.of(1)));
    const seen = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i++) seen[Number(stream.below(6n))]!++;
    expect(seen.reduce((x, n) => x + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(20.5);
  });
});

describe('sampleByStake', () => {
  const candidate = (i: number, stake: bigint) => ({ address: `remes1${String(i).padStart(3, '0')}`, stake });

  it('draws different candidates that have stake, whatever their order', () => {
    fc.assert(
      fc.property(seedArb, fc.array(fc.bigInt({ min: 0n, max: 10n ** 15n }), { maxLength: 30 }), fc.nat(40), (seed, stakes, count) => {
        const candidates = stakes.map((stake, i) => candidate(i, stake));
        const drawn = sampleByStake(seed, candidates, count);
        expect(new Set(drawn).size).toBe(drawn.length);
        expect(drawn.length).toBe(Math.min(count, stakes.filter((s) => s > 0n).length));
        expect(sampleByStake(seed, [...candidates].reverse(), count)).toEqual(drawn);
      }),
      { numRuns: 200 },
    );
  });

  it('draws in proportion to stake', () => {
    const candidates = [candidate(1, 100n), candidate(2, 300n)];
    let first = 0;
    for (let i = 0; i < 4000; i++) {
      if (sampleByStake(sha256(Uint8Array.of(i & 255, i >> 8)), candidates, 1)[0] === candidates[0]!.address) first++;
    }
    expect(first).toBeGreaterThan(850);
    expect(first).toBeLessThan(1150);
  });
});

describe('permutationPrefix', () => {
  it('is a prefix of one permutation', () => {
    fc.assert(
      fc.property(seedArb, fc.integer({ min: 1, max: 300 }), (seed, size) => {
        const whole = permutationPrefix(seed, size, size);
        expect([...whole].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
        expect(permutationPrefix(seed, size, size >> 1)).toEqual(whole.slice(0, size >> 1));
      }),
      { numRuns: 100 },
    );
  });

  it('costs nothing for a huge dataset and refuses more than there is', () => {
    expect(new Set(permutationPrefix(new Uint8Array(32), 2 ** 31, 1000)).size).toBe(1000);
    expect(() => permutationPrefix(new Uint8Array(32), 3, 4)).toThrow(/at most 3 entries/);
  });
});
