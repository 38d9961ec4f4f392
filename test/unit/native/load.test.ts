import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { R3mesError } from '../../../src/protocol/errors.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'r3mes-load-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** The loader as a new process has it: nothing is loaded yet. */
const loader = () => import('../../../src/native/load.js');

async function refusal(file: string): Promise<R3mesError> {
  vi.stubEnv('R3MES_ENGINE', file);
  const { loadEngine } = await loader();
  try {
    loadEngine();
  } catch (error) {
    // Not an instance of this file's class: modules were loaded anew.
    return error as R3mesError;
  }
  throw new Error('the engine was loaded');
}
function written(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('the engine', () => {
  it('is loaded once', async () => {
    const { engine, loadEngine, ARITHMETIC_VERSION } = await loader();
    const first = loadEngine();
    expect(path.basename(first.file)).toBe(first.binding.isa === 'scalar' ? 'r3mes.node' : `r3mes-${first.binding.isa}.node`);
    expect(first.binding.arithmeticVersion).toBe(ARITHMETIC_VERSION);
    expect(loadEngine()).toBe(first);
    expect(engine()).toBe(first.binding);
    vi.stubEnv('R3MES_ENGINE', path.join(folder, 'nothing.node'));
    expect(loadEngine()).toBe(first);
  });

  it('may lie anywhere that R3MES_ENGINE says, relative to the working directory too', async () => {
    const { file } = (await loader()).loadEngine();
    const copy = path.join(folder, 'copied.node');
    copyFileSync(file, copy);
    for (const named of [copy, path.relative(process.cwd(), copy)]) {
      vi.resetModules();
      vi.stubEnv('R3MES_ENGINE', named);
      expect((await loader()).loadEngine().file).toBe(copy);
    }
  });

  it.each<[string, () => string, RegExp]>([
    ['points to nothing', () => path.join(folder, 'nothing.node'), /^the engine is not built: none of \S+nothing\.node is there$/],
    ['points to garbage', () => written('garbage.node', 'no library at all'), /garbage\.node does not load: /],
    ['points to an empty file', () => written('empty.node', ''), /empty\.node does not load: /],
    ['points to the head of a library', () => written('head.node', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0)), /head\.node does not load: /],
    ['points to a folder', () => folder, /does not load: /],
    ['points to a library of something else', () => written('else.cjs', 'module.exports = { add: (a, b) => a + b }'), /else\.cjs is of another version of r3mes$/],
    ['points to one that exports nothing', () => written('none.cjs', 'module.exports = null'), /none\.cjs is of another version of r3mes$/],
    ['points to one of another arithmetic', () => written('other.cjs', `module.exports = { arithmeticVersion: 2 }; for (const f of ${JSON.stringify(['isaSupported', 'cudaDevices', 'createModel', 'adapterLayout', 'trainStep', 'evaluate', 'logits', 'createSession', 'samplingWeights', 'clip', 'trimmedMean', 'meanGradient', 'adamW', 'initialLoraA'])}) module.exports[f] = () => 0;`), /other\.cjs has arithmetic version 2, expected 1$/],
  ])('is refused where R3MES_ENGINE %s', async (_what, file, says) => {
    const error = await refusal(file());
    expect(error).toMatchObject({ name: 'R3mesError', code: 'ENGINE_UNAVAILABLE', hint: 'build it for this machine: r3mes engine build' });
    expect(error.message).toMatch(says);
  });

  it('is asked for again after a failure', async () => {
    const { file } = (await loader()).loadEngine();
    vi.resetModules();
    const late = path.join(folder, 'late.node');
    vi.stubEnv('R3MES_ENGINE', late);
    const { loadEngine } = await loader();
    expect(() => loadEngine()).toThrow(/not built/);
    copyFileSync(file, late);
    expect(loadEngine().file).toBe(late);
  });

  it('is the one that R3MES_ISA names, where this machine has it', async () => {
    vi.stubEnv('R3MES_ISA', 'scalar');
    expect((await loader()).loadEngine().binding.isa).toBe('scalar');
    vi.resetModules();
    vi.stubEnv('R3MES_ISA', 'avx1024');
    const { loadEngine } = await loader();
    expect(() => loadEngine()).toThrow(/^R3MES_ISA is "avx1024", this machine and this build have (avx512, )?(avx2, )?scalar$/);
    vi.stubEnv('R3MES_ISA', '');
    expect(['avx512', 'avx2', 'scalar']).toContain(loadEngine().binding.isa);
  });

  it('refuses before anything is computed', async () => {
    vi.stubEnv('R3MES_ENGINE', path.join(folder, 'nothing.node'));
    const { clip, initialLoraA } = await import('../../../src/native/index.js');
    await expect(clip(Float32Array.of(1), 1)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(() => initialLoraA(1n, 1, 1)).toThrow(expect.objectContaining({ code: 'ENGINE_UNAVAILABLE' }) as Error);
  });
});

describe('the version of the package', () => {
  it('is that of package.json', async () => {
    const { packageVersion } = await loader();
    const asked = spawnSync(process.execPath, ['-p', "require('./package.json').version"], { cwd: path.resolve(import.meta.dirname, '../../..'), encoding: 'utf8' });
    expect(packageVersion()).toBe(asked.stdout.trim());
  });
});
