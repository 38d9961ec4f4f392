import { equalBytes } from '../../../protocol/bytes.js';
import {
  CaseOrigin,
  DutyKind,
  DutyStatus,
  SubjectKind,
  Verdict,
  type Duty,
} from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { GradientStatus } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import type { Context, QueryContext } from '../../module.js';
import { Audits } from './audits.js';
import { Cases } from './cases.js';
import { Closing, type CaseListener } from './closing.js';
import { Duties } from './duties.js';
import { challengeError } from './errors.js';
import type { Keepers } from './expected-keepers.js';
import { ChallengeState } from './state.js';

type PartiesListener = (ctx: Context, parties: readonly string[]) => void;

/** Ties audits, duties and cases together; this is what the application and other modules talk to. */
export class ChallengeKeeper {
  readonly state = new ChallengeState();
  readonly duties: Duties;
  readonly cases: Cases;
  readonly #audits: Audits;
  readonly #closing: Closing;
  #caseClosed: PartiesListener = () => undefined;

  constructor(
    private readonly keepers: Keepers,
    escrowAddress: string,
  ) {
    this.duties = new Duties(this.state, keepers.nodes, {
      reported: (ctx, duty) => this.reported(ctx, duty),
      groupDone: (ctx, group, duties) => {
        if (group.kind === DutyKind.AUDIT) this.compareAudits(ctx, duties);
        else this.cases.groupDone(ctx, group, duties);
      },
      auditMissed: (ctx, group) => this.state.redraws.push(ctx, ctx.block.height + 1n, group.id),
    });
    this.#audits = new Audits(this.state, keepers.nodes, keepers.training, this.duties);
    const listener: CaseListener = {
      caseClosed: (ctx, parties) => this.#caseClosed(ctx, parties),
      minerCondemned: (ctx, miner) => this.#audits.auditAllOf(ctx, miner),
    };
    this.#closing = new Closing(this.state, keepers, listener, escrowAddress);
    this.cases = new Cases(this.state, keepers, this.duties, this.#closing, escrowAddress);
  }

  onCaseClosed(listener: PartiesListener): void {
    this.#caseClosed = listener;
  }

  challengeBlocks(ctx: QueryContext): bigint {
    return this.state.params(ctx).challengeBlocks;
  }

  /** Auditors are drawn in the next block, from a beacon that no submission could know. */
  collectingEnded(ctx: Context, window: TrainingWindow): void {
    this.state.auditDraws.push(ctx, ctx.block.height + 1n, window.id);
  }

  challengePhaseBegan(ctx: Context, window: TrainingWindow): void {
    this.#audits.challengePhaseBegan(ctx, window);
  }

  openUnequalReveals(ctx: Context, window: TrainingWindow, disputed: Uint8Array, proposers: readonly string[]): void {
    this.cases.open(ctx, {
      subjectKind: SubjectKind.AGGREGATION,
      subjectId: window.id,
      windowId: window.id,
      origin: CaseOrigin.UNEQUAL_REVEALS,
      opener: '',
      accused: proposers,
      disputedHash: disputed,
      claims: [],
      evidenceCid: '',
    });
  }

  challengeGradient(ctx: Context, challenger: string, gradientId: bigint, claimedHash: Uint8Array, evidenceCid: string, bond: bigint): bigint {
    const gradient = this.keepers.training.state.gradient(ctx, gradientId);
    const window = gradient && this.keepers.training.state.window(ctx, gradient.windowId);
    if (gradient === undefined || window === undefined) throw challengeError('UNKNOWN_SUBJECT', `gradient ${gradientId} does not exist`);
    if (gradient.status === GradientStatus.SLASHED) throw challengeError('ALREADY_CONDEMNED', `gradient ${gradientId} is condemned already`);
    this.mustBeUnsettled(window);
    const opening = {
      subjectKind: SubjectKind.GRADIENT,
      subjectId: gradientId,
      windowId: window.id,
      accused: [gradient.miner],
      disputedHash: gradient.gradientHash,
      evidenceCid,
    };
    return this.cases.challenge(ctx, challenger, opening, claimedHash, bond);
  }

  challengeAggregation(ctx: Context, challenger: string, windowId: bigint, claimedHash: Uint8Array, evidenceCid: string, bond: bigint): bigint {
    const window = this.keepers.training.state.window(ctx, windowId);
    if (window?.accepted === undefined || window.outcome !== WindowOutcome.ACCEPTED) {
      throw challengeError('UNKNOWN_SUBJECT', `window ${windowId} has no accepted aggregation`);
    }
    this.mustBeUnsettled(window);
    const opening = this.aggregationSubject(ctx, window, window.accepted.resultHash);
    return this.cases.challenge(ctx, challenger, { ...opening, evidenceCid }, claimedHash, bond);
  }

  private mustBeUnsettled(window: TrainingWindow): void {
    if (window.settled) throw challengeError('WINDOW_SETTLED', `the challenge phase of window ${window.id} ended at height ${window.challengeEnd}`);
  }

  private aggregationSubject(ctx: QueryContext, window: TrainingWindow, disputedHash: Uint8Array) {
    const behind = this.keepers.aggregation
      .records(ctx, window)
      .filter((r) => r.result !== undefined && equalBytes(r.result.resultHash, disputedHash))
      .map((r) => r.proposer);
    return {
      subjectKind: SubjectKind.AGGREGATION,
      subjectId: window.id,
      windowId: window.id,
      accused: behind,
      disputedHash,
      evidenceCid: '',
    };
  }

  /** The subject of a duty as it stands now, if it can still be disputed. */
  private subjectOf(ctx: QueryContext, duty: Duty) {
    const window = this.keepers.training.state.window(ctx, duty.windowId);
    if (window === undefined || window.settled) return undefined;
    if (duty.subjectKind === SubjectKind.AGGREGATION) {
      if (window.accepted === undefined || window.outcome !== WindowOutcome.ACCEPTED) return undefined;
      return this.aggregationSubject(ctx, window, window.accepted.resultHash);
    }
    const gradient = this.keepers.training.state.gradient(ctx, duty.subjectId);
    if (gradient === undefined || gradient.status === GradientStatus.SLASHED) return undefined;
    return {
      subjectKind: SubjectKind.GRADIENT,
      subjectId: gradient.id,
      windowId: window.id,
      accused: [gradient.miner],
      disputedHash: gradient.gradientHash,
      evidenceCid: '',
    };
  }

  /** An audit that finds another hash opens a case, or joins the open one, unless the subject is condemned already. */
  private reported(ctx: Context, duty: Duty): bigint {
    if (duty.kind !== DutyKind.AUDIT) return 0n;
    const subject = this.subjectOf(ctx, duty);
    if (subject === undefined) {
      const final = this.state.finalCaseOn(ctx, duty);
      if (final !== undefined) this.#closing.judge(ctx, duty, final);
      return 0n;
    }
    if (equalBytes(duty.reportHash, subject.disputedHash)) return 0n;
    // No bond, but the claim stands beside the others: somebody else's case is no shield against it.
    const claim = { address: duty.verifier, amount: '0', side: Verdict.INVALID, claimedHash: duty.reportHash };
    const open = this.state.openCaseOn(ctx, subject);
    if (open !== undefined) return this.cases.join(ctx, open, claim);
    return this.cases.open(ctx, { ...subject, origin: CaseOrigin.AUDIT, opener: duty.verifier, claims: [claim] }).id;
  }

  /**
   * Two audits that agree on the hash but not on the digest: one of them did not compute. A seat that was drawn anew is
   * compared with the reports of those who were drawn before; who was punished already counts no more.
   */
  private compareAudits(ctx: Context, duties: readonly Duty[]): void {
    const [any] = duties;
    if (any === undefined) return;
    const reports = this.state
      .subjectDuties(ctx, any)
      .filter((d) => d.kind === DutyKind.AUDIT && d.status === DutyStatus.REVEALED && !d.punished);
    const contradicts = (a: Duty, b: Duty) => equalBytes(a.reportHash, b.reportHash) && !equalBytes(a.reportDigest, b.reportDigest);
    if (!reports.some((a) => reports.some((b) => contradicts(a, b)))) return;
    const subject = this.subjectOf(ctx, any);
    if (subject === undefined || this.state.openCaseOn(ctx, subject) !== undefined) return;
    this.cases.open(ctx, { ...subject, origin: CaseOrigin.UNEQUAL_AUDITS, opener: '', claims: [] });
  }

  beginBlock(ctx: Context): void {
    this.#audits.beginBlock(ctx);
    this.cases.beginBlock(ctx);
  }

  endBlock(ctx: Context): void {
    this.duties.endBlock(ctx);
    this.cases.endBlock(ctx);
  }

  /**
   * The window is paid: its audits end, and whoever reported on it is free. Only where a case on the subject is open all who
   * reported stay held until it closes, for its verdict judges their reports.
   */
  releaseWindow(ctx: Context, windowId: bigint): void {
    for (const group of this.state.auditGroups(ctx, windowId)) if (!group.closed) this.duties.dismiss(ctx, group);
    for (const duty of this.state.windowDuties(ctx, windowId)) {
      if (this.state.openCaseOn(ctx, duty) === undefined) this.keepers.nodes.release(ctx, Part.VERIFIER, duty.verifier);
    }
  }

  /** Reports of a window that count for pay: revealed and not found lazy or false. */
  paidReports(ctx: QueryContext, windowId: bigint): Duty[] {
    return this.state.windowDuties(ctx, windowId).filter((d) => d.status === DutyStatus.REVEALED && !d.punished);
  }
}
