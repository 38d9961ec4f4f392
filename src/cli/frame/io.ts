import type { Readable, Writable } from 'node:stream';

import type { Environment } from '../config/paths.js';

/** Everything of the process that the command line touches, so that tests can give their own. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly columns: number;
  readonly env: Environment;
  readonly cwd: string;
  /** Calls `handler` for SIGINT and SIGTERM until the returned function is called. */
  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Ends the process at once: the second Ctrl-C. */
  exit(code: number): void;
}

export function processIo(): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stdinIsTty: process.stdin.isTTY,
    stdoutIsTty: process.stdout.isTTY,
    stderrIsTty: process.stderr.isTTY,
    columns: process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : 100,
    env: process.env,
    cwd: process.cwd(),
    onSignal(handler) {
      const interrupt = (): void => handler('SIGINT');
      const terminate = (): void => handler('SIGTERM');
      process.on('SIGINT', interrupt).on('SIGTERM', terminate);
      return () => void process.off('SIGINT', interrupt).off('SIGTERM', terminate);
    },
    exit: (code) => process.exit(code),
  };
}

/** Whether somebody is there to ask: both ends are a terminal and nothing says that a script runs. */
export function personIsThere(io: Io, mode: { readonly json: boolean; readonly yes: boolean }): boolean {
  const ci = io.env['CI'];
  const isCi = ci !== undefined && !['', '0', 'false'].includes(ci.toLowerCase());
  return io.stdinIsTty && io.stderrIsTty && !mode.json && !mode.yes && !isCi;
}
