import type { ProposerRecord } from '../../../protocol/gen/remes/remes/v1/aggregation.js';
import { SubjectKind, type Case, type Duty } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part, type Registration } from '../../../protocol/gen/remes/remes/v1/node.js';
import { RewardParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { Emission, RewardRecord, RewardStatus } from '../../../protocol/gen/remes/remes/v1/reward.js';
import { GradientStatus, type StoredGradient } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, WindowPhase, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { BASIS_POINTS } from '../../../protocol/params.js';
import { equalBytes } from '../../../protocol/bytes.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, NumberList, Table } from '../collections.js';
import { auditorFace, minerFace, minerQualityBps, proposerFace, shareOut, windowBudget } from './emission.js';

export interface Bank {
  mint(ctx: Context, to: string, amount: bigint): void;
  supply(ctx: QueryContext): bigint;
}

export interface Nodes {
  registration(ctx: QueryContext, part: Part, address: string): Registration | undefined;
  save(ctx: Context, registration: Registration): void;
  release(ctx: Context, part: Part, address: string): void;
  isFrozen(ctx: QueryContext, address: string): boolean;
}

export interface Training {
  readonly state: {
    unsettled(ctx: QueryContext): TrainingWindow[];
    window(ctx: QueryContext, id: bigint): TrainingWindow | undefined;
    markSettled(ctx: Context, window: TrainingWindow): void;
    gradients(ctx: QueryContext, window: TrainingWindow): StoredGradient[];
    gradient(ctx: QueryContext, id: bigint): StoredGradient | undefined;
    saveGradient(ctx: Context, gradient: StoredGradient): void;
    params(ctx: QueryContext): { readonly collectingBlocks: bigint };
  };
}

export interface Aggregation {
  records(ctx: QueryContext, window: TrainingWindow): ProposerRecord[];
  params(ctx: QueryContext): { readonly attestingBlocks: bigint; readonly committingBlocks: bigint; readonly revealingBlocks: bigint };
}

export interface Challenge {
  paidReports(ctx: QueryContext, windowId: bigint): Duty[];
  releaseWindow(ctx: Context, windowId: bigint): void;
  readonly cases: { holdsBack(ctx: QueryContext, window: TrainingWindow): boolean };
  readonly state: {
    finalCaseOn(ctx: QueryContext, subject: { subjectKind: SubjectKind; subjectId: bigint }): Case | undefined;
    windowDuties(ctx: QueryContext, windowId: bigint): Duty[];
  };
}

export interface Keepers {
  readonly bank: Bank;
  readonly nodes: Nodes;
  readonly training: Training;
  readonly aggregation: Aggregation;
  readonly challenge: Challenge;
}

const STORE = 'reward';
const PLACES = {
  params: { store: STORE, prefix: 0x01 }, // -> RewardParams
  emission: { store: STORE, prefix: 0x02 }, // -> Emission
  records: { store: STORE, prefix: 0x03 }, // id -> RewardRecord
  recordCount: { store: STORE, prefix: 0x04 },
  recordsOf: { store: STORE, prefix: 0x05 }, // address -> record ids
  windowRecords: { store: STORE, prefix: 0x06 }, // window -> record ids
  frozen: { store: STORE, prefix: 0x07 }, // address -> ids of records that a case holds
  promised: { store: STORE, prefix: 0x08 }, // -> Emission: pay that cases hold, counted as minted and not in the supply yet
} as const;

const PART_SHARES = { [Part.MINER]: 'minerShareBps', [Part.PROPOSER]: 'proposerShareBps', [Part.VERIFIER]: 'auditorShareBps' } as const;

const TRUST_GAIN_BPS = 100;

/** One payee of a window before the budget is shared out. */
interface Payee {
  readonly address: string;
  readonly part: keyof typeof PART_SHARES;
  readonly face: bigint;
  readonly gradientId: bigint;
  readonly trustBps: number;
  readonly successBps: number;
  readonly qualityBps: number;
  readonly count: number;
}

/** Pays a window when its challenge phase is over, from the emission of its own seconds, and says why. */
export class RewardKeeper {
  readonly #params = new Table(PLACES.params, RewardParams);
  readonly #emission = new Table(PLACES.emission, Emission);
  readonly #records = new Table(PLACES.records, RewardRecord);
  readonly #recordCount = new Counter(PLACES.recordCount);
  readonly #recordsOf = new NumberList(PLACES.recordsOf);
  readonly #windowRecords = new NumberList(PLACES.windowRecords);
  readonly #frozen = new NumberList(PLACES.frozen);
  readonly #promised = new Table(PLACES.promised, Emission);

  constructor(private readonly keepers: Keepers) {}

  params(ctx: QueryContext): RewardParams {
    return this.#params.get(ctx) ?? RewardParams.create();
  }

  setParams(ctx: Context, params: RewardParams): void {
    this.#params.set(ctx, params);
  }

  /** Minted so far, frozen pay included: what is promised cannot be promised twice. */
  minted(ctx: QueryContext): bigint {
    return BigInt(this.#emission.get(ctx)?.minted ?? '0');
  }

  private addMinted(ctx: Context, amount: bigint): void {
    this.#emission.set(ctx, { minted: (this.minted(ctx) + amount).toString() });
  }

  private promised(ctx: QueryContext): bigint {
    return BigInt(this.#promised.get(ctx)?.minted ?? '0');
  }

  private addPromised(ctx: Context, amount: bigint): void {
    this.#promised.set(ctx, { minted: (this.promised(ctx) + amount).toString() });
  }

  record(ctx: QueryContext, id: bigint): RewardRecord | undefined {
    return this.#records.get(ctx, id);
  }

  recordCountOf(ctx: QueryContext, address: string): bigint {
    return this.#recordsOf.length(ctx, address);
  }

  recordOf(ctx: QueryContext, address: string, index: bigint): RewardRecord | undefined {
    const id = this.#recordsOf.at(ctx, index, address);
    return id === undefined ? undefined : this.record(ctx, id);
  }

  windowRecords(ctx: QueryContext, windowId: bigint): RewardRecord[] {
    return this.#windowRecords.values(ctx, windowId).flatMap((id) => this.record(ctx, id) ?? []);
  }

  endBlock(ctx: Context): void {
    for (const window of this.keepers.training.state.unsettled(ctx)) {
      const isOver = window.phase === WindowPhase.CHALLENGE || window.phase === WindowPhase.REVERTED;
      if (!isOver || ctx.block.height < window.challengeEnd || this.keepers.challenge.cases.holdsBack(ctx, window)) continue;
      this.settle(ctx, window);
    }
  }

  private nominalSeconds(ctx: QueryContext): bigint {
    const { collectingBlocks } = this.keepers.training.state.params(ctx);
    const { attestingBlocks, committingBlocks, revealingBlocks } = this.keepers.aggregation.params(ctx);
    const blocks = collectingBlocks + attestingBlocks + committingBlocks + revealingBlocks;
    return (blocks * this.params(ctx).nominalBlockMs) / 1000n;
  }

  private settle(ctx: Context, window: TrainingWindow): void {
    const params = this.params(ctx);
    const budget = windowBudget(
      params,
      {
        genesisTime: ctx.block.genesisTimeSeconds,
        openedTime: window.openedTime,
        endTime: window.nextOpenedTime === 0n ? ctx.block.timeSeconds : window.nextOpenedTime,
        nominalSeconds: this.nominalSeconds(ctx),
      },
      this.minted(ctx),
      this.keepers.bank.supply(ctx) + this.promised(ctx),
    );
    const base = BigInt(params.minerBase);
    this.pay(ctx, window, budget, this.minerPayees(ctx, window, base));
    this.pay(ctx, window, budget, this.proposerPayees(ctx, window, base));
    this.pay(ctx, window, budget, this.auditorPayees(ctx, window, base));
    this.release(ctx, window);
    const phase = window.phase === WindowPhase.REVERTED ? window.phase : WindowPhase.FINALIZED;
    this.keepers.training.state.markSettled(ctx, { ...window, phase });
    ctx.emit({ type: 'window_settled', attributes: { window_id: window.id.toString(), budget: budget.toString() } });
  }

  /** Gradients that are paid: included ones, and in a reverted window all that nobody proved wrong or unavailable. */
  private paidGradients(ctx: QueryContext, window: TrainingWindow): StoredGradient[] {
    return this.keepers.training.state
      .gradients(ctx, window)
      .filter((g) => g.status === GradientStatus.INCLUDED || (window.outcome === WindowOutcome.REVERTED && g.status === GradientStatus.PENDING));
  }

  private minerPayees(ctx: QueryContext, window: TrainingWindow, base: bigint): Payee[] {
    return this.paidGradients(ctx, window).map((g) => {
      const r = this.keepers.nodes.registration(ctx, Part.MINER, g.miner);
      const trustBps = r?.trustBps ?? 0;
      const finalized = (r?.jobsFinalized ?? 0n) + 1n;
      const assigned = r?.jobsAssigned ?? 0n;
      const successBps = assigned <= finalized ? Number(BASIS_POINTS) : Number((finalized * BASIS_POINTS) / assigned);
      const challenged = this.keepers.challenge.state.finalCaseOn(ctx, { subjectKind: SubjectKind.GRADIENT, subjectId: g.id }) !== undefined;
      const qualityBps = minerQualityBps(trustBps, successBps, challenged);
      return {
        address: g.miner,
        part: Part.MINER,
        face: minerFace(base, qualityBps),
        gradientId: g.id,
        trustBps,
        successBps,
        qualityBps,
        count: 1,
      };
    });
  }

  private proposerPayees(ctx: QueryContext, window: TrainingWindow, base: bigint): Payee[] {
    const { accepted } = window;
    if (accepted === undefined || window.outcome !== WindowOutcome.ACCEPTED) return [];
    return this.keepers.aggregation
      .records(ctx, window)
      .filter((r) => r.result !== undefined && equalBytes(r.result.resultHash, accepted.resultHash))
      .map((r) => ({
        address: r.proposer,
        part: Part.PROPOSER,
        face: proposerFace(base, r.participants.length),
        gradientId: 0n,
        trustBps: 0,
        successBps: 0,
        qualityBps: 0,
        count: r.participants.length,
      }));
  }

  private auditorPayees(ctx: QueryContext, window: TrainingWindow, base: bigint): Payee[] {
    const counts = new Map<string, number>();
    for (const duty of this.keepers.challenge.paidReports(ctx, window.id)) counts.set(duty.verifier, (counts.get(duty.verifier) ?? 0) + 1);
    return [...counts.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, count]) => ({
        address,
        part: Part.VERIFIER,
        face: auditorFace(base, count),
        gradientId: 0n,
        trustBps: 0,
        successBps: 0,
        qualityBps: 0,
        count,
      }));
  }

  private pay(ctx: Context, window: TrainingWindow, windowBudgetTotal: bigint, payees: readonly Payee[]): void {
    const [first] = payees;
    if (first === undefined) return;
    const budget = (windowBudgetTotal * BigInt(this.params(ctx)[PART_SHARES[first.part]])) / BASIS_POINTS;
    const faceTotal = payees.reduce((sum, p) => sum + p.face, 0n);
    const amounts = shareOut(budget, payees.map((p) => p.face));
    for (const [i, payee] of payees.entries()) {
      const amount = amounts[i] ?? 0n;
      const isFrozen = this.keepers.nodes.isFrozen(ctx, payee.address);
      const registration = this.keepers.nodes.registration(ctx, payee.part, payee.address);
      const record: RewardRecord = {
        id: this.#recordCount.add(ctx, 1n),
        windowId: window.id,
        address: payee.address,
        payoutAddress: registration?.payoutAddress ?? payee.address,
        part: payee.part,
        gradientId: payee.gradientId,
        trustBps: payee.trustBps,
        successBps: payee.successBps,
        qualityBps: payee.qualityBps,
        count: payee.count,
        face: payee.face.toString(),
        faceTotal: faceTotal.toString(),
        budget: budget.toString(),
        amount: amount.toString(),
        status: RewardStatus.FROZEN,
        height: ctx.block.height,
      };
      this.#recordsOf.push(ctx, record.id, payee.address);
      this.#windowRecords.push(ctx, record.id, window.id);
      this.addMinted(ctx, amount);
      if (isFrozen) {
        this.#records.set(ctx, record, record.id);
        this.#frozen.push(ctx, record.id, payee.address);
        this.addPromised(ctx, amount);
      } else this.payRecord(ctx, record);
    }
  }

  private payRecord(ctx: Context, record: RewardRecord): void {
    const amount = BigInt(record.amount);
    if (amount > 0n) this.keepers.bank.mint(ctx, record.payoutAddress, amount);
    this.#records.set(ctx, { ...record, status: RewardStatus.PAID, height: ctx.block.height }, record.id);
    if (record.part === Part.MINER) this.creditMiner(ctx, record);
    ctx.emit({
      type: 'reward_paid',
      attributes: {
        window_id: record.windowId.toString(),
        address: record.address,
        part: Part[record.part].toLowerCase(),
        amount: record.amount,
      },
    });
  }

  private creditMiner(ctx: Context, record: RewardRecord): void {
    const gradient = this.keepers.training.state.gradient(ctx, record.gradientId);
    if (gradient !== undefined) this.keepers.training.state.saveGradient(ctx, { ...gradient, status: GradientStatus.FINALIZED });
    const r = this.keepers.nodes.registration(ctx, Part.MINER, record.address);
    if (r === undefined) return;
    const trust = r.trustBps + TRUST_GAIN_BPS;
    const trustBps = trust > Number(BASIS_POINTS) ? Number(BASIS_POINTS) : trust;
    this.keepers.nodes.save(ctx, { ...r, trustBps, jobsFinalized: r.jobsFinalized + 1n });
  }

  /** Everybody who worked on the window is free of it. */
  private release(ctx: Context, window: TrainingWindow): void {
    for (const g of this.keepers.training.state.gradients(ctx, window)) this.keepers.nodes.release(ctx, Part.MINER, g.miner);
    for (const proposer of window.proposers) this.keepers.nodes.release(ctx, Part.PROPOSER, proposer);
    this.keepers.challenge.releaseWindow(ctx, window.id);
  }

  /** Pays what cases froze, or forfeits it if the case went against the payee. */
  caseClosed(ctx: Context, parties: readonly string[]): void {
    for (const address of parties) {
      if (this.keepers.nodes.isFrozen(ctx, address)) continue;
      const ids = this.#frozen.values(ctx, address);
      if (ids.length === 0) continue;
      this.#frozen.clear(ctx, address);
      for (const id of ids) {
        const record = this.record(ctx, id);
        if (record === undefined) continue;
        this.addPromised(ctx, -BigInt(record.amount));
        if (!this.isForfeited(ctx, record)) {
          this.payRecord(ctx, record);
          continue;
        }
        this.addMinted(ctx, -BigInt(record.amount));
        this.#records.set(ctx, { ...record, status: RewardStatus.FORFEITED, height: ctx.block.height }, id);
      }
    }
  }

  private isForfeited(ctx: QueryContext, record: RewardRecord): boolean {
    if (record.part === Part.MINER) {
      return this.keepers.training.state.gradient(ctx, record.gradientId)?.status === GradientStatus.SLASHED;
    }
    if (record.part === Part.PROPOSER) return this.keepers.training.state.window(ctx, record.windowId)?.outcome === WindowOutcome.REVERTED;
    return this.keepers.challenge.state.windowDuties(ctx, record.windowId).some((d) => d.verifier === record.address && d.punished);
  }
}
