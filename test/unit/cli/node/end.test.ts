import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { holderOf, startTicksOf } from '../../../../src/cli/files/pid-file.js';
import { endNode } from '../../../../src/cli/node/end.js';
import { rssBytesOf } from '../../../../src/cli/node/memory.js';
import { temporaryFolder } from '../harness.js';
import { homeOf } from '../commands/node/home.js';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that holds the pid file of a home and does with SIGTERM what `program` says. */
async function holder(program: string, mode: 'background' | 'foreground') {
  const home = homeOf(temporaryFolder());
  const child = spawn(process.execPath, ['-e', `${program}; console.log('up'); setInterval(() => {}, 1000)`], { stdio: ['ignore', 'pipe', 'inherit'], detached: mode === 'background' });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const pid = child.pid!;
  mkdirSync(path.dirname(home.pidFile), { recursive: true });
  const info = { rpc: 'http://127.0.0.1:1', chainId: 'x', rpcHost: '127.0.0.1', rpcPort: '1', blockMs: '20', mode, startedAt: 'now' };
  writeFileSync(home.pidFile, JSON.stringify({ pid, startTicks: startTicksOf(pid), info }));
  return { home, pid, child };
}

if (process.platform === 'win32') console.log('skipped: Windows has no signals that a node could be ended by');
describe.skipIf(process.platform === 'win32')('endNode', () => {
  it.each(['background', 'foreground'] as const)('waits for a node in the %s that ends by itself', async (mode) => {
    const { home, pid, child } = await holder('', mode);
    expect(await endNode(home, false)).toMatchObject({ holder: { pid }, forced: false });
    expect(await holderOf(home.pidFile)).toBeUndefined();
    expect(child.signalCode ?? 'SIGTERM').toBe('SIGTERM');
    expect(await endNode(home, false)).toBeUndefined();
  });

  it('says that the time is over, and ends by force only where that was asked', async () => {
    const { home, pid } = await holder("process.on('SIGTERM', () => {})", 'background');
    await expect(endNode(home, false)).rejects.toMatchObject({ code: 'TIMED_OUT', message: expect.stringContaining('5 s') as string, hint: expect.stringContaining('--force') as string });
    expect((await holderOf(home.pidFile))?.pid).toBe(pid);
    expect(await rssBytesOf(pid)).toBeGreaterThan(1_000_000);
    expect(await endNode(home, true)).toMatchObject({ holder: { pid }, forced: true });
    expect(await rssBytesOf(2 ** 30)).toBeUndefined();
  });
});
