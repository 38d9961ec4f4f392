import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { auditProbabilityBps } from '../../../../../src/chain/modules/challenge/audits.js';
import { bondWins, claimOf, decide, judgeReport } from '../../../../../src/chain/modules/challenge/verdicts.js';
import { Bond, Case, CaseOrigin, Duty, Verdict } from '../../../../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Registration } from '../../../../../src/protocol/gen/remes/remes/v1/node.js';
import { profile } from '../../../../../src/protocol/params.js';

const h = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const report = (hash: number, digest = 0): Duty => Duty.fromPartial({ reportHash: h(hash), reportDigest: h(digest) });
const NOTHING: Uint8Array = new Uint8Array();
const DISPUTED = 1;

describe('reports decide', () => {
  it('by a strict majority of all seats, silent ones included', () => {
    expect(decide([report(1), report(1)], 3, h(DISPUTED), false)).toMatchObject({ verdict: Verdict.VALID, hash: h(1) });
    expect(decide([report(2), report(2), report(1)], 3, h(DISPUTED), false)).toMatchObject({ verdict: Verdict.INVALID, hash: h(2) });
    expect(decide([report(1)], 3, h(DISPUTED), false)).toBeUndefined();
    expect(decide([report(1), report(1)], 4, h(DISPUTED), false)).toBeUndefined();
    expect(decide([], 1, h(DISPUTED), false)).toBeUndefined();
  });

  it('that the subject is wrong although no two agree on what is right, unless a hash is needed', () => {
    const reports = [report(2), report(3), report(1)];
    expect(decide(reports, 3, h(DISPUTED), false)).toEqual({ verdict: Verdict.INVALID, hash: NOTHING, digest: NOTHING });
    expect(decide(reports, 3, h(DISPUTED), true)).toBeUndefined();
  });

  it('the digest by a majority of those who found that hash', () => {
    expect(decide([report(1, 7), report(1, 7), report(1, 8)], 3, h(DISPUTED), false)?.digest).toEqual(h(7));
    expect(decide([report(1, 7), report(1, 8)], 3, h(DISPUTED), false)?.digest).toEqual(NOTHING);
    expect(decide([report(1, 7), report(1, 7), report(2, 8)], 3, h(DISPUTED), false)?.digest).toEqual(h(7));
  });

  it('the same whatever their order, and never for a hash of fewer than half', () => {
    const reports = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 7, max: 8 })), { maxLength: 7 });
    fc.assert(
      fc.property(reports, fc.boolean(), fc.nat(3), (list, needsHash, silent) => {
        const duties = list.map(([hash, digest]) => report(hash, digest));
        const seats = list.length + silent;
        const decision = decide(duties, seats, h(DISPUTED), needsHash);
        expect(decide([...duties].reverse(), seats, h(DISPUTED), needsHash)).toEqual(decision);
        const wrong = list.filter(([hash]) => hash !== DISPUTED).length;
        if (decision?.verdict === Verdict.VALID) expect((list.length - wrong) * 2 > seats).toBe(true);
        if (decision?.verdict === Verdict.INVALID) expect(wrong * 2 > seats).toBe(true);
        if (decision === undefined && !needsHash) expect(wrong * 2 <= seats && (list.length - wrong) * 2 <= seats).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a report is judged', () => {
  const final = (verdict: Verdict, hash: Uint8Array, digest: Uint8Array, origin = CaseOrigin.BOND): Case =>
    Case.fromPartial({ verdict, verdictHash: hash, verdictDigest: digest, disputedHash: h(DISPUTED), origin });

  it.each([
    ['right with its digest', report(1, 7), final(Verdict.VALID, h(1), h(7)), 'right'],
    ['lazy with another digest', report(1, 8), final(Verdict.VALID, h(1), h(7)), 'lazy'],
    ['right where there is no digest', report(1, 8), final(Verdict.VALID, h(1), NOTHING), 'right'],
    ['false where it accuses right work', report(2, 7), final(Verdict.VALID, h(1), h(7)), 'false'],
    ['false where it covers wrong work', report(1, 7), final(Verdict.INVALID, h(2), h(7)), 'false'],
    ['lazy where it names another right hash', report(3, 7), final(Verdict.INVALID, h(2), h(7)), 'lazy'],
    ['right where nobody agreed on the right hash', report(3, 7), final(Verdict.INVALID, NOTHING, NOTHING), 'right'],
    ['false for every other hash of unequal reveals', report(3, 7), final(Verdict.INVALID, h(2), h(7), CaseOrigin.UNEQUAL_REVEALS), 'false'],
    ['right for the one hash of unequal reveals', report(2, 7), final(Verdict.INVALID, h(2), h(7), CaseOrigin.UNEQUAL_REVEALS), 'right'],
  ] as const)('%s', (_what, duty, verdict, quality) => {
    expect(judgeReport(duty, verdict)).toBe(quality);
  });
});

describe('a bond wins', () => {
  const bond = (side: Verdict, claimed = NOTHING): Bond => Bond.fromPartial({ side, claimedHash: claimed });

  it('with its side, or with the digest that it claims', () => {
    const final = Case.fromPartial({ verdict: Verdict.INVALID, verdictHash: h(2), verdictDigest: h(7), origin: CaseOrigin.BOND });
    expect([Verdict.VALID, Verdict.INVALID].map((side) => bondWins(bond(side), final))).toEqual([false, true]);
    expect([h(7), h(8)].map((digest) => bondWins(bond(Verdict.UNSPECIFIED, digest), final))).toEqual([true, false]);
  });

  it('of unequal reveals with its own hash only', () => {
    const final = Case.fromPartial({ verdict: Verdict.INVALID, verdictHash: h(2), disputedHash: h(1), origin: CaseOrigin.UNEQUAL_REVEALS });
    const wins = [1, 2, 3].map((n) => bondWins(bond(claimOf(h(n), final).side, h(n)), final));
    expect(wins).toEqual([false, true, false]);
    expect([1, 2, 3].map((n) => claimOf(h(n), final).side)).toEqual([Verdict.VALID, Verdict.INVALID, Verdict.INVALID]);
  });
});

describe('the probability of an audit', () => {
  const params = profile('network').challenge;
  const miner = (trustBps: number, jobsFinalized: bigint, jobsSinceFault = 1000n) => Registration.fromPartial({ trustBps, jobsFinalized, jobsSinceFault });

  it('is certain for who is not registered, for the first ten jobs and for the ten after a fault', () => {
    expect(auditProbabilityBps(params, undefined)).toBe(10_000n);
    expect([1n, 10n, 11n].map((jobs) => auditProbabilityBps(params, miner(10_000, 0n, jobs)))).toEqual([10_000n, 10_000n, 2000n]);
  });

  it.each([
    [4999, 1000n, 2000n],
    [5000, 49n, 2000n],
    [5000, 50n, 1000n],
    [7500, 99n, 1000n],
    [7500, 100n, 500n],
    [9000, 199n, 500n],
    [9000, 200n, 200n],
  ])('with trust %i and %i finalized jobs is %i basis points', (trust, jobs, bps) => {
    expect(auditProbabilityBps(params, miner(trust, jobs))).toBe(bps);
  });

  it('never falls below the floor nor rises above certainty', () => {
    expect(auditProbabilityBps({ ...params, auditBps: 100 }, miner(9000, 200n))).toBe(100n);
    expect(auditProbabilityBps({ ...params, auditBps: 10_000 }, miner(0, 0n))).toBe(10_000n);
  });
});
