// Prefill and decode of the engine once more for each run: what bench/generation.js starts, with R3MES_ISA in its environment.
//   node bench/generation-run.js MODEL_DIR PREFILL DECODE THREADS RUNS
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

import { fileFolder } from '../dist/cli/files/model-folder.js';
import { loadModel, mostLikely, openSession } from '../dist/train/index.js';

const [directory, prefill, decode, threads, runs] = process.argv.slice(2);
const model = await loadModel(fileFolder(path.resolve(directory)));
const prompt = Int32Array.from({ length: Number(prefill) }, (_, i) => (7919 * i + 11) % model.config.vocabSize);
const session = await openSession(model, undefined, prompt.length + Number(decode), Number(threads));
const seconds = { prefill: [], decode: [] };
for (let run = 0; run <= Number(runs); run++) {
  session.rewind(0);
  let startedMs = performance.now();
  let logits = await session.extend(prompt, 1);
  const prefillSeconds = (performance.now() - startedMs) / 1000;
  startedMs = performance.now();
  for (let i = 0; i < Number(decode); i++) logits = await session.extend(Int32Array.of(mostLikely(logits)), 1);
  if (run === 0) continue;
  seconds.prefill.push(prefillSeconds);
  seconds.decode.push((performance.now() - startedMs) / 1000);
}
console.log(JSON.stringify({ ...seconds, residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20) }));
