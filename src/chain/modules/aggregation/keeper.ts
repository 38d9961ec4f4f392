import { bitmapHas } from '../../../protocol/bitmap.js';
import { compareBytes, equalBytes, toHex } from '../../../protocol/bytes.js';
import { ProposerRecord } from '../../../protocol/gen/remes/remes/v1/aggregation.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { AggregationParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { GradientStatus, type StoredGradient } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, WindowPhase, type AggregationResult, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { drawSeed, sampleByStake, type Candidate } from '../../../protocol/sampling.js';
import type { Context, QueryContext } from '../../module.js';
import { Table } from '../collections.js';

/** What this module needs of the registry of nodes. */
export interface Nodes {
  eligible(ctx: QueryContext, part: Part): Candidate[];
  hold(ctx: Context, part: Part, address: string): void;
  slash(
    ctx: Context,
    order: {
      part: Part;
      address: string;
      bps: number;
      reason: string;
      windowId: bigint;
      caseId?: bigint;
      bountyTo?: string | undefined;
      proven?: boolean;
    },
  ): bigint;
}

/** What this module needs of training. */
export interface Training {
  readonly state: {
    newest(ctx: QueryContext): TrainingWindow | undefined;
    window(ctx: QueryContext, id: bigint): TrainingWindow | undefined;
    saveWindow(ctx: Context, window: TrainingWindow): void;
    gradient(ctx: QueryContext, id: bigint): StoredGradient | undefined;
    gradients(ctx: QueryContext, window: TrainingWindow): StoredGradient[];
    saveGradient(ctx: Context, gradient: StoredGradient): void;
    beacon(ctx: QueryContext): { readonly value: Uint8Array };
  };
  close(ctx: Context, window: TrainingWindow, outcome: WindowOutcome): void;
  revertFrom(ctx: Context, id: bigint, challengeBlocks: bigint): void;
}

export interface Models {
  setAdapter(ctx: Context, id: bigint, state: { adapterCid: string; optimizerCid: string; step: bigint }): void;
}

/** What this module needs of challenge. */
export interface Disputes {
  /** Opens the case of unequal reveals; `disputed` is the result that most revealed. */
  openUnequalReveals(ctx: Context, window: TrainingWindow, disputed: Uint8Array, proposers: readonly string[]): void;
  /** Told when a window's challenge phase has a known end. */
  challengePhaseBegan(ctx: Context, window: TrainingWindow): void;
  challengeBlocks(ctx: QueryContext): bigint;
}

const STORE = 'aggregation';
const PLACES = {
  params: { store: STORE, prefix: 0x01 }, // -> AggregationParams
  records: { store: STORE, prefix: 0x02 }, // window | proposer -> ProposerRecord
} as const;

/** Leads a window from attestation to one accepted aggregation. */
export class AggregationKeeper {
  readonly #params = new Table(PLACES.params, AggregationParams);
  readonly #records = new Table(PLACES.records, ProposerRecord);
  #disputes: Disputes | undefined;

  constructor(
    private readonly nodes: Nodes,
    readonly training: Training,
    private readonly models: Models,
  ) {}

  /** Aggregation and challenge need each other; whoever builds the application ties the knot. */
  connect(disputes: Disputes): void {
    this.#disputes = disputes;
  }

