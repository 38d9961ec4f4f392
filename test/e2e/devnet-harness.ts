/** Runs `r3mes node devnet` of the built package as a process group of its own, and reads what it prints. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../bin/r3mes.js', import.meta.url));

export type Line = Readonly<Record<string, unknown>> & { readonly type: string };

export interface DevnetExit {
  /** Absent after a signal. */
  readonly code: number | undefined;
  readonly lines: readonly Line[];
  readonly stderr: string;
}

export interface RunningDevnet {
  readonly exit: Promise<DevnetExit>;
  /** Sends SIGKILL to every process of it at once. */
  kill(): void;
  /** Asks it to end, as Ctrl-C does. */
  interrupt(): void;
  /** Resolves once its stdout holds the text. @throws Error where it ends without. */
  said(text: string): Promise<void>;
}

function parseLines(stdout: string): Line[] {
  // A killed run may have been cut in the middle of its last line.
  const whole = stdout.slice(0, stdout.lastIndexOf('\n') + 1);
  return whole.split('\n').filter((l) => l !== '').map((l) => JSON.parse(l) as Line);
}

export function startDevnet(home: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningDevnet {
  const child: ChildProcess = spawn(process.execPath, [BINARY, 'node', 'devnet', '--home', home, '--json', '--yes', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString('utf8')));
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString('utf8')));
  const exit = new Promise<DevnetExit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? undefined, lines: parseLines(stdout), stderr }));
  });
  return {
    exit,
    interrupt() {
      child.kill('SIGINT');
    },
    said(text) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text)) resolve();
        };
        child.stdout?.on('data', look);
        child.once('close', () => reject(new Error(`it ended without saying ${JSON.stringify(text)}: ${stderr}`)));
        look();
      });
    },
    kill() {
      if (child.pid === undefined || child.exitCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended by itself just now
      }
    },
  };
}

export function runDevnet(home: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<DevnetExit> {
  return startDevnet(home, args, env).exit;
}

/** A folder that is gone afterwards. */
export async function withHome<T>(use: (home: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(path.join(tmpdir(), 'r3mes-devnet-'));
  try {
    return await use(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The one result line; what the run said on stderr where there is none. */
export function resultOf(exit: DevnetExit): Line {
  const results = exit.lines.filter((l) => l.type === 'result');
  const [result] = results;
  if (exit.code !== 0 || results.length !== 1 || result === undefined) {
    throw new Error(`exit code ${exit.code}, ${results.length} results: ${JSON.stringify(exit.lines.at(-1))}\n${exit.stderr}`);
  }
  return result;
}
