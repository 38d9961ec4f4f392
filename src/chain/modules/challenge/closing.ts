import { equalBytes, toHex } from '../../../protocol/bytes.js';
import {
  CaseLayer,
  CaseOrigin,
  CasePhase,
  DutyKind,
  DutyStatus,
  SubjectKind,
  Verdict,
  type Case,
  type Duty,
} from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { GradientStatus } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { Context, QueryContext } from '../../module.js';
import { bountyOf } from './bounty.js';
import type { Keepers } from './expected-keepers.js';
import type { ChallengeState } from './state.js';
import { bondWins, judgeReport, partiesOf } from './verdicts.js';

/** What follows a closed case outside this module. */
export interface CaseListener {
  /** The parties' pay may flow again, or is lost. */
  caseClosed(ctx: Context, parties: readonly string[]): void;
  /** A miner's work was proved wrong. */
  minerCondemned(ctx: Context, miner: string): void;
}

/** What verifiers of a layer are drawn for. */
export const DUTY_KINDS = {
  [CaseLayer.TWO]: DutyKind.LAYER2,
  [CaseLayer.THREE]: DutyKind.PANEL,
  [CaseLayer.APPEAL]: DutyKind.APPEAL,
} as const;

export type Layer = keyof typeof DUTY_KINDS;

/** Whether a report belongs to a layer of this case that reached no judgement: a closed case's layer is the one that decided. */
function isUnjudged(report: Duty, closed: Case): boolean {
  return report.caseId === closed.id && report.kind > DUTY_KINDS[closed.layer as Layer];
}

/** What a case leaves behind when it closes. */
export class Closing {
  constructor(
    private readonly state: ChallengeState,
    private readonly keepers: Keepers,
    private readonly listener: CaseListener,
    private readonly escrowAddress: string,
  ) {}

  /** Ends a case with the verdict that it has: reports are judged, bonds settled, stakes freed, the subject condemned or not. */
  close(ctx: Context, c: Case): void {
    const closed: Case = { ...c, phase: CasePhase.CLOSED, closedHeight: ctx.block.height };
    const isVoid = closed.verdict === Verdict.VOID;
    this.state.closeCase(ctx, closed, !isVoid);
    ctx.emit({ type: 'case_closed', attributes: { case_id: c.id.toString(), verdict: Verdict[closed.verdict].toLowerCase() } });
    if (!isVoid) {
      for (const report of this.state.subjectDuties(ctx, closed)) if (!isUnjudged(report, closed)) this.judge(ctx, report, closed);
    }
    this.settleBonds(ctx, closed);
    // Of a window that is settled no further case can come; of any other it is the settlement that releases.
    if (this.keepers.training.state.window(ctx, closed.windowId)?.settled === true) {
      for (const duty of this.state.subjectDuties(ctx, closed)) this.keepers.nodes.release(ctx, Part.VERIFIER, duty.verifier);
    }
    this.applyVerdict(ctx, closed);
    const parties = partiesOf(closed);
    for (const party of parties) this.keepers.nodes.unfreeze(ctx, party);
    this.listener.caseClosed(ctx, parties);
  }

  /** Slashes a report that the final verdict shows to be false or lazy, once. */
  judge(ctx: Context, report: Duty, final: Case): void {
    if (report.status !== DutyStatus.REVEALED || report.punished) return;
    const quality = judgeReport(report, final);
    if (quality === 'right') return;
    const params = this.state.params(ctx);
    // Of unequal reveals nobody is the one accused: the first may be who was wrong, and whom the report was to help.
    const accusesWrongly = quality === 'false' && final.verdict === Verdict.VALID && final.origin !== CaseOrigin.UNEQUAL_REVEALS;
    this.state.saveDuty(ctx, { ...report, punished: true });
    this.keepers.nodes.slash(ctx, {
      part: Part.VERIFIER,
      address: report.verifier,
      bps: quality === 'lazy' ? params.lazySlashBps : params.falseVerdictSlashBps,
      reason: quality === 'lazy' ? 'lazy_report' : 'false_report',
      windowId: report.windowId,
      caseId: final.id,
      bountyTo: accusesWrongly ? final.accused[0] : undefined,
      proven: true,
    });
  }

  /** Winners, void cases and layers that failed give bonds back; a lost one is half burned, half the other party's, if there is one. */
  private settleBonds(ctx: Context, c: Case): void {
    for (const bond of c.bonds) {
      const amount = BigInt(bond.amount);
      if (amount === 0n) continue;
      if (c.verdict === Verdict.VOID || bond.layer > c.layer || bondWins(bond, c)) {
        this.keepers.bank.send(ctx, this.escrowAddress, bond.address, amount);
        continue;
      }
      const accused = c.origin === CaseOrigin.UNEQUAL_REVEALS ? undefined : c.accused[0];
      const other = bond.side === Verdict.INVALID ? accused : c.opener;
      const compensation = other === undefined || other === '' || other === bond.address ? 0n : amount / 2n;
      if (other !== undefined && compensation > 0n) this.keepers.bank.send(ctx, this.escrowAddress, other, compensation);
      this.keepers.bank.burn(ctx, this.escrowAddress, amount - compensation);
      ctx.emit({ type: 'bond_lost', attributes: { case_id: c.id.toString(), address: bond.address, amount: bond.amount } });
    }
  }

  private bountyFor(ctx: QueryContext, c: Case): string | undefined {
    return bountyOf(c, this.state.subjectDuties(ctx, c));
  }

  private applyVerdict(ctx: Context, c: Case): void {
    if (c.origin === CaseOrigin.UNEQUAL_REVEALS) {
      const truth = c.verdict === Verdict.VOID ? undefined : c.verdictHash;
      if (truth !== undefined) {
        this.keepers.aggregation.punishWrong(ctx, c.windowId, (hash) => !equalBytes(hash, truth), c.id, undefined);
      }
      this.keepers.aggregation.resolveDispute(ctx, c.windowId, truth);
      return;
    }
    if (c.verdict !== Verdict.INVALID) return;
    if (c.subjectKind === SubjectKind.GRADIENT) {
      this.condemnGradient(ctx, c);
      return;
    }
    const truth = c.verdictHash;
    const isWrong = (hash: Uint8Array): boolean => (truth.length > 0 ? !equalBytes(hash, truth) : equalBytes(hash, c.disputedHash));
    this.keepers.aggregation.punishWrong(ctx, c.windowId, isWrong, c.id, this.bountyFor(ctx, c));
    this.keepers.aggregation.revert(ctx, c.windowId);
  }

  private condemnGradient(ctx: Context, c: Case): void {
    const gradient = this.keepers.training.state.gradient(ctx, c.subjectId);
    if (gradient === undefined || gradient.status === GradientStatus.SLASHED) return;
    this.keepers.training.state.saveGradient(ctx, { ...gradient, status: GradientStatus.SLASHED });
    this.keepers.nodes.slash(ctx, {
      part: Part.MINER,
      address: gradient.miner,
      bps: this.state.params(ctx).wrongGradientSlashBps,
      reason: 'wrong_gradient',
      windowId: gradient.windowId,
      caseId: c.id,
      bountyTo: this.bountyFor(ctx, c),
      proven: true,
    });
    ctx.emit({
      type: 'gradient_condemned',
      attributes: { gradient_id: gradient.id.toString(), miner: gradient.miner, right_hash: toHex(c.verdictHash) },
    });
    this.listener.minerCondemned(ctx, gradient.miner);
  }
}
