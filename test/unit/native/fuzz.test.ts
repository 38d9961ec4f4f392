import { spawn } from 'node:child_process';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { loadEngine } from '../../../src/native/index.js';

const CALLS = 6000;

interface Ended {
  /** Exit code, or the signal that ended the process. */
  readonly ended: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script with the addon's file and more arguments in a process of its own, so that a crash is an outcome. */
function run(script: string, ...args: readonly (string | number)[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, script), loadEngine().file, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString('utf8')));
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString('utf8')));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ ended: signal ?? code, stdout, stderr }));
  });
}

describe('arguments of any kind', () => {
  it.each([1, 2, 3])('never crash a process, and the engine computes the same afterwards (seed %d)', async (seed) => {
    const { ended, stdout, stderr } = await run('fuzz-child.js', seed, CALLS);
    expect({ ended, stderr }).toEqual({ ended: 0, stderr: '' });
    const { seen, same } = JSON.parse(stdout) as { seen: Record<string, { answered: number; refused: number }>; same: boolean };
    expect(same).toBe(true);
    expect(Object.keys(seen).sort()).toEqual(['adamW', 'adapterLayout', 'clip', 'createModel', 'evaluate', 'initialLoraA', 'logits', 'meanGradient', 'trainStep', 'trimmedMean']);
    for (const { answered, refused } of Object.values(seen)) {
      expect(answered + refused).toBe(CALLS / 10);
      expect(refused).toBeGreaterThan(CALLS / 50);
      expect(answered).toBeGreaterThan(0);
    }
  });
});

describe('worker threads', () => {
  it('compute at the same time, and may end in the middle of their work, as the process may', async () => {
    const { ended, stdout, stderr } = await run('workers-child.js');
    expect({ ended, stderr }).toEqual({ ended: 7, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ results: 1, count: 40, ended: 3 });
  });
});
