// A training step (forward and backward, LoRA of rank 8 on all seven linears, every label scored) of bitnet-nano on two threads:
// every instruction set of the engine, and PyTorch + PEFT in float32 where --python names an interpreter that has them.
// Runs alternate, so that a machine whose speed drifts drifts for all.
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { python: { type: 'string' }, runs: { type: 'string', default: '5' } } });
const runs = Number(values.runs);
const THREADS = 2;
const SHAPES = [
  { sequences: 8, length: 256 },
  { sequences: 1, length: 2048 },
];

function output(command, args, env = {}) {
  const r = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 2 ** 24 });
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${r.status ?? r.signal}:\n${r.stderr}`);
  return r.stdout.trim().split('\n').at(-1);
}

function engineSeconds(isa, { sequences, length }) {
  const args = ['bin/r3mes.js', 'mine', 'bench', '--json', '--threads', String(THREADS), '--sequences', String(sequences), '--length', String(length), '--repeat', '3'];
  const result = JSON.parse(output(process.execPath, args, { R3MES_ISA: isa }));
  const measured = result.runs.find((r) => r.threads === THREADS);
  return { seconds: measured.seconds, hash: result.gradientHash };
}

function torchSeconds({ sequences, length }) {
  const line = output(values.python, ['bench/peft_step.py', 'templates/models/bitnet-nano', String(sequences), String(length), String(THREADS), '3']);
  return Math.min(...JSON.parse(line).seconds);
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const { loadEngine } = await import('../dist/native/index.js');
const { binding } = loadEngine();
const isas = ['avx512', 'avx2', 'scalar'].filter((isa) => binding.isaSupported(isa));

console.log(`machine  ${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
console.log(`command  node bench/training-step.js${values.python === undefined ? '' : ' --python PYTHON'} --runs ${runs}`);
for (const shape of SHAPES) {
  const tokens = shape.sequences * shape.length;
  const seconds = new Map([...isas, ...(values.python === undefined ? [] : ['torch'])].map((name) => [name, []]));
  const hashes = new Set();
  for (let i = 0; i < runs; i++) {
    for (const isa of isas) {
      const { seconds: s, hash } = engineSeconds(isa, shape);
      seconds.get(isa).push(s);
      hashes.add(hash);
    }
    if (values.python !== undefined) seconds.get('torch').push(torchSeconds(shape));
  }
  if (hashes.size !== 1) throw new Error(`the instruction sets disagree: ${[...hashes].join(', ')}`);
  console.log(`\n${shape.sequences} x ${shape.length} tokens, ${THREADS} threads; gradient hash ${[...hashes][0].slice(0, 16)}`);
  const reference = median(seconds.get('torch') ?? seconds.get('scalar'));
  for (const [name, list] of seconds) {
    const ratio = `${(reference / median(list)).toFixed(2)} x ${values.python === undefined ? 'scalar' : 'PyTorch'}`;
    console.log(`${name.padEnd(8)} ${(tokens / median(list)).toFixed(0).padStart(6)} tokens/s  ${ratio}`);
  }
}