  private get disputes(): Disputes {
    if (this.#disputes === undefined) throw new Error('connect() was not called');
    return this.#disputes;
  }

  params(ctx: QueryContext): AggregationParams {
    return this.#params.get(ctx) ?? AggregationParams.create();
  }

  setParams(ctx: Context, params: AggregationParams): void {
    this.#params.set(ctx, params);
  }

  record(ctx: QueryContext, windowId: bigint, proposer: string): ProposerRecord | undefined {
    return this.#records.get(ctx, windowId, proposer);
  }

  /** Records of a window's drawn proposers, in the order in which they were drawn. */
  records(ctx: QueryContext, window: TrainingWindow): ProposerRecord[] {
    return window.proposers.flatMap((proposer) => this.record(ctx, window.id, proposer) ?? []);
  }

  save(ctx: Context, record: ProposerRecord): void {
    this.#records.set(ctx, record, record.windowId, record.proposer);
  }

  /** Last heights of the phases after collecting, fixed when collecting ends. */
  collectingEnded(ctx: Context, window: TrainingWindow): void {
    if (window.phase !== WindowPhase.ATTESTING) return;
    const p = this.params(ctx);
    const attestingEnd = window.collectingEnd + p.attestingBlocks;
    const committingEnd = attestingEnd + p.committingBlocks;
    this.training.state.saveWindow(ctx, { ...window, attestingEnd, committingEnd, revealingEnd: committingEnd + p.revealingBlocks });
  }

  /** Draws the proposers from the first beacon that nobody could know while collecting. */
  beginBlock(ctx: Context): void {
    const window = this.training.state.newest(ctx);
    if (window?.phase !== WindowPhase.ATTESTING || ctx.block.height !== window.collectingEnd + 1n) return;
    const seed = drawSeed(this.training.state.beacon(ctx).value, 'proposers', window.id);
    const proposers = sampleByStake(seed, this.nodes.eligible(ctx, Part.PROPOSER), this.params(ctx).proposersPerWindow);
    for (const proposer of proposers) {
      this.nodes.hold(ctx, Part.PROPOSER, proposer);
      this.save(ctx, ProposerRecord.fromPartial({ windowId: window.id, proposer }));
      ctx.emit({ type: 'proposer_drawn', attributes: { window_id: window.id.toString(), proposer } });
    }
    this.training.state.saveWindow(ctx, { ...window, proposers });
  }

  endBlock(ctx: Context): void {
    const window = this.training.state.newest(ctx);
    if (window === undefined) return;
    const { height } = ctx.block;
    if (window.phase === WindowPhase.ATTESTING && height >= window.attestingEnd) this.fixIncluded(ctx, window);
    else if (window.phase === WindowPhase.COMMITTING && height >= window.committingEnd) {
      this.training.state.saveWindow(ctx, { ...window, phase: WindowPhase.REVEALING });
    } else if (window.phase === WindowPhase.REVEALING && height >= window.revealingEnd) this.evaluate(ctx, window);
  }

  /** Included is what two thirds of the drawn proposers attest, save what is condemned already. */
  private fixIncluded(ctx: Context, window: TrainingWindow): void {
    const records = this.records(ctx, window);
    const included: bigint[] = [];
    const bits: number[] = [];
    for (const gradient of this.training.state.gradients(ctx, window)) {
      if (gradient.status === GradientStatus.SLASHED) continue;
      const votes = records.filter((r) => r.attested && bitmapHas(r.attestation, gradient.windowIndex)).length;
      const isIncluded = records.length > 0 && votes * 3 >= records.length * 2;
      this.training.state.saveGradient(ctx, { ...gradient, status: isIncluded ? GradientStatus.INCLUDED : GradientStatus.EXCLUDED });
      if (!isIncluded) continue;
      included.push(gradient.id);
      bits.push(gradient.windowIndex);
    }
    // A proposer that said nothing owes a commit like the others: silence is no way out.
    for (const r of records) {
      const fetchedAll = bits.every((bit) => bitmapHas(r.attestation, bit));
      this.save(ctx, { ...r, owesCommit: included.length > 0 && (!r.attested || fetchedAll) });
    }
    const fixed = { ...window, included, phase: WindowPhase.COMMITTING };
    // With nothing included nobody will owe a commit, so that silence is charged now: else two could stop all pay for free.
    if (included.length === 0) for (const r of records) if (!r.attested) this.slashMissing(ctx, r, 'missing_attestation');
    if (included.length === 0) this.closeWithoutResult(ctx, fixed, WindowOutcome.NO_GRADIENTS);
    else this.training.state.saveWindow(ctx, fixed);
    ctx.emit({
      type: 'gradients_included',
      attributes: { window_id: window.id.toString(), included: included.length.toString(), submitted: window.gradientCount.toString() },
    });
  }

  private evaluate(ctx: Context, window: TrainingWindow): void {
    const records = this.records(ctx, window);
    for (const r of records) {
      if (r.owesCommit && !r.revealed) this.slashMissing(ctx, r, r.commitment.length === 0 ? 'missing_commit' : 'missing_reveal');
    }
    const groups = groupByResult(records);
    const [leading] = groups;
    if (groups.length > 1 && leading !== undefined) {
      const disputed = { ...window, phase: WindowPhase.DISPUTED };
      this.training.state.saveWindow(ctx, disputed);
      const revealed = records.filter((r) => r.revealed).map((r) => r.proposer);
      this.disputes.openUnequalReveals(ctx, disputed, leading.result.resultHash, revealed);
      return;
    }
    this.acceptMajority(ctx, window, leading);
  }

  private slashMissing(ctx: Context, { proposer, windowId }: ProposerRecord, reason: string): void {
    this.nodes.slash(ctx, { part: Part.PROPOSER, address: proposer, bps: this.params(ctx).missingSlashBps, reason, windowId });
  }

  private acceptMajority(ctx: Context, window: TrainingWindow, group: ResultGroup | undefined): void {
    if (group !== undefined && group.count * 2 > window.proposers.length) this.accept(ctx, window, group.result);
    else this.closeWithoutResult(ctx, window, WindowOutcome.NO_MAJORITY);
  }

  /** The verdict on unequal reveals, or none if it was void: then the majority decides. */
  resolveDispute(ctx: Context, windowId: bigint, truth: Uint8Array | undefined): void {
    const window = this.training.state.window(ctx, windowId);
    if (window?.phase !== WindowPhase.DISPUTED) return;
    const groups = groupByResult(this.records(ctx, window));
    const group = truth === undefined ? groups[0] : groups.find((g) => equalBytes(g.result.resultHash, truth));
    this.acceptMajority(ctx, window, group);
  }

  private accept(ctx: Context, window: TrainingWindow, result: AggregationResult): void {
    this.models.setAdapter(ctx, window.modelId, result);
    const challengeEnd = ctx.block.height + this.disputes.challengeBlocks(ctx);
    this.training.close(ctx, { ...window, accepted: result, challengeEnd }, WindowOutcome.ACCEPTED);
    this.announceChallengePhase(ctx, window.id);
    ctx.emit({
      type: 'aggregation_accepted',
      attributes: { window_id: window.id.toString(), adapter_cid: result.adapterCid, result_hash: toHex(result.resultHash) },
    });
  }

  private closeWithoutResult(ctx: Context, window: TrainingWindow, outcome: WindowOutcome): void {
    const challengeEnd = ctx.block.height + this.disputes.challengeBlocks(ctx);
    this.training.close(ctx, { ...window, challengeEnd }, outcome);
    this.announceChallengePhase(ctx, window.id);
  }

  private announceChallengePhase(ctx: Context, windowId: bigint): void {
    const closed = this.training.state.window(ctx, windowId);
    if (closed !== undefined) this.disputes.challengePhaseBegan(ctx, closed);
  }

  /** Slashes every proposer of the window whose revealed result hash is wrong. */
  punishWrong(
    ctx: Context,
    windowId: bigint,
    isWrong: (resultHash: Uint8Array) => boolean,
    caseId: bigint,
    bountyTo: string | undefined,
  ): void {
    const window = this.training.state.window(ctx, windowId);
    if (window === undefined) return;
    const wrong = this.records(ctx, window).filter((r) => r.result !== undefined && isWrong(r.result.resultHash));
    for (const { proposer } of wrong) {
      this.nodes.slash(ctx, {
        part: Part.PROPOSER,
        address: proposer,
        bps: this.params(ctx).fraudSlashBps,
        reason: 'wrong_aggregation',
        windowId,
        caseId,
        bountyTo,
        proven: true,
      });
    }
  }

  /** Takes an accepted aggregation back: the model returns to what the window stood on, later windows close. */
  revert(ctx: Context, windowId: bigint): void {
    const window = this.training.state.window(ctx, windowId);
    if (window === undefined || window.outcome !== WindowOutcome.ACCEPTED) return;
    this.models.setAdapter(ctx, window.modelId, {
      adapterCid: window.baseAdapterCid,
      optimizerCid: window.baseOptimizerCid,
      step: window.baseStep,
    });
    this.training.revertFrom(ctx, windowId, this.disputes.challengeBlocks(ctx));
    for (let id = windowId; ; id++) {
      const later = this.training.state.window(ctx, id);
      if (later === undefined) break;
      if (later.outcome === WindowOutcome.REVERTED && !later.settled) this.disputes.challengePhaseBegan(ctx, later);
    }
  }
}

interface ResultGroup {
  readonly result: AggregationResult;
  readonly count: number;
}

/** Reveals by result, most frequent first; ties by result hash. */
function groupByResult(records: readonly ProposerRecord[]): ResultGroup[] {
  const groups = new Map<string, ResultGroup>();
  for (const r of records) {
    if (!r.revealed || r.result === undefined) continue;
    const key = toHex(r.result.resultHash);
    groups.set(key, { result: r.result, count: (groups.get(key)?.count ?? 0) + 1 });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || compareBytes(a.result.resultHash, b.result.resultHash));
}
