/** The work of all roles on the real engine: bitnet-nano, chunks of 64 tokens, a chain of two windows in memory. */
import path from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { prepareModel } from '../../../src/cli/devnet/model.js';
import { buildDataset, loadModelTokenizer } from '../../../src/dataset/index.js';
import { jobId } from '../../../src/protocol/commitments.js';
import { SubjectKind } from '../../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Dataset } from '../../../src/protocol/gen/remes/remes/v1/dataset.js';
import type { Model as ModelRecord } from '../../../src/protocol/gen/remes/remes/v1/model.js';
import { StoredGradient } from '../../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { Job, TrainingWindow } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { possessionRoot } from '../../../src/protocol/merkle.js';
import { Assets } from '../../../src/roles/assets.js';
import type { ChainView } from '../../../src/roles/chain-view.js';
import { recompute } from '../../../src/roles/recompute.js';
import { Work } from '../../../src/roles/work.js';
import { addBytes, memoryStore } from '../../../src/storage/index.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const MODEL = path.join(ROOT, 'templates/models/bitnet-nano');
const CHUNK_TOKENS = 64;
const MINERS = ['remes1first', 'remes1second'];

const store = memoryStore();
const windows = new Map<bigint, TrainingWindow>();
const jobs = new Map<string, Job>();
const gradients: StoredGradient[] = [];
let record: ModelRecord;
let chain: ChainView;

function newWork(): Work {
  return new Work(chain, new Assets(chain, { inputs: store, artifacts: store }, { threads: 1 }));
}

function openWindow(id: bigint, base: { adapterCid: string; optimizerCid: string; step: bigint }): TrainingWindow {
  const window = TrainingWindow.fromPartial({
    id,
    modelId: 1n,
    datasetId: 1n,
    baseAdapterCid: base.adapterCid,
    baseOptimizerCid: base.optimizerCid,
    baseStep: base.step,
    chunkTokens: CHUNK_TOKENS,
    sequenceLength: record.sequenceLength,
  });
  windows.set(id, window);
  for (const [i, miner] of MINERS.entries()) {
    const chunks = [2 * Number(id) + i];
    jobs.set(`${id} ${miner}`, Job.fromPartial({ id: jobId('test', id, miner, chunks), windowId: id, miner, chunks }));
  }
  return window;
}

/** What the miner of a job submits, as the chain stores it. */
async function submit(work: Work, window: TrainingWindow, miner: string): Promise<StoredGradient> {
  const job = jobs.get(`${window.id} ${miner}`)!;
  const { file, gradientHash, lossBits } = await work.job(window, job);
  const gradient = StoredGradient.fromPartial({
    id: BigInt(gradients.length + 1),
    windowId: window.id,
    jobId: job.id,
    miner,
    payloadCid: (await addBytes(store, file)).cid,
    payloadSize: BigInt(file.length),
    possessionRoot: possessionRoot(file),
    gradientHash,
    lossBits,
  });
  gradients.push(gradient);
  windows.set(window.id, { ...windows.get(window.id)!, included: gradients.filter((g) => g.windowId === window.id).map((g) => g.id) });
  return gradient;
}

beforeAll(async () => {
  const model = await loadModelTokenizer(MODEL);
  const input = path.join(ROOT, 'templates/datasets/r3mes-handbook.jsonl');
  const { manifest, manifestCid } = await buildDataset({ input, model, store, name: 'test', chunkTokens: CHUNK_TOKENS });
  const prepared = await prepareModel(store, MODEL, manifest.tokenizer_cid, CHUNK_TOKENS, 'test');
  prepared.model.dispose();
  record = prepared.record;
  const dataset = Dataset.fromPartial({ id: 1n, manifestCid });
  chain = {
    model: () => Promise.resolve(record),
    dataset: () => Promise.resolve(dataset),
    window: (id: bigint) => Promise.resolve(windows.get(id)),
    job: (id: bigint, miner: string) => Promise.resolve(jobs.get(`${id} ${miner}`)),
    gradient: (id: bigint) => Promise.resolve(gradients.find((g) => g.id === id)),
    gradients: (id: bigint) => Promise.resolve(gradients.filter((g) => g.windowId === id)),
  } as unknown as ChainView;
});

describe('the work of the roles', () => {
  it('is the same for who does it and who checks it, over two windows of a chain', async () => {
    const [miner, proposer, verifier] = [newWork(), newWork(), newWork()];
    let base = { adapterCid: record.adapterCid, optimizerCid: '', step: 0n };
    for (const id of [1n, 2n]) {
      const opened = openWindow(id, base);
      const submitted = [await submit(miner, opened, MINERS[0]!), await submit(miner, opened, MINERS[1]!)];
      const window = windows.get(id)!;
      for (const gradient of submitted) {
        expect(await proposer.fetchGradient(window, gradient)).toHaveLength(Number(record.adapterParameters));
        const report = await recompute(chain, verifier, { subjectKind: SubjectKind.GRADIENT, subjectId: gradient.id });
        expect(report.hash).toEqual(gradient.gradientHash);
        expect(report.digest).toHaveLength(32);
      }
      const { result, files } = await proposer.aggregation(window);
      expect(await recompute(chain, verifier, { subjectKind: SubjectKind.AGGREGATION, subjectId: id })).toEqual({ hash: result.resultHash, digest: files.normsDigest });
      expect(result.step).toBe(base.step + 1n);
      expect(result.adapterCid).not.toBe(base.adapterCid);
      base = result;
    }
  }, 120_000);

  it('is done once while it is among the newest, and again where it failed', async () => {
    const work = newWork();
    const window = windows.get(1n)!;
    const job = jobs.get(`1 ${MINERS[0]!}`)!;
    const running = work.job(window, job);
    expect(work.job(window, job)).toBe(running);
    await running;
    const bad = { ...window, id: 7n, included: [1n] };
    gradients.push({ ...gradients[0]!, id: 99n, windowId: 7n, payloadCid: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' });
    const failing = work.aggregation({ ...bad, included: [99n] });
    await expect(failing).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    const again = work.aggregation({ ...bad, included: [99n] });
    expect(again).not.toBe(failing);
    await expect(again).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
  }, 60_000);

  it('names what the chain does not have', async () => {
    const work = newWork();
    await expect(recompute(chain, work, { subjectKind: SubjectKind.GRADIENT, subjectId: 1000n })).rejects.toMatchObject({ code: 'UNKNOWN_GRADIENT' });
    await expect(recompute(chain, work, { subjectKind: SubjectKind.AGGREGATION, subjectId: 1000n })).rejects.toMatchObject({ code: 'UNKNOWN_WINDOW' });
    await expect(work.replay(StoredGradient.fromPartial({ id: 5n, windowId: 1000n }))).rejects.toMatchObject({ code: 'UNKNOWN_WINDOW', message: 'the chain has no window 1000' });
    await expect(work.replay({ ...gradients[0]!, jobId: new Uint8Array(32) })).rejects.toMatchObject({ code: 'UNKNOWN_JOB' });
  });
});
