import { equalBytes } from '../../../protocol/bytes.js';
import {
  Case,
  CaseLayer,
  CaseOrigin,
  CasePhase,
  DutyStatus,
  SubjectKind,
  Verdict,
  type Bond,
  type Duty,
  type DutyGroup,
} from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { WindowOutcome, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { drawSeed, sampleByStake } from '../../../protocol/sampling.js';
import type { Context, QueryContext } from '../../module.js';
import { DUTY_KINDS, type Closing, type Layer } from './closing.js';
import type { Duties } from './duties.js';
import { challengeError } from './errors.js';
import type { Keepers } from './expected-keepers.js';
import type { ChallengeState, Subject } from './state.js';
import { claimOf, decide, judgeReport, partiesOf } from './verdicts.js';

/** What somebody puts down on a case; the case adds when and at which layer. */
type Claim = Pick<Bond, 'address' | 'amount' | 'side' | 'claimedHash'>;

interface Opening extends Subject {
  readonly windowId: bigint;
  readonly origin: CaseOrigin;
  readonly opener: string;
  readonly accused: readonly string[];
  readonly disputedHash: Uint8Array;
  readonly claims: readonly Claim[];
  readonly evidenceCid: string;
}

/**
 * Claims after which a case takes no further challenger. Every message about a case writes all of them: without a bound,
 * some hundred bonds of a shield would make an auditor's report or an escalation run out of gas.
 */
const MAX_CHALLENGERS = 16;

/** Cases: opened, judged by one verifier, on escalation by a panel, on appeal by a larger one. What a closed one leaves behind is `closing.ts`. */
export class Cases {
  constructor(
    private readonly state: ChallengeState,
    private readonly keepers: Keepers,
    private readonly duties: Duties,
    private readonly closing: Closing,
    private readonly escrowAddress: string,
  ) {}

  open(ctx: Context, opening: Opening): Case {
    const { height } = ctx.block;
    const opened = this.state.addCase(
      ctx,
      Case.fromPartial({
        subjectKind: opening.subjectKind,
        subjectId: opening.subjectId,
        windowId: opening.windowId,
        origin: opening.origin,
        opener: opening.opener,
        accused: [...opening.accused],
        disputedHash: opening.disputedHash,
        bonds: opening.claims.map((claim) => ({ ...claim, layer: CaseLayer.TWO, height })),
        evidenceCid: opening.evidenceCid,
        phase: CasePhase.DRAWING,
        layer: CaseLayer.TWO,
        openedHeight: height,
      }),
    );
    for (const party of partiesOf(opened)) this.keepers.nodes.freeze(ctx, party);
    this.state.caseDraws.push(ctx, height + 1n, opened.id);
    ctx.emit({
      type: 'case_opened',
      attributes: {
        case_id: opened.id.toString(),
        subject: SubjectKind[opening.subjectKind].toLowerCase(),
        subject_id: opening.subjectId.toString(),
        origin: CaseOrigin[opening.origin].toLowerCase(),
        opener: opening.opener,
      },
    });
    return opened;
  }

  private takeBond(ctx: Context, from: string, amount: bigint): void {
    const expected = this.state.params(ctx).bond;
    if (amount !== BigInt(expected)) throw challengeError('WRONG_BOND', `expected a bond of ${expected} uremes, got ${amount}`);
    this.keepers.bank.send(ctx, from, this.escrowAddress, amount);
  }

  /** `change.layer` is the layer that an escalation asks for. */
  private addBond(ctx: Context, c: Case, claim: Claim, change: Partial<Case>): void {
    if (!partiesOf(c).includes(claim.address)) this.keepers.nodes.freeze(ctx, claim.address);
    const bond: Bond = { ...claim, layer: change.layer ?? c.layer, height: ctx.block.height };
    this.state.saveCase(ctx, { ...c, ...change, bonds: [...c.bonds, bond] });
  }

  /** Puts a claim beside those of an open case, whatever its phase: a drawn auditor's, or a challenger's with a bond. */
  join(ctx: Context, c: Case, claim: Claim): bigint {
    this.addBond(ctx, c, claim, {});
    ctx.emit({ type: 'case_joined', attributes: { case_id: c.id.toString(), address: claim.address, amount: claim.amount } });
    return c.id;
  }

  /** A bonded challenge: opens a case on the subject, or joins the open one. */
  challenge(ctx: Context, challenger: string, opening: Omit<Opening, 'claims' | 'opener' | 'origin'>, claimedHash: Uint8Array, amount: bigint): bigint {
    if (equalBytes(claimedHash, opening.disputedHash)) {
      throw challengeError('HASHES_EQUAL', 'the claimed hash is the submitted one: layer 1 finds nothing to dispute');
    }
    if (opening.accused.includes(challenger)) throw challengeError('OWN_WORK', `${challenger} cannot challenge its own work`);
    const existing = this.state.openCaseOn(ctx, opening);
    const claim: Claim = { address: challenger, amount: amount.toString(), side: Verdict.INVALID, claimedHash };
    if (existing === undefined) {
      this.takeBond(ctx, challenger, amount);
      return this.open(ctx, { ...opening, origin: CaseOrigin.BOND, opener: challenger, claims: [claim] }).id;
    }
    if (existing.phase !== CasePhase.DRAWING && existing.phase !== CasePhase.VOTING) {
      throw challengeError('CASE_NOT_OPEN', `case ${existing.id} is decided`, 'escalate it, or open another when it is closed');
    }
    if (existing.bonds.length >= MAX_CHALLENGERS) {
      throw challengeError('CASE_FULL', `expected fewer than ${MAX_CHALLENGERS} claims in case ${existing.id}, it has ${existing.bonds.length}`);
    }
    if (partiesOf(existing).includes(challenger)) throw challengeError('ALREADY_PARTY', `${challenger} is a party of case ${existing.id} already`);
    this.takeBond(ctx, challenger, amount);
    return this.join(ctx, existing, claim);
  }

  beginBlock(ctx: Context): void {
    for (const id of this.state.caseDraws.drain(ctx, ctx.block.height)) {
      const c = this.state.case(ctx, id);
      if (c?.phase === CasePhase.DRAWING) this.draw(ctx, c);
    }
  }

  private seatsAndBlocks(ctx: QueryContext, layer: CaseLayer): { seats: number; blocks: bigint } {
    const p = this.state.params(ctx);
    if (layer === CaseLayer.APPEAL) return { seats: p.appealPanelSize, blocks: p.appealBlocks };
    if (layer === CaseLayer.THREE) return { seats: p.panelSize, blocks: p.layer3Blocks };
    return { seats: 1, blocks: p.layer2Blocks };
  }

  /** Nobody judges a subject twice, nor one he is party to. Too few verifiers: the largest odd number; none: no judgement. */
  private draw(ctx: Context, c: Case): void {
    const excluded = new Set([...partiesOf(c), ...this.state.subjectDuties(ctx, c).map((d) => d.verifier)]);
    const candidates = this.keepers.nodes.eligible(ctx, Part.VERIFIER).filter((v) => !excluded.has(v.address));
    const { seats, blocks } = this.seatsAndBlocks(ctx, c.layer);
    const available = candidates.length - 1 + (candidates.length % 2);
    const seed = drawSeed(this.keepers.training.state.beacon(ctx).value, 'case', c.id, BigInt(c.layer), BigInt(c.redraws));
    const verifiers = sampleByStake(seed, candidates, available < seats ? available : seats);
    if (verifiers.length === 0) {
      this.layerFailed(ctx, c);
      return;
    }
    const revealDue = ctx.block.height + blocks;
    const group = this.duties.assign(
      ctx,
      {
        subjectKind: c.subjectKind,
        subjectId: c.subjectId,
        kind: DUTY_KINDS[c.layer as Layer],
        windowId: c.windowId,
        caseId: c.id,
        commitDue: revealDue - this.state.params(ctx).reportRevealBlocks,
        revealDue,
        redraws: c.redraws,
      },
      verifiers,
    );
    this.state.saveCase(ctx, { ...c, phase: CasePhase.VOTING, groupId: group.id });
  }

  /** All reports of the current layer are in, or their time is over. */
  groupDone(ctx: Context, group: DutyGroup, duties: readonly Duty[]): void {
    const c = this.state.case(ctx, group.caseId);
    if (c?.phase !== CasePhase.VOTING || c.groupId !== group.id) return;
    const reports = duties.filter((d) => d.status === DutyStatus.REVEALED);
    const decision = decide(reports, duties.length, c.disputedHash, c.origin === CaseOrigin.UNEQUAL_REVEALS);
    if (decision === undefined) {
      this.withoutMajority(ctx, c);
      return;
    }
    const escalateUntil = ctx.block.height + this.state.params(ctx).escalationBlocks;
    const decided: Case = {
      ...c,
      phase: CasePhase.DECIDED,
      verdict: decision.verdict,
      verdictHash: decision.hash,
      verdictDigest: decision.digest,
      escalateUntil,
    };
    ctx.emit({
      type: 'case_decided',
      attributes: { case_id: c.id.toString(), layer: CaseLayer[c.layer].toLowerCase(), verdict: Verdict[decision.verdict].toLowerCase() },
    });
    if (c.layer === CaseLayer.APPEAL) {
      this.closing.close(ctx, decided);
      return;
    }
    this.state.saveCase(ctx, decided);
    this.state.caseDeadlines.push(ctx, escalateUntil, c.id);
  }

  private withoutMajority(ctx: Context, c: Case): void {
    if (c.redraws > 0) {
      this.layerFailed(ctx, c);
      return;
    }
    this.state.saveCase(ctx, { ...c, phase: CasePhase.DRAWING, redraws: c.redraws + 1 });
    this.state.caseDraws.push(ctx, ctx.block.height + 1n, c.id);
  }

  /**
   * A layer that nobody can sit in, or that twice has no majority, judges nothing. What a lower layer decided stands: an
   * appeal that fails must not undo it, or a loser would only have to find a time without verifiers. Void where none decided.
   */
  private layerFailed(ctx: Context, c: Case): void {
    ctx.emit({ type: 'layer_failed', attributes: { case_id: c.id.toString(), layer: CaseLayer[c.layer].toLowerCase() } });
    if (c.layer === CaseLayer.TWO) this.closing.close(ctx, { ...c, verdict: Verdict.VOID });
    else this.closing.close(ctx, { ...c, layer: c.layer === CaseLayer.APPEAL ? CaseLayer.THREE : CaseLayer.TWO });
  }

  /** What the sender would win by a higher layer, if the verdict went against him. */
  private losingSide(ctx: QueryContext, c: Case, address: string): Pick<Bond, 'side' | 'claimedHash'> | undefined {
    const other = c.verdict === Verdict.VALID ? Verdict.INVALID : Verdict.VALID;
    const sides = c.bonds.filter((b) => b.address === address).map((b) => b.side);
    if (address === c.opener) sides.push(Verdict.INVALID);
    if (c.origin !== CaseOrigin.UNEQUAL_REVEALS && c.accused.includes(address)) sides.push(Verdict.VALID);
    const own = this.state.subjectDuties(ctx, c).find((d) => d.verifier === address && d.status === DutyStatus.REVEALED);
    if (own !== undefined) {
      const quality = judgeReport(own, c);
      if (quality === 'lazy') return { side: Verdict.UNSPECIFIED, claimedHash: own.reportDigest };
      if (quality === 'false' && c.origin === CaseOrigin.UNEQUAL_REVEALS) return claimOf(own.reportHash, c);
      if (quality === 'false') sides.push(other);
    }
    if (c.origin === CaseOrigin.UNEQUAL_REVEALS) {
      const window = this.keepers.training.state.window(ctx, c.windowId);
      const records = window === undefined ? [] : this.keepers.aggregation.records(ctx, window);
      const hash = records.find((r) => r.proposer === address)?.result?.resultHash;
      if (hash !== undefined && !equalBytes(hash, c.verdictHash)) return claimOf(hash, c);
    }
    return sides.includes(other) ? { side: other, claimedHash: new Uint8Array() } : undefined;
  }

  escalate(ctx: Context, caseId: bigint, address: string, amount: bigint): void {
    const c = this.state.case(ctx, caseId);
    if (c === undefined) throw challengeError('UNKNOWN_CASE', `case ${caseId} does not exist`);
    if (c.layer === CaseLayer.APPEAL && c.phase === CasePhase.CLOSED) throw challengeError('NO_HIGHER_LAYER', `case ${caseId} was decided on appeal`);
    if (c.phase !== CasePhase.DECIDED || ctx.block.height > c.escalateUntil) {
      throw challengeError('CASE_NOT_OPEN', `expected case ${caseId} to be decided and open to escalation, it is ${CasePhase[c.phase].toLowerCase()}`);
    }
    const side = this.losingSide(ctx, c, address);
    if (side === undefined) throw challengeError('NOT_A_LOSER', `case ${caseId} was not decided against ${address}`);
    this.takeBond(ctx, address, amount);
    const layer = c.layer === CaseLayer.TWO ? CaseLayer.THREE : CaseLayer.APPEAL;
    this.addBond(ctx, c, { address, amount: amount.toString(), ...side }, { phase: CasePhase.DRAWING, layer, redraws: 0 });
    this.state.caseDraws.push(ctx, ctx.block.height + 1n, c.id);
    ctx.emit({ type: 'case_escalated', attributes: { case_id: c.id.toString(), layer: CaseLayer[layer].toLowerCase(), address } });
  }

  endBlock(ctx: Context): void {
    for (const id of this.state.caseDeadlines.drain(ctx, ctx.block.height)) {
      const c = this.state.case(ctx, id);
      if (c?.phase === CasePhase.DECIDED && c.escalateUntil <= ctx.block.height) this.closing.close(ctx, c);
    }
  }

  /**
   * Whether a window must not be paid yet: a case against its aggregation is open, or an older accepted aggregation may
   * still be taken back, and with it every window above. Cases against gradients hold no window back. One that nobody
   * worked for has nothing to wait for.
   */
  holdsBack(ctx: QueryContext, window: TrainingWindow): boolean {
    if (window.gradientCount === 0) return false;
    if (this.keepers.training.state.unsettled(ctx).some((w) => w.id < window.id && w.outcome === WindowOutcome.ACCEPTED)) return true;
    return this.state.openCaseOn(ctx, { subjectKind: SubjectKind.AGGREGATION, subjectId: window.id }) !== undefined;
  }
}
