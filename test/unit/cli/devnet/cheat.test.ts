import { describe, expect, it } from 'vitest';

import { cheatingProducer } from '../../../../src/cli/devnet/cheat.js';
import { Model as ModelRecord } from '../../../../src/protocol/gen/remes/remes/v1/model.js';
import { StoredGradient } from '../../../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { Job, TrainingWindow } from '../../../../src/protocol/gen/remes/remes/v1/training_window.js';
import type { ChainView } from '../../../../src/roles/chain-view.js';
import type { Work } from '../../../../src/roles/work.js';
import { adapterLayout, verifyGradientFile, type LoraSettings } from '../../../../src/train/index.js';
import { SMALL } from '../../train/helpers.js';

const LORA: LoraSettings = { rank: 2, alpha: 4, targets: ['q_proj', 'v_proj'] };
const LAYOUT = adapterLayout(SMALL, LORA);
const RECORD = ModelRecord.fromPartial({ backboneCid: 'bafybackbone', lora: { rank: 2, alpha: 4, targets: [...LORA.targets] } });
const WINDOW = TrainingWindow.fromPartial({ id: 3n, baseAdapterCid: 'bafkadapter', sequenceLength: 64, chunkTokens: 256 });
const job = (byte: number): Job => Job.fromPartial({ id: new Uint8Array(32).fill(byte), windowId: 3n });
const HONEST = Float32Array.from({ length: LAYOUT.size }, (_, i) => Math.sin(i));
const other = StoredGradient.fromPartial({ id: 9n, jobId: job(1).id, lossBits: 0x40800000 });

function producer(kind: 'noise' | 'copy', gradients: readonly StoredGradient[] = []) {
  const chain = { gradients: () => Promise.resolve(gradients) } as unknown as ChainView;
  const work = {
    assets: { record: () => Promise.resolve(RECORD), model: () => Promise.resolve({ config: SMALL }) },
    fetchGradient: (_: TrainingWindow, g: StoredGradient) => (g.id === other.id ? Promise.resolve(HONEST) : Promise.reject(new Error('another file'))),
  } as unknown as Work;
  return cheatingProducer(kind, chain, work);
}

/** A proposer finds nothing wrong with the form of what was submitted. @returns the values. */
function verified(submission: { file: Uint8Array; lossBits: number; gradientHash: Uint8Array } | undefined, byte: number): Float32Array {
  expect(submission).toBeDefined();
  const identity = { backboneCid: 'bafybackbone', baseAdapterCid: 'bafkadapter', jobId: job(byte).id, sequenceLength: 64, chunkTokens: 256 };
  return verifyGradientFile(submission!.file, { identity, layout: LAYOUT, lossBits: submission!.lossBits, gradientHash: submission!.gradientHash });
}

describe('a cheater', () => {
  it('of noise submits a right form with a loss as others have, and values that follow from the job alone', async () => {
    const values = verified(await producer('noise')(WINDOW, job(2)), 2);
    expect(values.every((x) => Number.isFinite(x) && Math.abs(x) <= 0.005)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(values.length / 2);
    expect(await producer('noise')(WINDOW, job(2))).toEqual(await producer('noise')(WINDOW, job(2)));
    expect(verified(await producer('noise')(WINDOW, job(3)), 3)).not.toEqual(values);
  });

  it('of copies signs the work of another job as its own', async () => {
    const own = StoredGradient.fromPartial({ id: 8n, jobId: job(2).id });
    const submission = await producer('copy', [own, other])(WINDOW, job(2));
    expect(verified(submission, 2)).toEqual(HONEST);
    expect(submission?.lossBits).toBe(other.lossBits);
  });

  it('of copies waits until there is something to copy', async () => {
    expect(await producer('copy')(WINDOW, job(2))).toBeUndefined();
    expect(await producer('copy', [StoredGradient.fromPartial({ id: 8n, jobId: job(2).id })])(WINDOW, job(2))).toBeUndefined();
  });
});
