/** Simulated cheaters, so that a devnet shows how cheating ends. Nothing but the devnet uses this. */
import { equalBytes } from '../../protocol/bytes.js';
import type { Job, TrainingWindow } from '../../protocol/gen/remes/remes/v1/training_window.js';
import { DrawStream } from '../../protocol/sampling.js';
import type { ChainView } from '../../roles/chain-view.js';
import { loraSettings } from '../../roles/assets.js';
import type { Submission } from '../../roles/miner.js';
import type { Work } from '../../roles/work.js';
import { adapterLayout, gradientHash, writeGradientFile, type AdapterLayout } from '../../train/index.js';
import type { Cheat } from './worker-protocol.js';

const PLAUSIBLE_LOSS_BITS = 0x40a00000; // 5.0

/** Values as small as real gradients, from the job alone: the same in every run with the same seed. */
function noise(layout: AdapterLayout, jobId: Uint8Array): Float32Array {
  const stream = new DrawStream(jobId);
  return Float32Array.from({ length: layout.size }, () => (Number(stream.below(65_536n)) / 65_536 - 0.5) * 0.01);
}

/** Makes a submission that is right in form and wrong in content. */
export function cheatingProducer(kind: Cheat, chain: ChainView, work: Work) {
  return async (window: TrainingWindow, job: Job): Promise<Submission | undefined> => {
    const record = await work.assets.record(window);
    const model = await work.assets.model(record);
    const layout = adapterLayout(model.config, loraSettings(record));
    const identity = {
      backboneCid: record.backboneCid,
      baseAdapterCid: window.baseAdapterCid,
      jobId: job.id,
      sequenceLength: window.sequenceLength,
      chunkTokens: window.chunkTokens,
    };
    if (kind === 'noise') {
      const values = noise(layout, job.id);
      return { file: writeGradientFile(layout, values), lossBits: PLAUSIBLE_LOSS_BITS, gradientHash: gradientHash(identity, layout, PLAUSIBLE_LOSS_BITS, values) };
    }
    // Copies the first submission of somebody else and signs it as work on its own job. Waits until there is one.
    const other = (await chain.gradients(window.id)).find((g) => !equalBytes(g.jobId, job.id));
    if (other === undefined) return undefined;
    const values = await work.fetchGradient(window, other);
    return { file: writeGradientFile(layout, values), lossBits: other.lossBits, gradientHash: gradientHash(identity, layout, other.lossBits, values) };
  };
}
