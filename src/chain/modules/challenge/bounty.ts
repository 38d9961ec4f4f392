import { equalBytes } from '../../../protocol/bytes.js';
import { DutyKind, DutyStatus, Verdict, type Case, type Duty } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { judgeReport } from './verdicts.js';

/**
 * Who gets the bounty of a case that found its subject wrong; nothing: all is burned. Pure: no state is read.
 *
 * Once an audit of the subject is drawn, everybody knows that the fault will come to light. A bounty for whoever then comes
 * first would flow back to the cheater through a friend, or to whoever copies an honest hash that waits to enter a block. So
 * it goes to who named the right hash before the drawing, else to the drawn auditor, whose commitment nobody can read or
 * overtake. Where the drawn auditors all called the subject right, there is nothing to take from an honest one: who
 * contradicts them earns it. Naming another hash than the right one never earns anything.
 * @param duties all duties ever given on the subject, in the order in which they were drawn.
 */
export function bountyOf(c: Case, duties: readonly Duty[]): string | undefined {
  if (c.verdictHash.length === 0) return undefined;
  const audits = duties.filter((d) => d.kind === DutyKind.AUDIT);
  const claims = c.bonds.filter((b) => b.side === Verdict.INVALID && equalBytes(b.claimedHash, c.verdictHash));
  const early = claims.find((b) => audits.every((d) => b.height < d.drawnHeight));
  if (early !== undefined) return early.address;
  const auditor = audits.find((d) => d.status === DutyStatus.REVEALED && judgeReport(d, c) === 'right');
  if (auditor !== undefined) return auditor.verifier;
  const answering = audits.filter((d) => d.status !== DutyStatus.MISSED && d.status !== DutyStatus.RELEASED);
  const calledRight = answering.every((d) => d.status === DutyStatus.REVEALED && equalBytes(d.reportHash, c.disputedHash));
  return calledRight ? claims[0]?.address : undefined;
}
