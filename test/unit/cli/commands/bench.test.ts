import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { mineNoun } from '../../../../src/cli/commands/mine/index.js';
import { runCli } from '../harness.js';
import { expectDeclaredKeys } from './golden.js';

const SMALL = ['--sequences', '2', '--length', '32', '--rank', '2', '--repeat', '1'];

describe('mine bench', () => {
  it('prints machine and numbers, and the same gradient for every number of threads', async () => {
    const one = await runCli(['mine', 'bench', ...SMALL, '--threads', '1', '--json']);
    expect(one.code).toBe(0);
    expectDeclaredKeys(mineNoun, 'bench', one.json);
    expect(one.json).toMatchObject({ model: 'bitnet-nano', tokens: 64, runs: [{ threads: 1 }], machine: { architecture: process.arch, node: process.version } });
    expect(Number(one.json['tokensPerSecond'])).toBeGreaterThan(0);
    const three = await runCli(['mine', 'bench', ...SMALL, '--threads', '3', '--json']);
    expect(three.json).toMatchObject({ gradientHash: one.json['gradientHash'], runs: [{ threads: 1 }, { threads: 3 }] });
    const forPeople = await runCli(['mine', 'bench', ...SMALL, '--threads', '1']);
    expect(forPeople.stdout).toMatch(/^machine {3}/);
    expect(forPeople.stdout).toContain('threads  seconds  tokens/s');
  });

  it.each([
    [['--model', 'nowhere'], 1, 'FILE_NOT_FOUND'],
    [['--device', 'cuda'], 6, 'DEVICE_UNAVAILABLE'],
    [['--length', '5000'], 2, 'USAGE'],
    [['--sequences', '0'], 2, 'USAGE'],
  ])('refuses %j with exit code %i', async (argv, code, error) => {
    const cwd = mkdtempSync(path.join(os.tmpdir(), 'r3mes-bench-'));
    const ran = await runCli(['mine', 'bench', ...argv, '--json'], { cwd });
    expect([ran.code, ran.json['code']]).toEqual([code, error]);
    rmSync(cwd, { recursive: true, force: true });
  });
});
