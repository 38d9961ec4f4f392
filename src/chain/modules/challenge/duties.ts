import { equalBytes } from '../../../protocol/bytes.js';
import { reportCommitment } from '../../../protocol/commitments.js';
import { DutyKind, DutyStatus, type Duty, type DutyGroup } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { Context } from '../../module.js';
import { challengeError } from './errors.js';
import type { Nodes } from './expected-keepers.js';
import type { ChallengeState, Subject } from './state.js';

/** What a new group of duties is about. */
export interface GroupPlan extends Subject {
  readonly kind: DutyKind;
  readonly windowId: bigint;
  readonly caseId: bigint;
  /** 0n: not known yet. */
  readonly commitDue: bigint;
  readonly revealDue: bigint;
  readonly redraws: number;
}

/** Who learns what becomes of a group. */
export interface GroupListener {
  /** A report was revealed. Returns the case that it opened, or 0n. */
  reported(ctx: Context, duty: Duty): bigint;
  /** Nobody of the group owes anything any more. */
  groupDone(ctx: Context, group: DutyGroup, duties: readonly Duty[]): void;
  /** A seat of an audit stayed empty. */
  auditMissed(ctx: Context, group: DutyGroup): void;
}

/** Commit and reveal of reports, and what silence costs. */
export class Duties {
  constructor(
    private readonly state: ChallengeState,
    private readonly nodes: Nodes,
    private readonly listener: GroupListener,
  ) {}

  /** Gives `verifiers` the same duty. They reveal when all have committed or the commit deadline has passed. */
  assign(ctx: Context, plan: GroupPlan, verifiers: readonly string[]): DutyGroup {
    const id = this.state.nextGroupId(ctx);
    const dutyIds = verifiers.map((verifier) => {
      this.nodes.hold(ctx, Part.VERIFIER, verifier);
      const duty = this.state.addDuty(ctx, {
        ...plan,
        verifier,
        status: DutyStatus.DRAWN,
        drawnHeight: ctx.block.height,
        commitment: new Uint8Array(),
        reportHash: new Uint8Array(),
        reportDigest: new Uint8Array(),
        groupId: id,
        punished: false,
      });
      ctx.emit({
        type: 'duty_drawn',
        attributes: { duty_id: duty.id.toString(), kind: DutyKind[plan.kind].toLowerCase(), verifier, window_id: plan.windowId.toString() },
      });
      return duty.id;
    });
    const group: DutyGroup = { ...plan, id, dutyIds, closed: false };
    this.state.saveGroup(ctx, group);
    if (plan.commitDue > 0n) this.schedule(ctx, group);
    return group;
  }

  private schedule(ctx: Context, group: DutyGroup): void {
    this.state.groupDeadlines.push(ctx, group.commitDue, group.id);
    this.state.groupDeadlines.push(ctx, group.revealDue, group.id);
  }

  /** Gives a group the deadlines that were not known when it was drawn. */
  setDeadlines(ctx: Context, group: DutyGroup, commitDue: bigint, revealDue: bigint): void {
    const changed = { ...group, commitDue, revealDue };
    this.state.saveGroup(ctx, changed);
    for (const duty of this.state.groupDuties(ctx, group)) this.state.saveDuty(ctx, { ...duty, commitDue, revealDue });
    this.schedule(ctx, changed);
  }

  private find(ctx: Context, dutyId: bigint, verifier: string): { duty: Duty; group: DutyGroup } {
    const duty = this.state.duty(ctx, dutyId);
    const group = duty && this.state.group(ctx, duty.groupId);
    if (duty === undefined || group === undefined) throw challengeError('UNKNOWN_DUTY', `duty ${dutyId} does not exist`);
    if (duty.verifier !== verifier) throw challengeError('NOT_YOUR_DUTY', `expected a report of ${duty.verifier}, got one of ${verifier}`);
    if (duty.status === DutyStatus.MISSED) {
      const [what, due] = duty.commitment.length === 0 ? ['commitment', duty.commitDue] : ['report', duty.revealDue];
      throw challengeError('TOO_LATE', `the ${what} was due at height ${due}, this is height ${ctx.block.height}`);
    }
    return { duty, group };
  }

