import { R3mesError } from '../../protocol/errors.js';
import { type Holder, holderOf, isAlive } from '../files/pid-file.js';
import type { NodeHome } from './home.js';
import { infoOf } from './settings.js';

/** How long a node may take to finish its block and close its databases. */
export const GRACE_MS = 5000;
const POLL_MS = 25;

export interface Ended {
  readonly holder: Holder;
  readonly forced: boolean;
}

/** A background node heads a process group of its own; one in the foreground shares its group with whoever started it. */
function signalNode(holder: Holder, name: 'SIGTERM' | 'SIGKILL'): void {
  const target = infoOf(holder)?.mode === 'background' && process.platform !== 'win32' ? -holder.pid : holder.pid;
  try {
    process.kill(target, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it has ended meanwhile
  }
}

async function hasEnded(holder: Holder, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (isAlive(holder)) {
    if (performance.now() >= deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}

/**
 * Ends the node of a home and waits for it.
 * @returns nothing where none runs.
 * @throws R3mesError TIMED_OUT where it has not ended after the grace and `force` is not given.
 */
export async function endNode(home: NodeHome, force: boolean): Promise<Ended | undefined> {
  const holder = await holderOf(home.pidFile);
  if (holder === undefined) return undefined;
  signalNode(holder, 'SIGTERM');
  if (await hasEnded(holder, GRACE_MS)) return { holder, forced: false };
  if (!force) {
    throw new R3mesError({
      code: 'TIMED_OUT',
      message: `the node (process ${holder.pid}) was asked to stop and has not ended within ${GRACE_MS / 1000} s`,
      hint: 'see what it does with: r3mes node logs; end it with: r3mes node stop --force, no block is lost',
      retryable: true,
    });
  }
  signalNode(holder, 'SIGKILL');
  if (await hasEnded(holder, GRACE_MS)) return { holder, forced: true };
  throw new R3mesError({ code: 'TIMED_OUT', message: `process ${holder.pid} does not end even by force`, hint: 'the system holds it, perhaps for a disk that does not answer' });
}
