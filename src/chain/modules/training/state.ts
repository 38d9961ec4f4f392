import { TrainingParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { StoredGradient } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { Beacon, BeaconKey, Job, TrainingWindow, WindowPhase } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, Table, TextSet } from '../collections.js';

const STORE = 'training';
const PLACES = {
  params: { store: STORE, prefix: 0x01 }, // -> TrainingParams
  beacon: { store: STORE, prefix: 0x02 }, // -> Beacon of the newest block
  beaconKeys: { store: STORE, prefix: 0x03 }, // consensus address -> BeaconKey
  windows: { store: STORE, prefix: 0x04 }, // id -> TrainingWindow
  windowCount: { store: STORE, prefix: 0x05 }, // -> id of the newest window
  jobs: { store: STORE, prefix: 0x06 }, // window | index -> Job
  jobOfMiner: { store: STORE, prefix: 0x07 }, // window | miner -> index + 1
  jobPlace: { store: STORE, prefix: 0x08 }, // job id | 0 window, 1 index + 1
  gradients: { store: STORE, prefix: 0x09 }, // id -> StoredGradient
  gradientCount: { store: STORE, prefix: 0x0a }, // -> highest id
  gradientOf: { store: STORE, prefix: 0x0b }, // window | index -> id
  blockLoad: { store: STORE, prefix: 0x0c }, // 0 height, 1 submissions in it
  unsettled: { store: STORE, prefix: 0x0d }, // set of ids of windows that have not been paid
} as const;

const LOAD_HEIGHT = 0;
const LOAD_COUNT = 1;
const JOB_WINDOW = 0;
const JOB_INDEX = 1;

/** Whether a window still works towards its aggregation. */
export function isRunning(window: TrainingWindow): boolean {
  return window.phase >= WindowPhase.COLLECTING && window.phase <= WindowPhase.DISPUTED;
}

/** Records of the training module and nothing but reading and writing them. */
export class TrainingState {
  readonly #params = new Table(PLACES.params, TrainingParams);
  readonly #beacon = new Table(PLACES.beacon, Beacon);
  readonly #beaconKeys = new Table(PLACES.beaconKeys, BeaconKey);
  readonly #windows = new Table(PLACES.windows, TrainingWindow);
  readonly #windowCount = new Counter(PLACES.windowCount);
  readonly #jobs = new Table(PLACES.jobs, Job);
  readonly #jobOfMiner = new Counter(PLACES.jobOfMiner);
  readonly #jobPlace = new Counter(PLACES.jobPlace);
  readonly #gradients = new Table(PLACES.gradients, StoredGradient);
  readonly #gradientCount = new Counter(PLACES.gradientCount);
  readonly #gradientOf = new Counter(PLACES.gradientOf);
  readonly #blockLoad = new Counter(PLACES.blockLoad);
  readonly #unsettled = new TextSet(PLACES.unsettled);

  params(ctx: QueryContext): TrainingParams {
    return this.#params.get(ctx) ?? TrainingParams.create();
  }

  setParams(ctx: Context, params: TrainingParams): void {
    this.#params.set(ctx, params);
  }

  /** The newest block's beacon; the genesis one before block 1. */
  beacon(ctx: QueryContext): Beacon {
    return this.#beacon.get(ctx) ?? Beacon.create();
  }

  setBeacon(ctx: Context, beacon: Beacon): void {
    this.#beacon.set(ctx, beacon);
  }

  beaconKey(ctx: QueryContext, consensusAddress: Uint8Array): BeaconKey | undefined {
    return this.#beaconKeys.get(ctx, consensusAddress);
  }

  setBeaconKey(ctx: Context, key: BeaconKey): void {
    this.#beaconKeys.set(ctx, key, key.consensusAddress);
  }

  window(ctx: QueryContext, id: bigint): TrainingWindow | undefined {
    return this.#windows.get(ctx, id);
  }

  windowCount(ctx: QueryContext): bigint {
    return this.#windowCount.get(ctx);
  }

