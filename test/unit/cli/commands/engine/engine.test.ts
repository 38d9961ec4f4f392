import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { engineNoun } from '../../../../../src/cli/commands/engine/index.js';
import { runCli, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';

afterEach(() => vi.unstubAllEnvs());

describe('help', () => {
  it.each(['build', 'status'])('of engine %s is pinned', (verb) => expectGoldenHelp(engineNoun, verb));
});

describe('engine status', () => {
  it('shows the addon, its arithmetic and the threads', async () => {
    const ran = await runCli(['engine', 'status', '--json', '--threads', '3']);
    expect(ran).toMatchObject({ code: 0, stderr: '', json: { available: true, reason: null, threads: 3, platform: `${process.platform}-${process.arch}` } });
    expect(ran.json['arithmeticVersion']).toBe(ran.json['expectedArithmeticVersion']);
    expect(ran.json['candidates']).toContainEqual({ file: path.join(path.dirname(ran.json['file'] as string), 'r3mes.node'), exists: true });
    expectDeclaredKeys(engineNoun, 'status', ran.json);
    const all = await runCli(['engine', 'status', '--json']);
    expect(all.json['threads']).toBe(all.json['cores']);
    expect((await runCli(['engine', 'status'])).stdout).toContain('arithmetic  version ');
  });
});

describe('engine build', () => {
  it('leaves a working engine alone', async () => {
    const ran = await runCli(['engine', 'build', '--json']);
    expect(ran).toMatchObject({ code: 0, json: { type: 'result', built: false } });
    expectDeclaredKeys(engineNoun, 'build', ran.json);
  });

  /** A PATH with these programs, each of which does nothing. */
  function stubPath(...programs: string[]): void {
    const folder = temporaryFolder();
    mkdirSync(folder, { recursive: true });
    for (const program of programs) writeFileSync(path.join(folder, program), '#!/bin/sh\n', { mode: 0o755 });
    vi.stubEnv('PATH', folder);
    vi.stubEnv('CXX', '');
  }

  if (process.platform === 'win32') console.log('skipped: the compiler of Windows is not looked for on PATH');
  it.skipIf(process.platform === 'win32').each<[string, string[], RegExp, RegExp]>([
    ['cmake on Debian', ['apt-get', 'c++'], /cmake was not found/, /sudo apt-get install .*cmake/],
    ['a compiler on Debian', ['apt-get', 'cmake', 'make'], /compiler .*was not found/, /sudo apt-get install .*g\+\+/],
    ['a compiler on Fedora', ['dnf', 'cmake', 'make'], /compiler/, /sudo dnf install .*gcc-c\+\+/],
    ['cmake on Arch', ['pacman', 'g++'], /cmake/, /sudo pacman -S .*cmake/],
    ['cmake on a Mac', ['brew', 'clang++'], /cmake/, /brew install cmake/],
    ['cmake on Windows', ['choco', 'g++'], /cmake/, /choco install cmake/],
    ['make', ['apt-get', 'cmake', 'g++'], /make or ninja was not found/, /sudo apt-get install .*make/],
    ['everything, with no package manager', [], /cmake/, /CMake 3\.15 or newer and a C\+\+17 compiler/],
  ])('names %s and the command that installs it', async (_what, programs, message, hint) => {
    stubPath(...programs);
    const ran = await runCli(['engine', 'build', '--force', '--json']);
    expect(ran.code).toBe(6);
    expect(ran.json).toMatchObject({ type: 'error', code: 'ENGINE_UNAVAILABLE', message: expect.stringMatching(message) as string, hint: expect.stringMatching(hint) as string });
    expect(ran.lines.filter(({ type }) => type === 'result')).toEqual([]);
  });
});
