/** Notes of processes that a node has started, so that the next node of this home can end what a killed one left behind. */
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

import { SECRET_FILE, writeFileAtomic } from '../files/atomic.js';
import { type Holder, holderOf, isAlive, startTicksOf } from '../files/pid-file.js';

const GRACE_MS = 4000;
const POLL_MS = 20;

/** @param mark a part of the child's command line that no other process has, e.g. the folder of this home. */
export async function recordChild(file: string, pid: number, mark: string): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify({ pid, startTicks: startTicksOf(pid), info: { mark } } satisfies Holder)}\n`, SECRET_FILE);
}

async function commandLineOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  try {
    return (await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)])).stdout;
  } catch (error) {
    if (error instanceof Error) return ''; // no ps, or the process is gone
    throw error;
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it has ended meanwhile
  }
}

async function hasEnded(holder: Holder): Promise<boolean> {
  for (let waitedMs = 0; isAlive(holder); waitedMs += POLL_MS) {
    if (waitedMs >= GRACE_MS) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}

/**
 * Ends the process of a record, if it is still the one that was recorded, and removes the record.
 * @returns its pid where there was one to end.
 */
export async function endRecorded(file: string): Promise<number | undefined> {
  const holder = await holderOf(file);
  const mark = holder?.info['mark'];
  // A pid may be another's by now: after a restart of the machine, say.
  if (holder === undefined || mark === undefined || !(await commandLineOf(holder.pid)).includes(mark)) {
    await rm(file, { force: true });
    return undefined;
  }
  signal(holder.pid, 'SIGTERM');
  if (!(await hasEnded(holder))) {
    signal(holder.pid, 'SIGKILL');
    await hasEnded(holder);
  }
  await rm(file, { force: true });
  return holder.pid;
}
