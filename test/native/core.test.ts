import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

import { describe, expect, it, type TestContext } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const GOLDEN = join(ROOT, 'test/vectors/arithmetic/golden.txt');
/** Unoptimised code is some forty times slower than the rest. */
const TIMEOUT_MS = 600_000;

/** Runs a program; fails with all that it printed where it does not end with 0. */
function run(command: string, args: string[]): string {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${String(result.error ?? result.status)}:\n${result.stdout}${result.stderr}`);
  }
  return result.stdout;
}

/** The first of these programs that is on the PATH. */
function installed(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.find((name) => folders.some((folder) => folder !== '' && existsSync(join(folder, name))));
}

const CLANGS = ['clang++', 'clang++-19', 'clang++-18', 'clang++-17', 'clang++-16', 'clang++-15', 'clang++-14'];

/** The compiler, where it and CMake are installed; else says what is missing and skips the test. */
function compilerFor(context: TestContext, debianPackage: string, ...names: string[]): string {
  const compiler = installed(...names);
  const missing = installed('cmake', 'cmake.exe') === undefined ? 'cmake' : compiler === undefined ? names[0] : undefined;
  if (missing === undefined && compiler !== undefined) return compiler;
  const reason = `not built: there is no ${String(missing)} (Debian: apt-get install cmake ${debianPackage})`;
  console.log(reason);
  return context.skip(reason);
}

/** Builds the core alone, without Node, in a folder of its own, all of it or some targets; returns the folder. */
function build(folder: string, compiler: string, options: string[], targets: string[] = ['all']): string {
  const at = join(ROOT, 'build', folder);
  run('cmake', ['-S', 'native', '-B', at, `-DCMAKE_CXX_COMPILER=${compiler}`, ...options]);
  run('cmake', ['--build', at, '-j', String(availableParallelism()), '--target', ...targets]);
  return at;
}

/** What was tested, one line a test, as ctest prints it. */
function ctest(folder: string, ...options: string[]): string {
  return run('ctest', ['--test-dir', folder, '--output-on-failure', '--no-tests=error', ...options]);
}

async function expectGolden(folder: string, threads: number, microBatch: number): Promise<void> {
  const printed = run(join(folder, 'test/golden'), [String(threads), String(microBatch)]);
  expect(printed).toBe(await readFile(GOLDEN, 'utf8'));
}

describe('the core, built by CMake alone', () => {
  it('has golden hashes for every operator and for whole steps', async () => {
    const lines = (await readFile(GOLDEN, 'utf8')).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(15);
    for (const line of lines) expect(line).toMatch(/^[a-z0-9-]+ [0-9a-f]{64}$/);
    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(lines.length);
  });

  it('passes all of its own tests with -O3', { timeout: TIMEOUT_MS }, async (context) => {
    const folder = build('core', compilerFor(context, 'g++', 'g++'), ['-DCMAKE_BUILD_TYPE=Release']);
    expect(ctest(folder)).toContain('100% tests passed');
    await expectGolden(folder, 3, 4);
  });

  it('gives the same hashes with -O0', { timeout: TIMEOUT_MS }, async (context) => {
    const options = ['-DCMAKE_BUILD_TYPE=Debug', '-DCMAKE_CXX_FLAGS_DEBUG=-O0'];
    const folder = build('core-O0', compilerFor(context, 'g++', 'g++'), options, ['golden', 'quantizers', 'refusals', 'environment']);
    await expectGolden(folder, 2, 2);
    expect(ctest(folder, '-R', '^(quantizers|refusals|environment|objects-core|objects-kernels)$')).toContain('100% tests passed');
  });

  it('passes all of its own tests with clang', { timeout: TIMEOUT_MS }, async (context) => {
    const folder = build('core-clang', compilerFor(context, 'clang', ...CLANGS), ['-DCMAKE_BUILD_TYPE=Release']);
    expect(ctest(folder)).toContain('100% tests passed');
    await expectGolden(folder, 2, 5);
  });
});
