import { DutyKind, SubjectKind, type DutyGroup } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part, type Registration } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { ChallengeParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { GradientStatus, type StoredGradient } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { BASIS_POINTS } from '../../../protocol/params.js';
import { DrawStream, drawSeed, sampleByStake } from '../../../protocol/sampling.js';
import type { Context, QueryContext } from '../../module.js';
import type { Duties } from './duties.js';
import type { Nodes, Training } from './expected-keepers.js';
import type { ChallengeState, Subject } from './state.js';

/** Trust from which a tier begins, how many finalized jobs it asks for, and its audit rate in basis points of the base. */
const TIERS = [
  { trustBps: 9000, jobs: 200n, rateBps: 2000n },
  { trustBps: 7500, jobs: 100n, rateBps: 5000n },
  { trustBps: 5000, jobs: 50n, rateBps: 10_000n },
] as const;
const NEW_TIER_RATE_BPS = 20_000n;

/** Probability in basis points that a job of this miner is audited. The first jobs of a registration always are. */
export function auditProbabilityBps(params: ChallengeParams, miner: Registration | undefined): bigint {
  if (miner === undefined || miner.jobsSinceFault <= BigInt(params.probationJobs)) return BASIS_POINTS;
  const tier = TIERS.find((t) => miner.trustBps >= t.trustBps && miner.jobsFinalized >= t.jobs);
  const rate = (BigInt(params.auditBps) * (tier?.rateBps ?? NEW_TIER_RATE_BPS)) / BASIS_POINTS;
  const floored = rate < BigInt(params.auditFloorBps) ? BigInt(params.auditFloorBps) : rate;
  return floored > BASIS_POINTS ? BASIS_POINTS : floored;
}

/** Draws who re-runs which job and which aggregation. */
export class Audits {
  constructor(
    private readonly state: ChallengeState,
    private readonly nodes: Nodes,
    private readonly training: Training,
    private readonly duties: Duties,
  ) {}

  beginBlock(ctx: Context): void {
    const { height } = ctx.block;
    for (const id of this.state.auditDraws.drain(ctx, height)) this.drawForWindow(ctx, id);
    for (const id of this.state.aggregationAudits.drain(ctx, height)) this.drawForAggregation(ctx, id);
    for (const id of this.state.gradientAudits.drain(ctx, height)) this.drawForSure(ctx, id);
    // Both seats of a double audit that stayed empty are one group again: neither may read the other's report.
    const seats = new Map<bigint, number>();
    for (const id of this.state.redraws.drain(ctx, height)) seats.set(id, (seats.get(id) ?? 0) + 1);
    for (const [id, empty] of seats) this.redraw(ctx, id, empty);
  }

  private uniformBps(ctx: Context, purpose: string, subjectId: bigint): bigint {
    return new DrawStream(drawSeed(this.training.state.beacon(ctx).value, purpose, subjectId)).below(BASIS_POINTS);
  }

  private drawForWindow(ctx: Context, windowId: bigint): void {
    const window = this.training.state.window(ctx, windowId);
    if (window === undefined) return;
    const params = this.state.params(ctx);
    for (const gradient of this.training.state.gradients(ctx, window)) {
      if (gradient.status === GradientStatus.SLASHED) continue;
      const miner = this.nodes.registration(ctx, Part.MINER, gradient.miner);
      if (this.uniformBps(ctx, 'audit', gradient.id) >= auditProbabilityBps(params, miner)) continue;
      this.auditGradient(ctx, window, gradient, 0n);
    }
  }

  /** One auditor, of some jobs two. `minBlocks` is the time that a late audit gets at least. */
  private auditGradient(ctx: Context, window: TrainingWindow, gradient: StoredGradient, minBlocks: bigint): void {
    const isDouble = this.uniformBps(ctx, 'double-audit', gradient.id) < BigInt(this.state.params(ctx).doubleAuditBps);
    const subject = { subjectKind: SubjectKind.GRADIENT, subjectId: gradient.id };
    this.draw(ctx, window, subject, isDouble ? 2 : 1, [gradient.miner], minBlocks, 0);
  }

  private drawForAggregation(ctx: Context, windowId: bigint): void {
    const window = this.training.state.window(ctx, windowId);
    if (window?.outcome !== WindowOutcome.ACCEPTED || window.settled) return;
    this.draw(ctx, window, { subjectKind: SubjectKind.AGGREGATION, subjectId: windowId }, 1, window.proposers, 0n, 0);
  }

  private drawForSure(ctx: Context, gradientId: bigint): void {
    const gradient = this.training.state.gradient(ctx, gradientId);
    const window = gradient && this.training.state.window(ctx, gradient.windowId);
    if (gradient === undefined || window === undefined || window.settled) return;
    if (gradient.status === GradientStatus.SLASHED || this.isAudited(ctx, gradientId)) return;
    this.auditGradient(ctx, window, gradient, this.state.params(ctx).redrawBlocks);
  }

  private isAudited(ctx: QueryContext, gradientId: bigint): boolean {
    const subject = { subjectKind: SubjectKind.GRADIENT, subjectId: gradientId };
    return this.state.subjectDuties(ctx, subject).some((d) => d.kind === DutyKind.AUDIT);
  }

  /** Seats that stayed empty are drawn anew among those who had no duty on the subject; the window's end moves. */
  private redraw(ctx: Context, groupId: bigint, seats: number): void {
    const group = this.state.group(ctx, groupId);
    const window = group && this.training.state.window(ctx, group.windowId);
    if (group === undefined || window === undefined || window.settled || this.isDecided(ctx, group, window)) return;
    this.draw(ctx, window, group, seats, this.partiesOf(ctx, group, window), this.state.params(ctx).redrawBlocks, group.redraws + 1);
  }

  /** Whether a report could change nothing any more: a condemned gradient, an aggregation that was taken back. */
  private isDecided(ctx: QueryContext, subject: Subject, window: TrainingWindow): boolean {
    if (subject.subjectKind === SubjectKind.AGGREGATION) return window.outcome !== WindowOutcome.ACCEPTED;
    return this.training.state.gradient(ctx, subject.subjectId)?.status === GradientStatus.SLASHED;
  }

  private partiesOf(ctx: QueryContext, group: DutyGroup, window: TrainingWindow): readonly string[] {
    if (group.subjectKind === SubjectKind.AGGREGATION) return window.proposers;
    return [this.training.state.gradient(ctx, group.subjectId)?.miner ?? ''];
  }

  private draw(
    ctx: Context,
    window: TrainingWindow,
    subject: Subject,
    seats: number,
    parties: readonly string[],
    minBlocks: bigint,
    redraws: number,
  ): void {
    const used = this.state.subjectDuties(ctx, subject).map((d) => d.verifier);
    const candidates = this.nodes.eligible(ctx, Part.VERIFIER).filter((c) => !parties.includes(c.address) && !used.includes(c.address));
    const seed = drawSeed(
      this.training.state.beacon(ctx).value,
      'auditors',
      BigInt(subject.subjectKind),
      subject.subjectId,
      BigInt(redraws),
    );
    const verifiers = sampleByStake(seed, candidates, seats);
    if (verifiers.length < seats) {
      ctx.emit({
        type: 'audit_not_drawn',
        attributes: {
          subject: SubjectKind[subject.subjectKind].toLowerCase(),
          subject_id: subject.subjectId.toString(),
          window_id: window.id.toString(),
          empty_seats: (seats - verifiers.length).toString(),
        },
      });
    }
    if (verifiers.length === 0) return;
    const due = this.deadlines(ctx, window, minBlocks);
    const group = this.duties.assign(
      ctx,
      {
        subjectKind: subject.subjectKind,
        subjectId: subject.subjectId,
        kind: DutyKind.AUDIT,
        windowId: window.id,
        caseId: 0n,
        ...due,
        redraws,
      },
      verifiers,
    );
    this.state.addAuditGroup(ctx, group);
  }

  /** Reports are committed some blocks before the challenge phase ends; a late audit moves that end. */
  private deadlines(ctx: Context, window: TrainingWindow, minBlocks: bigint): { commitDue: bigint; revealDue: bigint } {
    if (window.challengeEnd === 0n) return { commitDue: 0n, revealDue: 0n };
    const { reportMarginBlocks, reportRevealBlocks } = this.state.params(ctx);
    const earliest = ctx.block.height + minBlocks;
    const usual = window.challengeEnd - reportMarginBlocks;
    const commitDue = usual > earliest ? usual : earliest;
    if (commitDue > usual) this.training.state.saveWindow(ctx, { ...window, challengeEnd: commitDue + reportMarginBlocks });
    return { commitDue, revealDue: commitDue + reportRevealBlocks };
  }

  /** The challenge phase has a known end: so have the audits that were drawn before. */
  challengePhaseBegan(ctx: Context, window: TrainingWindow): void {
    for (const group of this.state.auditGroups(ctx, window.id)) {
      if (group.closed || group.commitDue > 0n) continue;
      const { commitDue, revealDue } = this.deadlines(ctx, window, 0n);
      this.duties.setDeadlines(ctx, group, commitDue, revealDue);
    }
    if (window.outcome === WindowOutcome.ACCEPTED) this.state.aggregationAudits.push(ctx, ctx.block.height + 1n, window.id);
  }

  /** After a proved fault every unpaid gradient of the miner is audited. A window that is due in this very block waits for the draw. */
  auditAllOf(ctx: Context, miner: string): void {
    for (const window of this.training.state.unsettled(ctx)) {
      const id = this.training.state.jobOfMiner(ctx, window.id, miner)?.gradientId ?? 0n;
      const gradient = this.training.state.gradient(ctx, id);
      if (gradient === undefined || gradient.status === GradientStatus.SLASHED || this.isAudited(ctx, id)) continue;
      const next = ctx.block.height + 1n;
      this.state.gradientAudits.push(ctx, next, id);
      if (window.challengeEnd > 0n && window.challengeEnd < next) this.training.state.saveWindow(ctx, { ...window, challengeEnd: next });
    }
  }
}
