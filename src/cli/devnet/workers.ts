import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { R3mesError } from '../../protocol/errors.js';
import type { RoleEvent } from '../../roles/role.js';
import type { DevnetChain } from './chain.js';
import type { DevnetAccount, DevnetRole } from './keys.js';
import type { DevnetHome } from './settings.js';
import type { Cheat, WorkerAccount, WorkerMessage, WorkerStart } from './worker-protocol.js';

/** What every role runs, in the built package. */
const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** A process that dies this often without cause ends the run. */
const MAX_RESTARTS = 3;
const STOP_MS = 5000;

export interface WorkersOptions {
  readonly home: DevnetHome;
  readonly chain: Pick<DevnetChain, 'url' | 'otherUrls' | 'isPaced'>;
  readonly lastWindow: bigint;
  readonly onEvent: (role: string, event: RoleEvent) => void;
  /** A process could not be kept alive. */
  readonly onFailure: (error: R3mesError) => void;
  /** JavaScript that a role's process runs, where it is not the one beside this file: sources cannot be forked. */
  readonly workerFile?: string;
}

/** Odd cheaters submit noise, even ones copy. */
function cheatOf(account: DevnetAccount): Cheat | undefined {
  if (account.part !== 'cheater') return undefined;
  return Number(account.name.slice(account.name.lastIndexOf('-') + 1)) % 2 === 1 ? 'noise' : 'copy';
}

function workerAccount(account: DevnetAccount): WorkerAccount {
  const cheat = cheatOf(account);
  return {
    name: account.name,
    part: account.part === 'cheater' ? 'miner' : account.part,
    privateKey: account.privateKey,
    ...(cheat === undefined ? {} : { cheat }),
  };
}

/** Starts one process a role, starts it again when it dies, ends all. */
export class Workers {
  readonly #children = new Map<string, ChildProcess>();
  #stopping = false;

  constructor(private readonly options: WorkersOptions) {}

  start(role: DevnetRole, restarts = 0): void {
    const { home, chain, lastWindow, onEvent, workerFile = WORKER } = this.options;
    const child = fork(workerFile, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#children.set(role.role, child);
    let cause: R3mesError | undefined;
    child.on('message', (message: WorkerMessage) => {
      if (message.type === 'event') onEvent(role.role, message.event);
      else cause = new R3mesError({ code: message.code, message: `role ${role.role} stopped: ${message.message}` });
    });
    child.on('error', (error) => {
      cause = new R3mesError({ code: 'ROLE_FAILED', message: `role ${role.role} could not be started: ${error.message}` });
    });
    child.on('exit', (code, signal) => {
      if (this.#stopping || this.#children.get(role.role) !== child) return;
      if (restarts < MAX_RESTARTS) {
        onEvent(role.role, { type: 'restarted', role: role.role, because: signal ?? `exit code ${code ?? 0}` });
        this.start(role, restarts + 1);
        return;
      }
      this.options.onFailure(
        cause ?? new R3mesError({ code: 'ROLE_FAILED', message: `role ${role.role} ended ${restarts + 1} times, last by ${signal ?? `exit code ${code ?? 0}`}` }),
      );
    });
    const start: WorkerStart = {
      type: 'start',
      role: role.role,
      nodeUrl: chain.url,
      otherUrls: chain.otherUrls,
      isPaced: chain.isPaced,
      content: home.content,
      trafficFile: path.join(home.traffic, role.role),
      accounts: role.accounts.map(workerAccount),
      lastWindow,
    };
    child.send(start);
  }

  /** Asks all to end by closing their channels; ends those by force that do not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#children.values()].map((child) => endChild(child)));
  }
}

function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.once('exit', () => {
      clearTimeout(force);
      resolve();
    });
    if (child.connected) child.disconnect();
  });
}
