/** The parent's side of the application's process. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { R3mesError } from '../../protocol/errors.js';
import type { AppFailure, AppMessage, AppSettings, MetricsQuestion } from './app-server.js';
import type { BlockLine } from './block-line.js';
import { recordChild } from './child-record.js';
import { APP_HEAP_ARGS, SMALL_MALLOC_ENV } from './memory.js';

export const APP_ENTRY = fileURLToPath(new URL('./app-process.js', import.meta.url));
const STOP_MS = 2000;
/** It answers between two calls of the engine, the longest of which is a block. */
const METRICS_MS = 3000;

export interface AppChildOptions extends AppSettings {
  /** Script of the process. */
  readonly entry: string;
  readonly onBlock: (line: BlockLine) => void;
  readonly report: (text: string) => void;
  /** Hears why the node cannot go on, once the application has begun to serve. */
  readonly onFailed: (error: R3mesError) => void;
}

export interface AppChild {
  readonly pid: number;
  /** `unix://…` or `tcp://…` */
  readonly address: string;
  readonly height: bigint;
  readonly appHash: string;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  /** Its metrics as text. @throws R3mesError NO_METRICS where it does not answer, or is not measured. */
  metrics(): Promise<string>;
  /** Lets it finish the block at hand; by force where that takes too long. */
  stop(): Promise<void>;
}

function toError({ code, message, hint, retryable }: AppFailure): R3mesError {
  return new R3mesError({ code, message, retryable, ...(hint === null ? {} : { hint }) });
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code ?? 0}`));
    child.once('error', (error) => resolve(error.message));
  });
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.connected) child.disconnect(); // which it takes as the order to end
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** Asks for the metrics, one question at a time or many. */
function askMetrics(child: ChildProcess, id: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: AppMessage): void => {
      if (message.type === 'metrics' && message.id === id) settle(() => resolve(message.text));
    };
    const refuse = (): void => settle(() => reject(new R3mesError({ code: 'NO_METRICS', message: `the application gave no metrics within ${METRICS_MS} ms`, retryable: true })));
    const timer = setTimeout(refuse, METRICS_MS);
    const settle = (answer: () => void): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', refuse);
      answer();
    };
    child.on('message', onMessage);
    child.once('exit', refuse);
    if (child.connected) child.send({ id } satisfies MetricsQuestion, () => undefined);
    else refuse();
  });
}

/**
 * Starts the application and waits until it listens.
 * @throws R3mesError as the application says, e.g. DATABASE_*, or NODE_FAILED where it ended without a word.
 */
export async function startApp(options: AppChildOptions): Promise<AppChild> {
  const { home, address, rpc, metrics, entry, onBlock, report, onFailed } = options;
  const child = fork(entry, [home.state], { execArgv: [...APP_HEAP_ARGS], env: { ...SMALL_MALLOC_ENV, ...process.env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = exitOf(child);
  const { pid } = child;
  let isReady = false;
  const ready = new Promise<Extract<AppMessage, { type: 'ready' }>>((resolve, reject) => {
    child.on('message', (message: AppMessage) => {
      if (message.type === 'block') onBlock(message.line);
      else if (message.type === 'report') report(message.text);
      else if (message.type === 'ready') resolve(message);
      else if (message.type === 'metrics') return; // told to whoever asked
      else if (isReady) onFailed(toError(message.error));
      else reject(toError(message.error));
    });
    void ended.then((how) => reject(new R3mesError({ code: 'NODE_FAILED', message: `the application ended while it started: ${how}`, hint: `see ${home.logFile} and ${home.crashFile}` })));
  });
  if (pid !== undefined) await recordChild(home.appPidFile, pid, home.state);
  child.send({ home, address, rpc, ...(metrics === undefined ? {} : { metrics }) } satisfies AppSettings, () => undefined); // a child that is gone already is told by its exit
  try {
    const { address: listening, height, appHash } = await ready;
    isReady = true;
    let questions = 0;
    const ask = (): Promise<string> => askMetrics(child, ++questions);
    return { pid: pid ?? 0, address: listening, height: BigInt(height), appHash, ended, metrics: ask, stop: () => stop(child, ended) };
  } catch (error) {
    await stop(child, ended);
    throw error;
  }
}
