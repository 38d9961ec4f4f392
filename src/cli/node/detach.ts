import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { R3mesError } from '../../protocol/errors.js';
import { ensureFolder, SECRET_FILE } from '../files/atomic.js';
import type { DaemonMessage } from './daemon.js';
import { SMALL_HEAP_ARGS } from './memory.js';
import type { NodeHome } from './home.js';
import type { NodeInfo, NodeSettings } from './settings.js';

const DAEMON = fileURLToPath(new URL('./daemon.js', import.meta.url));

/** Enough of a crash to tell what it was. */
const CRASH_CHARACTERS = 2000;

async function spawnDaemon(home: NodeHome): Promise<ChildProcess> {
  await ensureFolder(home.logs);
  const crash = await open(home.crashFile, 'w', SECRET_FILE);
  try {
    return spawn(process.execPath, [...SMALL_HEAP_ARGS, DAEMON], { detached: true, stdio: ['ignore', crash.fd, crash.fd, 'ipc'], cwd: home.logs });
  } finally {
    await crash.close(); // the child has its own
  }
}

/** The first thing that the process tells, or how it ended without a word. */
function answerOf(child: ChildProcess, signal: AbortSignal): Promise<DaemonMessage | string> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      child.kill('SIGTERM');
      reject(signal.reason instanceof Error ? signal.reason : new Error('stopped'));
    };
    const settle = (answer: DaemonMessage | string): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    child.once('message', (message: DaemonMessage) => settle(message));
    child.once('error', (error) => settle(error.message));
    child.once('exit', (code, name) => settle(name ?? `exit code ${code ?? 0}`));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/**
 * Starts the node in the background and waits until it answers requests.
 * @returns its process id and what it tells of itself.
 * @throws R3mesError as `runNode` does, or NODE_FAILED where the process ended without saying why.
 */
export async function startDetached(settings: NodeSettings, signal: AbortSignal): Promise<{ readonly pid: number; readonly info: NodeInfo }> {
  const child = await spawnDaemon(settings.home);
  const answering = answerOf(child, signal);
  child.send(settings, () => undefined); // a child that is gone already is told by its exit
  const answer = await answering;
  child.removeAllListeners();
  if (typeof answer === 'string') {
    const text = (await readFile(settings.home.crashFile, 'utf8')).trim().slice(-CRASH_CHARACTERS);
    throw new R3mesError({
      code: 'NODE_FAILED',
      message: `the node ended while it started: ${answer}${text === '' ? '' : `\n${text}`}`,
      hint: `see ${settings.home.logFile} and ${settings.home.crashFile}`,
    });
  }
  if (answer.type === 'failed') {
    const { code, message, hint, retryable } = answer;
    throw new R3mesError({ code, message, retryable, ...(hint === null ? {} : { hint }) });
  }
  child.disconnect();
  child.unref();
  return { pid: child.pid ?? 0, info: answer.info };
}
