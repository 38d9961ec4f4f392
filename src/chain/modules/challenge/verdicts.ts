import { equalBytes, toHex } from '../../../protocol/bytes.js';
import { CaseOrigin, Verdict, type Bond, type Case, type Duty } from '../../../protocol/gen/remes/remes/v1/challenge.js';

/** What a group of reports says about a disputed hash. Pure: no state is read. */
export interface Decision {
  readonly verdict: Verdict;
  /** The hash that a majority recomputed; empty where the subject is wrong but no two agree on what is right. */
  readonly hash: Uint8Array;
  /** The digest that a majority of those reported; empty where there is none. */
  readonly digest: Uint8Array;
}

const NONE = new Uint8Array();

function majority(values: readonly Uint8Array[], seats: number): Uint8Array {
  const counts = new Map<string, number>();
  for (const value of values) {
    const key = toHex(value);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count * 2 > seats) return value;
  }
  return NONE;
}

/**
 * A strict majority of all seats decides, silent ones included. It may agree on a hash, or, where the subject only has
 * to be right or wrong, on its being wrong.
 */
export function decide(reports: readonly Duty[], seats: number, disputedHash: Uint8Array, needsHash: boolean): Decision | undefined {
  const hash = majority(reports.map((r) => r.reportHash), seats);
  if (hash.length > 0) {
    const agreeing = reports.filter((r) => equalBytes(r.reportHash, hash));
    return {
      verdict: equalBytes(hash, disputedHash) ? Verdict.VALID : Verdict.INVALID,
      hash,
      digest: majority(agreeing.map((r) => r.reportDigest), agreeing.length),
    };
  }
  const wrong = reports.filter((r) => !equalBytes(r.reportHash, disputedHash)).length;
  if (!needsHash && wrong * 2 > seats) return { verdict: Verdict.INVALID, hash: NONE, digest: NONE };
  return undefined;
}

export type ReportQuality = 'right' | 'lazy' | 'false';

/** How a report stands against the final verdict of a case on its subject. */
export function judgeReport(report: Duty, final: Case): ReportQuality {
  const saysValid = equalBytes(report.reportHash, final.disputedHash);
  const mustMatch = final.origin === CaseOrigin.UNEQUAL_REVEALS;
  const isRight = mustMatch ? equalBytes(report.reportHash, final.verdictHash) : saysValid === (final.verdict === Verdict.VALID);
  if (!isRight) return 'false';
  if (final.verdictHash.length > 0 && !equalBytes(report.reportHash, final.verdictHash)) return 'lazy';
  if (final.verdictDigest.length > 0 && !equalBytes(report.reportDigest, final.verdictDigest)) return 'lazy';
  return 'right';
}

/** Everybody whom a case freezes, in ascending order: opener, accused, and who put something down. */
export function partiesOf(c: Case): string[] {
  return [...new Set([c.opener, ...c.accused, ...c.bonds.map((b) => b.address)])].filter((a) => a !== '').sort();
}

/** The stand of who found `hash` in a case that asks which of several is right. */
export function claimOf(hash: Uint8Array, c: Case): Pick<Bond, 'side' | 'claimedHash'> {
  return { side: equalBytes(hash, c.disputedHash) ? Verdict.VALID : Verdict.INVALID, claimedHash: hash };
}

/**
 * Whether a bond is on the winning side. One on neither side of the hash stands for the digest that it claims; of unequal
 * reveals, where two may contradict a verdict and each other, each stands for its own hash.
 */
export function bondWins(bond: Bond, final: Case): boolean {
  if (bond.side === Verdict.UNSPECIFIED) return equalBytes(bond.claimedHash, final.verdictDigest);
  if (final.origin === CaseOrigin.UNEQUAL_REVEALS) return equalBytes(bond.claimedHash, final.verdictHash);
  return bond.side === final.verdict;
}