  commit(ctx: Context, dutyId: bigint, verifier: string, commitment: Uint8Array): void {
    const { duty } = this.find(ctx, dutyId, verifier);
    if (duty.status !== DutyStatus.DRAWN) {
      throw challengeError('DUTY_DONE', `expected duty ${dutyId} to wait for a commitment, it is ${DutyStatus[duty.status].toLowerCase()}`);
    }
    this.state.saveDuty(ctx, { ...duty, status: DutyStatus.COMMITTED, commitment });
  }

  /** Returns the case that the report opened, or 0n. */
  reveal(ctx: Context, dutyId: bigint, verifier: string, hash: Uint8Array, digest: Uint8Array, salt: Uint8Array): bigint {
    const { duty, group } = this.find(ctx, dutyId, verifier);
    if (duty.status !== DutyStatus.COMMITTED) {
      throw challengeError('DUTY_DONE', `expected duty ${dutyId} to wait for a reveal, it is ${DutyStatus[duty.status].toLowerCase()}`);
    }
    const waiting = this.state.groupDuties(ctx, group).some((d) => d.status === DutyStatus.DRAWN);
    if (waiting && (group.commitDue === 0n || ctx.block.height <= group.commitDue)) {
      throw challengeError('TOO_EARLY', 'another verifier of the same duty has not committed yet', 'reveal when all have, or after the commit deadline');
    }
    const commitment = reportCommitment(ctx.block.chainId, dutyId, verifier, hash, digest, salt);
    if (!equalBytes(commitment, duty.commitment)) {
      throw challengeError('COMMITMENT_MISMATCH', 'expected the hash, digest and salt that were committed to');
    }
    const revealed = { ...duty, status: DutyStatus.REVEALED, reportHash: hash, reportDigest: digest };
    this.state.finishDuty(ctx, revealed);
    const caseId = this.listener.reported(ctx, revealed);
    // What follows from a whole group (a verdict, slashes, a reverted window) is nobody's transaction to pay gas for.
    if (this.isDone(ctx, group)) this.state.groupDeadlines.push(ctx, ctx.block.height, group.id);
    return caseId;
  }

  /** Groups that are complete or due at this height: who kept silent is slashed and gone. */
  endBlock(ctx: Context): void {
    const { height } = ctx.block;
    for (const id of this.state.groupDeadlines.drain(ctx, height)) {
      const group = this.state.group(ctx, id);
      if (group === undefined || group.closed) continue;
      for (const duty of this.state.groupDuties(ctx, group)) {
        const late =
          (duty.status === DutyStatus.DRAWN && height >= group.commitDue) ||
          (duty.status === DutyStatus.COMMITTED && height >= group.revealDue);
        if (!late) continue;
        this.state.finishDuty(ctx, { ...duty, status: DutyStatus.MISSED });
        this.nodes.slash(ctx, {
          part: Part.VERIFIER,
          address: duty.verifier,
          bps: this.state.params(ctx).silenceSlashBps,
          reason: 'missing_report',
          windowId: duty.windowId,
          caseId: duty.caseId,
        });
        if (group.kind === DutyKind.AUDIT) this.listener.auditMissed(ctx, group);
      }
      this.closeIfDone(ctx, group);
    }
  }

  private isDone(ctx: Context, group: DutyGroup): boolean {
    return this.state.groupDuties(ctx, group).every((d) => d.status !== DutyStatus.DRAWN && d.status !== DutyStatus.COMMITTED);
  }

  private closeIfDone(ctx: Context, group: DutyGroup): void {
    if (!this.isDone(ctx, group)) return;
    const closed = { ...group, closed: true };
    this.state.saveGroup(ctx, closed);
    this.listener.groupDone(ctx, closed, this.state.groupDuties(ctx, group));
  }

  /** Ends what is left of a group whose subject needs no reports any more. */
  dismiss(ctx: Context, group: DutyGroup): void {
    for (const duty of this.state.groupDuties(ctx, group)) {
      if (duty.status === DutyStatus.DRAWN || duty.status === DutyStatus.COMMITTED) {
        this.state.finishDuty(ctx, { ...duty, status: DutyStatus.RELEASED });
      }
    }
    this.state.saveGroup(ctx, { ...group, closed: true });
  }
}
