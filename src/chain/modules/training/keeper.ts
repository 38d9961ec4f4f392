import { compareBytes } from '../../../protocol/bytes.js';
import { jobId, minerOrderKey } from '../../../protocol/commitments.js';
import type { Dataset } from '../../../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../../../protocol/gen/remes/remes/v1/model.js';
import { Part, RegistrationStatus, type Registration } from '../../../protocol/gen/remes/remes/v1/node.js';
import { JobStatus, TrainingWindow, WindowOutcome, WindowPhase } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { drawSeed, permutationPrefix, type Candidate } from '../../../protocol/sampling.js';
import type { Context, QueryContext } from '../../module.js';
import { isRunning, TrainingState } from './state.js';

/** What this module needs of the registry of nodes. */
export interface Nodes {
  eligible(ctx: QueryContext, part: Part): Candidate[];
  registration(ctx: QueryContext, part: Part, address: string): Registration | undefined;
  save(ctx: Context, registration: Registration): void;
  hold(ctx: Context, part: Part, address: string): void;
  release(ctx: Context, part: Part, address: string): void;
  minStake(ctx: QueryContext, part: Part): bigint;
  params(ctx: QueryContext): { readonly maxMissedInARow: number };
}

export interface Models {
  current(ctx: QueryContext): Model | undefined;
}

export interface Datasets {
  forTokenizer(ctx: QueryContext, tokenizerCid: string): Dataset | undefined;
}

/** Who wants to know that a window stops collecting. */
export type CollectingEnded = (ctx: Context, window: TrainingWindow) => void;

/** Opens and ends windows and gives out jobs. What comes after collecting belongs to aggregation, challenge and reward. */
export class TrainingKeeper {
  readonly state = new TrainingState();
  readonly #onCollectingEnded: CollectingEnded[] = [];

  constructor(
    readonly nodes: Nodes,
    readonly models: Models,
    private readonly datasets: Datasets,
  ) {}

  onCollectingEnded(listener: CollectingEnded): void {
    this.#onCollectingEnded.push(listener);
  }

  /** Chunks per window that a dataset yields, in whole jobs. */
  private jobCapacity(ctx: QueryContext, dataset: Dataset): number {
    return Math.floor(dataset.trainingChunks / this.state.params(ctx).chunksPerJob);
  }

  /**
   * Opens the next window on the model's adapter, if there are a model, a dataset and somebody to work. Until then
   * every block tries again.
   */
  openNext(ctx: Context): void {
    const model = this.models.current(ctx);
    if (model === undefined) return;
    const dataset = this.datasets.forTokenizer(ctx, model.tokenizerCid);
    if (dataset === undefined || dataset.chunkTokens % model.sequenceLength !== 0) return;
    const id = this.state.windowCount(ctx) + 1n;
    const beacon = this.state.beacon(ctx).value;
    const miners = this.nodes
      .eligible(ctx, Part.MINER)
      .map(({ address }) => ({ address, rank: minerOrderKey(beacon, id, address) }))
      .sort((a, b) => compareBytes(a.rank, b.rank))
      .slice(0, this.jobCapacity(ctx, dataset));
    if (miners.length === 0) return;
    const { collectingBlocks } = this.state.params(ctx);
    const window = TrainingWindow.fromPartial({
      id,
      modelId: model.id,
      datasetId: dataset.id,
      modelVersion: model.version,
      baseAdapterCid: model.adapterCid,
      baseOptimizerCid: model.optimizerCid,
      baseStep: model.step,
      phase: WindowPhase.COLLECTING,
      openingBeacon: beacon,
      openedHeight: ctx.block.height,
      openedTime: ctx.block.timeSeconds,
      collectingEnd: ctx.block.height + collectingBlocks,
      jobCount: miners.length,
      chunkTokens: dataset.chunkTokens,
      sequenceLength: model.sequenceLength,
    });
    const last = this.state.newest(ctx);
    if (last !== undefined) this.state.saveWindow(ctx, { ...last, nextOpenedTime: ctx.block.timeSeconds });
    this.state.addWindow(ctx, window);
    this.assignJobs(ctx, window, dataset, miners.map((m) => m.address));
    ctx.emit({
      type: 'window_opened',
      attributes: { window_id: id.toString(), jobs: miners.length.toString(), base_adapter_cid: model.adapterCid },
    });
  }

