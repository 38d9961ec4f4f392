import { toHex } from '../protocol/bytes.js';
import type { LayerRange } from '../protocol/gen/remes/remes/v1/stored_gradient.js';
import { GradientEncoding, type DeviceInfo } from '../protocol/gen/remes/remes/v1/stored_gradient.js';
import { JobStatus, WindowPhase, type Job, type TrainingWindow } from '../protocol/gen/remes/remes/v1/training_window.js';
import { possessionRoot } from '../protocol/merkle.js';
import { addBytes } from '../storage/index.js';
import type { JobResult } from '../train/index.js';
import { fromFloatBits } from './assets.js';
import { defendGradients } from './defence.js';
import { outgoing } from './messages.js';
import { Outbox, type Role, type RoleDeps } from './role.js';

/** What a miner submits for a job. */
export type Submission = Pick<JobResult, 'file' | 'gradientHash' | 'lossBits'>;

export interface MinerOptions {
  readonly device: DeviceInfo;
  /** Windows after this one are left alone. */
  readonly lastWindow?: bigint;
  /** Makes the submission of a job; the honest way is to train it. Simulated cheaters replace it. */
  readonly produce?: (window: TrainingWindow, job: Job) => Promise<Submission | undefined>;
}

/** Trains the job of each window, stores the gradient, submits its hash. */
export function createMiner(deps: RoleDeps, options: MinerOptions): Role {
  const { chain, sender, work, emit } = deps;
  const outbox = new Outbox(sender, emit);
  const produce = options.produce ?? ((window, job) => work.job(window, job));

  async function mine(window: TrainingWindow, job: Job, height: bigint): Promise<void> {
    const record = await work.assets.record(window);
    const startedMs = Date.now();
    const submission = await produce(window, job);
    if (submission === undefined) return;
    // A slow machine finds the window closed: the chain would refuse the gradient and keep the fee.
    if ((await chain.window(window.id))?.phase !== WindowPhase.COLLECTING) {
      emit({ type: 'late', window: window.id, miner: sender.address, durationMs: Date.now() - startedMs });
      return;
    }
    const { cid } = await addBytes(work.assets.stores.artifacts, submission.file);
    const layerRange: LayerRange = { start: 0, end: record.layerCount };
    const hash = await outbox.send(
      `job ${toHex(job.id)}`,
      height,
      outgoing({ typeUrl: '/remes.remes.v1.MsgSubmitGradient', value: {
        miner: sender.address,
        windowId: window.id,
        jobId: job.id,
        modelVersion: window.modelVersion,
        baseAdapterCid: window.baseAdapterCid,
        layerRange,
        encoding: GradientEncoding.DENSE_F32,
        payloadCid: cid,
        payloadSize: BigInt(submission.file.length),
        gradientHash: submission.gradientHash,
        possessionRoot: possessionRoot(submission.file),
        answerCommitment: new Uint8Array(),
        lossBits: submission.lossBits,
        arithmeticVersion: record.arithmeticVersion,
        device: options.device,
      } }),
    );
    if (hash === undefined) return;
    emit({
      type: 'gradient',
      window: window.id,
      miner: sender.address,
      cid,
      hash: toHex(submission.gradientHash),
      loss: fromFloatBits(submission.lossBits),
      sizeBytes: submission.file.length,
      tokens: job.chunks.length * window.chunkTokens,
      durationMs: Date.now() - startedMs,
      tx: hash,
    });
  }

  return {
    address: sender.address,
    async onHeight(height) {
      outbox.forgetBefore(height - 100n);
      if (options.produce === undefined) await defendGradients(deps, outbox, height);
      const window = await chain.window();
      if (window?.phase !== WindowPhase.COLLECTING || height >= window.collectingEnd) return;
      if (options.lastWindow !== undefined && window.id > options.lastWindow) return;
      const job = await chain.job(window.id, sender.address);
      if (job?.status === JobStatus.ASSIGNED && outbox.isDue(`job ${toHex(job.id)}`, height)) await mine(window, job, height);
    },
  };
}
