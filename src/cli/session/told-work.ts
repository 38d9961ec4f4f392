import { toHex } from '../../protocol/bytes.js';
import type { Job, TrainingWindow } from '../../protocol/gen/remes/remes/v1/training_window.js';
import type { Assets } from '../../roles/assets.js';
import type { ChainView } from '../../roles/chain-view.js';
import type { RoleEvent } from '../../roles/role.js';
import { type Aggregated, Work } from '../../roles/work.js';
import type { JobResult } from '../../train/index.js';

/** Forgotten beyond this many, so that a process that runs for months stays small. */
const MAX_TOLD = 1000;

/** Work that says when it begins with something that takes long, once each. */
export class ToldWork extends Work {
  readonly #told = new Set<string>();

  constructor(
    chain: ChainView,
    assets: Assets,
    private readonly tell: (event: RoleEvent) => void,
  ) {
    super(chain, assets);
  }

  override job(window: TrainingWindow, job: Job): Promise<JobResult> {
    const tokens = job.chunks.length * window.chunkTokens;
    this.#once(`job ${toHex(job.id)}`, { type: 'computing', what: 'job', window: window.id, miner: job.miner, tokens });
    return super.job(window, job);
  }

  override aggregation(window: TrainingWindow): Promise<Aggregated> {
    this.#once(`aggregation ${window.id}`, { type: 'computing', what: 'aggregation', window: window.id, gradients: window.included.length });
    return super.aggregation(window);
  }

  #once(key: string, event: RoleEvent): void {
    if (this.#told.has(key)) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.add(key);
    this.tell(event);
  }
}