  private assignJobs(ctx: Context, window: TrainingWindow, dataset: Dataset, miners: readonly string[]): void {
    const { chunksPerJob } = this.state.params(ctx);
    const seed = drawSeed(window.openingBeacon, 'chunks', window.id);
    const order = permutationPrefix(seed, dataset.trainingChunks, miners.length * chunksPerJob);
    for (const [index, miner] of miners.entries()) {
      const chunks = order.slice(index * chunksPerJob, (index + 1) * chunksPerJob);
      this.state.addJob(ctx, {
        id: jobId(ctx.block.chainId, window.id, miner, chunks),
        windowId: window.id,
        index,
        miner,
        chunks,
        status: JobStatus.ASSIGNED,
        gradientId: 0n,
      });
      this.nodes.hold(ctx, Part.MINER, miner);
      const r = this.nodes.registration(ctx, Part.MINER, miner);
      if (r !== undefined) this.nodes.save(ctx, { ...r, jobsAssigned: r.jobsAssigned + 1n });
    }
  }

  endBlock(ctx: Context): void {
    const window = this.state.newest(ctx);
    if (window === undefined || !isRunning(window)) this.openNext(ctx);
    else if (window.phase === WindowPhase.COLLECTING && ctx.block.height >= window.collectingEnd) this.endCollecting(ctx, window);
  }

  private endCollecting(ctx: Context, window: TrainingWindow): void {
    this.settleAttendance(ctx, window);
    if (window.gradientCount === 0) {
      this.close(ctx, { ...window, challengeEnd: ctx.block.height }, WindowOutcome.NO_GRADIENTS);
      return;
    }
    this.state.saveWindow(ctx, { ...window, phase: WindowPhase.ATTESTING });
    this.announceCollectingEnded(ctx, window.id);
  }

  private announceCollectingEnded(ctx: Context, windowId: bigint): void {
    for (const listener of this.#onCollectingEnded) {
      const window = this.state.window(ctx, windowId);
      if (window !== undefined) listener(ctx, window);
    }
  }

  /** Misses count against the miner; a submission clears them. Who submitted stays held until the window is settled. */
  private settleAttendance(ctx: Context, window: TrainingWindow): void {
    const { maxMissedInARow } = this.nodes.params(ctx);
    for (const job of this.state.jobs(ctx, window)) {
      const r = this.nodes.registration(ctx, Part.MINER, job.miner);
      if (r === undefined) continue;
      if (job.status === JobStatus.SUBMITTED) {
        this.nodes.save(ctx, { ...r, missedInARow: 0 });
        continue;
      }
      const missedInARow = r.missedInARow + 1;
      const inactive = r.status === RegistrationStatus.ACTIVE && missedInARow >= maxMissedInARow;
      this.nodes.save(ctx, { ...r, missedInARow, status: inactive ? RegistrationStatus.INACTIVE : r.status });
      this.state.saveJob(ctx, { ...job, status: JobStatus.MISSED });
      this.nodes.release(ctx, Part.MINER, job.miner);
      ctx.emit({ type: 'job_missed', attributes: { window_id: window.id.toString(), miner: job.miner, in_a_row: missedInARow.toString() } });
    }
  }

  /** Ends a window's work; pay follows when its challenge phase ends. The next window opens in the same block. */
  close(ctx: Context, window: TrainingWindow, outcome: WindowOutcome): void {
    this.state.saveWindow(ctx, { ...window, phase: WindowPhase.CHALLENGE, outcome, closedHeight: ctx.block.height });
    ctx.emit({
      type: 'window_closed',
      attributes: { window_id: window.id.toString(), outcome: WindowOutcome[outcome].toLowerCase() },
    });
    this.openNext(ctx);
  }

  /**
   * Takes back window `id` and every later one: their aggregations no longer count. Collecting in the running one ends.
   * The caller has given the model its older adapter back; the next window opens at once.
   */
  revertFrom(ctx: Context, id: bigint, challengeBlocks: bigint): void {
    for (let w = id; w <= this.state.windowCount(ctx); w++) {
      const window = this.state.window(ctx, w);
      if (window === undefined || window.settled || window.outcome === WindowOutcome.REVERTED) continue;
      const wasCollecting = window.phase === WindowPhase.COLLECTING;
      if (wasCollecting) this.settleAttendance(ctx, window);
      const challengeEnd = isRunning(window) ? ctx.block.height + challengeBlocks : window.challengeEnd;
      this.state.saveWindow(ctx, {
        ...window,
        phase: WindowPhase.REVERTED,
        outcome: WindowOutcome.REVERTED,
        challengeEnd,
        closedHeight: window.closedHeight === 0n ? ctx.block.height : window.closedHeight,
        ...(wasCollecting ? { collectingEnd: ctx.block.height } : {}),
      });
      ctx.emit({ type: 'window_reverted', attributes: { window_id: w.toString(), because_of: id.toString() } });
      if (wasCollecting && window.gradientCount > 0) this.announceCollectingEnded(ctx, w);
    }
    this.openNext(ctx);
  }
}
