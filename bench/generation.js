// Prefill and decode of one sequence: every instruction set of the engine, PyTorch in float32 where --python names an interpreter that
// has it, and bitnet.cpp where --llama-bench and --gguf name its bench and the same model (I2_S). Runs alternate.
//   node bench/generation.js --model DIR [--prefill 512] [--decode 64] [--threads 2] [--runs 3] [--isa avx512,avx2] [--python PYTHON] [--llama-bench FILE --gguf FILE]
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'templates/models/bitnet-nano' },
    prefill: { type: 'string', default: '512' },
    decode: { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
    runs: { type: 'string', default: '3' },
    isa: { type: 'string' },
    python: { type: 'string' },
    'llama-bench': { type: 'string' },
    gguf: { type: 'string' },
  },
});
const { model, prefill, decode, threads, runs } = values;
const shape = [model, prefill, decode, threads];

function output(command, args, env = {}) {
  const r = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${r.status ?? r.signal}:\n${r.stderr}`);
  return r.stdout.trim();
}

const { loadEngine } = await import('../dist/native/index.js');
const { binding } = loadEngine();
const isas = values.isa?.split(',') ?? ['avx512', 'avx2', 'scalar'].filter((isa) => binding.isaSupported(isa));

/** What can be asked: a name, and seconds of one prefill and of one whole decode. */
const contestants = isas.map((isa) => ({
  name: `r3mes ${isa}`,
  run: () => {
    const result = JSON.parse(output(process.execPath, ['bench/generation-run.js', ...shape, '1'], { R3MES_ISA: isa }).split('\n').at(-1));
    return { prefill: result.prefill[0], decode: result.decode[0], residentMiB: result.residentMiB };
  },
}));
if (values.python !== undefined) {
  contestants.push({
    name: 'PyTorch float32',
    run: () => {
      const result = JSON.parse(output(values.python, ['bench/torch_generate.py', ...shape, '1']).split('\n').at(-1));
      return { prefill: result.prefill[0], decode: result.decode[0] };
    },
  });
}
if (values['llama-bench'] !== undefined && values.gguf !== undefined) {
  contestants.push({
    name: 'bitnet.cpp',
    run: () => {
      const list = JSON.parse(output(values['llama-bench'], ['-m', values.gguf, '-p', prefill, '-n', decode, '-t', threads, '-r', '1', '-o', 'json']));
      const seconds = (key) => list.find((entry) => entry[key] > 0 && entry[key === 'n_prompt' ? 'n_gen' : 'n_prompt'] === 0).avg_ns / 1e9;
      return { prefill: seconds('n_prompt'), decode: seconds('n_gen') };
    },
  });
}

const best = new Map(contestants.map(({ name }) => [name, { prefill: Infinity, decode: Infinity }]));
for (let run = 0; run < Number(runs); run++) {
  for (const { name, run: ask } of contestants) {
    const seen = ask();
    const held = best.get(name);
    best.set(name, { ...seen, prefill: Math.min(held.prefill, seen.prefill), decode: Math.min(held.decode, seen.decode) });
  }
}

const [cpu] = os.cpus();
console.log(`machine  ${cpu?.model.trim()}, ${os.availableParallelism()} cores, ${(os.totalmem() / 2 ** 30).toFixed(1)} GiB, ${os.platform()} ${os.release()}, Node ${process.version}`);
console.log(`command  node bench/generation.js ${process.argv.slice(2).join(' ')}`);
console.log(`job      ${model}: ${prefill} tokens read, ${decode} written, ${threads} threads, best of ${runs}\n`);
const reference = best.get(isas[0] === undefined ? '' : `r3mes ${isas[0]}`);
for (const [name, { prefill: p, decode: d, residentMiB }] of best) {
  const ratio = (own, first) => (own === first ? '' : `, ${(own / first).toFixed(2)} x the time of r3mes ${isas[0]}`);
  console.log(`${name.padEnd(16)} prefill ${(Number(prefill) / p).toFixed(1).padStart(8)} tokens/s${ratio(p, reference.prefill)}`);
  console.log(`${''.padEnd(16)} decode  ${(Number(decode) / d).toFixed(1).padStart(8)} tokens/s${ratio(d, reference.decode)}${residentMiB === undefined ? '' : `   (${residentMiB} MiB resident)`}`);
}
