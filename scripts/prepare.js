// Everything a clone needs before it runs: generated protocol code, compiled TypeScript, the native engine.
// In an installed package there is nothing to do: it ships dist/, and the engine is built when it is first needed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

async function step(name, run) {
  const startedMs = Date.now();
  await run();
  console.error(`prepare: ${name} ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
}

if (!existsSync(path.join(root, 'node_modules', 'typescript'))) {
  console.error('prepare: development dependencies are not installed; nothing to build');
  process.exit(0);
}

const { generate } = await import('./proto.js');
await step('protocol code', generate);
await step('typescript', () => {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const r = spawnSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.json')], { stdio: 'inherit' });
  if (r.status !== 0) throw new Error(`tsc failed with status ${r.status ?? r.signal}`);
});
const { buildAddon } = await import('./build-addon.js');
await step('engine', () => buildAddon());
