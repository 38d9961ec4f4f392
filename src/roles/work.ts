import { equalBytes, toHex } from '../protocol/bytes.js';
import { aggregationResultHash, gradientsRoot } from '../protocol/commitments.js';
import { R3mesError } from '../protocol/errors.js';
import type { StoredGradient } from '../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { AggregationResult, Job, TrainingWindow } from '../protocol/gen/remes/remes/v1/training_window.js';
import { possessionRoot } from '../protocol/merkle.js';
import { addBytes, readBytes } from '../storage/index.js';
import {
  adapterLayout,
  aggregate,
  runJob,
  verifyGradientFile,
  type AggregateResult,
  type GradientIdentity,
  type JobResult,
} from '../train/index.js';
import { loraSettings, optimizerSettings, type Assets } from './assets.js';
import type { ChainView } from './chain-view.js';

/** A recomputed aggregation: what is committed on chain, and the files behind it. */
export interface Aggregated {
  readonly result: AggregationResult;
  readonly files: AggregateResult;
}

/** Computes what any role may have to compute, each thing once as long as it is the newest. */
export class Work {
  readonly #jobs = new Map<string, Promise<JobResult>>();
  readonly #aggregations = new Map<string, Promise<Aggregated>>();

  constructor(
    private readonly chain: ChainView,
    readonly assets: Assets,
  ) {}

  private async identity(window: TrainingWindow, jobId: Uint8Array): Promise<GradientIdentity> {
    const record = await this.assets.record(window);
    return {
      backboneCid: record.backboneCid,
      baseAdapterCid: window.baseAdapterCid,
      jobId,
      sequenceLength: window.sequenceLength,
      chunkTokens: window.chunkTokens,
    };
  }

  /** Trains a job: loss, gradients, their hash and file. */
  job(window: TrainingWindow, job: Job): Promise<JobResult> {
    return remember(this.#jobs, toHex(job.id), () => this.runJob(window, job));
  }

  private async runJob(window: TrainingWindow, job: Job): Promise<JobResult> {
    const record = await this.assets.record(window);
    const model = await this.assets.model(record);
    const adapter = await this.assets.adapter(record, model, window.baseAdapterCid);
    const chunks: Int32Array[] = [];
    for (const index of job.chunks) chunks.push(await this.assets.chunk(window.datasetId, index));
    const identity = await this.identity(window, job.id);
    return runJob(model, { ...identity, adapter, chunks }, this.assets.compute);
  }

  /** Trains the job of a submitted gradient again. */
  async replay(gradient: StoredGradient): Promise<JobResult> {
    const window = await this.mustWindow(gradient.windowId);
    const job = await this.chain.job(window.id, gradient.miner);
    if (job === undefined || !equalBytes(job.id, gradient.jobId)) {
      throw new R3mesError({ code: 'UNKNOWN_JOB', message: `the chain has no job behind gradient ${gradient.id}` });
    }
    return this.job(window, job);
  }

  private async mustWindow(id: bigint): Promise<TrainingWindow> {
    const window = await this.chain.window(id);
    if (window === undefined) throw new R3mesError({ code: 'UNKNOWN_WINDOW', message: `the chain has no window ${id}` });
    return window;
  }

  /**
   * Fetches a gradient's file and checks all that a proposer attests: CID (by the store), size, form, gradient hash and
   * possession root. @throws R3mesError where it is missing or not what its submission says.
   */
  async fetchGradient(window: TrainingWindow, gradient: StoredGradient): Promise<Float32Array> {
    const record = await this.assets.record(window);
    const model = await this.assets.model(record);
    const bytes = await readBytes(this.assets.stores.artifacts, gradient.payloadCid, { maxBytes: gradient.payloadSize });
    if (BigInt(bytes.length) !== gradient.payloadSize) {
      throw new R3mesError({ code: 'WRONG_SIZE', message: `gradient ${gradient.id}: expected a file of ${gradient.payloadSize} bytes, got ${bytes.length}` });
    }
    if (!equalBytes(possessionRoot(bytes), gradient.possessionRoot)) {
      throw new R3mesError({ code: 'WRONG_POSSESSION_ROOT', message: `gradient ${gradient.id}: the file does not have the possession root of its submission` });
    }
    return verifyGradientFile(bytes, {
      identity: await this.identity(window, gradient.jobId),
      layout: adapterLayout(model.config, loraSettings(record)),
      lossBits: gradient.lossBits,
      gradientHash: gradient.gradientHash,
    });
  }

  /** Aggregates exactly the included gradients of a window. */
  aggregation(window: TrainingWindow): Promise<Aggregated> {
    return remember(this.#aggregations, `${window.id} ${window.included.join()}`, () => this.aggregate(window));
  }

  private async aggregate(window: TrainingWindow): Promise<Aggregated> {
    const record = await this.assets.record(window);
    const model = await this.assets.model(record);
    const included = (await this.chain.gradients(window.id)).filter((g) => window.included.includes(g.id));
    const gradients: Float32Array[] = [];
    for (const gradient of included) gradients.push(await this.fetchGradient(window, gradient));
    const adapter = await this.assets.adapter(record, model, window.baseAdapterCid);
    const optimizer = await this.assets.optimizer(record, model, window.baseOptimizerCid);
    const files = await aggregate({
      adapter,
      ...(optimizer === undefined ? {} : { optimizer }),
      step: window.baseStep,
      settings: optimizerSettings(record.optimizer),
      gradients,
    });
    const { artifacts } = this.assets.stores;
    const unhashed = {
      adapterCid: (await addBytes(artifacts, files.adapterFile)).cid,
      optimizerCid: (await addBytes(artifacts, files.optimizerFile)).cid,
      step: files.step,
      aggregateHash: files.aggregateHash,
      merkleRoot: gradientsRoot(included),
    };
    return { files, result: { ...unhashed, resultHash: aggregationResultHash(window.baseAdapterCid, unhashed) } };
  }
}

const KEPT = 32;

/** Keeps the newest results; a failed computation is forgotten, so that it is tried again. */
function remember<T>(kept: Map<string, Promise<T>>, key: string, compute: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const started = compute();
  kept.set(key, started);
  started.catch(() => kept.delete(key));
  const [oldest] = kept.keys();
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  return started;
}
