/* Uses the addon on the main thread and on several worker threads at once, ends one of them in the middle of its work, and ends
   itself in the middle of its own. A crash ends this process by a signal, which its parent sees. Argument: the addon's file. */
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const file = isMainThread ? process.argv[2] : workerData;
const addon = createRequire(import.meta.url)(file);

const floats = (n, value) => new Float32Array(n).fill(value);
const SIZES = [[8, 8], [8, 8], [8, 8], [8, 8], [12, 8], [12, 8], [8, 12]];
const model = () =>
  addon.createModel(
    { hiddenSize: 8, ffnSize: 12, layers: 1, heads: 2, kvHeads: 2, headSize: 4, vocabSize: 5, maxPositions: 512, rmsEpsilon: 1e-5, ropeTheta: 10000 },
    {
      embedding: { dtype: 'F32', bytes: new Uint8Array(Float32Array.from({ length: 40 }, (_, i) => Math.cos(i)).buffer) },
      finalNorm: floats(8, 1),
      layers: [
        {
          inputNorm: floats(8, 1),
          attentionSubNorm: floats(8, 1),
          postAttentionNorm: floats(8, 1),
          ffnSubNorm: floats(12, 1),
          linears: SIZES.map(([out, columns]) => ({ codes: Uint8Array.from({ length: (out * columns) / 4 }, (_, i) => [0x65, 0x19, 0x92][i % 3]), scale: 1 })),
        },
      ],
    },
  );
const request = (sequences) => ({
  tokens: Int32Array.from({ length: sequences * 128 }, (_, i) => (i * i) % 5),
  sequenceLength: 128,
  lora: { rank: 1, alpha: 1, targets: 127 },
  adapter: Float32Array.from({ length: 124 }, (_, i) => Math.sin(i) / 3),
  threads: 2,
  microBatch: 3,
  cancel: new Int32Array(new SharedArrayBuffer(4)),
});

async function compute() {
  const own = await model();
  const results = [];
  for (let i = 0; i < 10; i++) results.push(await addon.trainStep(own, request(4)));
  own.dispose();
  return results.map((r) => JSON.stringify([...r.gradients, r.loss]));
}

async function inWorker() {
  parentPort.postMessage(await compute());
  const own = await model();
  addon.trainStep(own, request(2000)).catch(() => undefined);
  parentPort.postMessage('busy');
}

async function onMain() {
  const workers = [0, 1, 2].map(() => new Worker(new URL(import.meta.url), { workerData: file }));
  const answers = workers.map((worker) => new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  }));
  const busy = workers.map((worker) => new Promise((resolve) => worker.on('message', (m) => m === 'busy' && resolve())));
  const all = await Promise.all([compute(), ...answers]);
  await Promise.all(busy);
  const ended = await Promise.all(workers.map((worker) => worker.terminate()));
  const after = await compute();
  console.log(JSON.stringify({ results: new Set([...all.flat(), ...after]).size, count: all.flat().length, ended: ended.length }));
  const own = await model();
  addon.trainStep(own, request(2000)).catch(() => undefined);
  setTimeout(() => process.exit(7), 20);
}

(isMainThread ? onMain() : inWorker()).catch((error) => {
  console.error(error);
  process.exit(1);
});