  newest(ctx: QueryContext): TrainingWindow | undefined {
    return this.#windows.get(ctx, this.#windowCount.get(ctx));
  }

  saveWindow(ctx: Context, window: TrainingWindow): void {
    this.#windows.set(ctx, window, window.id);
  }

  addWindow(ctx: Context, window: TrainingWindow): void {
    this.#windowCount.set(ctx, window.id);
    this.saveWindow(ctx, window);
    this.#unsettled.add(ctx, window.id.toString());
  }

  /** Windows that have not been paid yet, in ascending order. */
  unsettled(ctx: QueryContext): TrainingWindow[] {
    return this.#unsettled
      .values(ctx)
      .flatMap((id) => this.window(ctx, BigInt(id)) ?? [])
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  markSettled(ctx: Context, window: TrainingWindow): void {
    this.saveWindow(ctx, { ...window, settled: true });
    this.#unsettled.remove(ctx, window.id.toString());
  }

  job(ctx: QueryContext, windowId: bigint, index: number): Job | undefined {
    return this.#jobs.get(ctx, windowId, index);
  }

  jobs(ctx: QueryContext, window: TrainingWindow): Job[] {
    return Array.from({ length: window.jobCount }, (_, i) => this.job(ctx, window.id, i)).filter((job) => job !== undefined);
  }

  jobById(ctx: QueryContext, id: Uint8Array): Job | undefined {
    const index = this.#jobPlace.get(ctx, id, JOB_INDEX);
    return index === 0n ? undefined : this.job(ctx, this.#jobPlace.get(ctx, id, JOB_WINDOW), Number(index) - 1);
  }

  jobOfMiner(ctx: QueryContext, windowId: bigint, miner: string): Job | undefined {
    const index = this.#jobOfMiner.get(ctx, windowId, miner);
    return index === 0n ? undefined : this.job(ctx, windowId, Number(index) - 1);
  }

  addJob(ctx: Context, job: Job): void {
    const place = BigInt(job.index) + 1n;
    this.saveJob(ctx, job);
    this.#jobOfMiner.set(ctx, place, job.windowId, job.miner);
    this.#jobPlace.set(ctx, job.windowId, job.id, JOB_WINDOW);
    this.#jobPlace.set(ctx, place, job.id, JOB_INDEX);
  }

  saveJob(ctx: Context, job: Job): void {
    this.#jobs.set(ctx, job, job.windowId, job.index);
  }

  gradient(ctx: QueryContext, id: bigint): StoredGradient | undefined {
    return this.#gradients.get(ctx, id);
  }

  gradientAt(ctx: QueryContext, windowId: bigint, index: number): StoredGradient | undefined {
    const id = this.#gradientOf.get(ctx, windowId, index);
    return id === 0n ? undefined : this.gradient(ctx, id);
  }

  /** A window's gradients in order of submission, which is ascending order of id. */
  gradients(ctx: QueryContext, window: TrainingWindow): StoredGradient[] {
    return Array.from({ length: window.gradientCount }, (_, i) => this.gradientAt(ctx, window.id, i)).filter((g) => g !== undefined);
  }

  /** Gives the next id of the chain. */
  addGradient(ctx: Context, gradient: Omit<StoredGradient, 'id'>): StoredGradient {
    const stored = { ...gradient, id: this.#gradientCount.add(ctx, 1n) };
    this.saveGradient(ctx, stored);
    this.#gradientOf.set(ctx, stored.id, stored.windowId, stored.windowIndex);
    return stored;
  }

  saveGradient(ctx: Context, gradient: StoredGradient): void {
    this.#gradients.set(ctx, gradient, gradient.id);
  }

  /** Counts one more submission of this block and returns how many it has now. */
  countSubmission(ctx: Context): bigint {
    if (this.#blockLoad.get(ctx, LOAD_HEIGHT) !== ctx.block.height) {
      this.#blockLoad.set(ctx, ctx.block.height, LOAD_HEIGHT);
      this.#blockLoad.set(ctx, 0n, LOAD_COUNT);
    }
    return this.#blockLoad.add(ctx, 1n, LOAD_COUNT);
  }
}
