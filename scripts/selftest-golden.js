// Writes templates/selftest.json: what the golden steps give on the scalar engine, which defines the arithmetic.
// Run it when the arithmetic version rises, and never otherwise.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.env.R3MES_ISA = 'scalar';
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const train = await import('../dist/train/index.js');
const model = await train.loadCheckpoint({
  config: readFileSync(path.join(root, 'templates/models/bitnet-nano/config.json')),
  weights: readFileSync(path.join(root, 'templates/models/bitnet-nano/model.safetensors')),
});
const steps = [];
for (const step of train.GOLDEN_STEPS) {
  const job = train.goldenJob(model.config, step);
  const { lossBits, gradientHash, gradients } = await train.runJob(model, job, { threads: 1, microBatch: 1 });
  steps.push({ name: step.name, lossBits, gradientHash: Buffer.from(gradientHash).toString('hex'), tensors: train.tensorDigests(job.adapter.layout, gradients) });
}
const about = 'What the golden steps of src/train/selftest.ts give on templates/models/bitnet-nano: scripts/selftest-golden.js wrote it with the scalar engine. r3mes mine selftest compares every backend with it.';
const text = JSON.stringify({ about, arithmeticVersion: train.ARITHMETIC_VERSION, steps }, null, 1);
writeFileSync(path.join(root, 'templates', 'selftest.json'), `${text}\n`);
