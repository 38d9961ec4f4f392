/** CometBFT as a child: its settings of this start, its log beside ours, a clean end. */
import { spawn } from 'node:child_process';

import type { CometBinary } from '../../chain/comet/binary.js';
import { recordChild } from './child-record.js';
import type { NodeHome } from './home.js';

const STOP_MS = 3500;
const TAIL_LINES = 8;

export interface CometChild {
  readonly pid: number;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  /** The last lines that it printed. */
  readonly tail: readonly string[];
  /** Asks it to end, and ends it by force where it does not. */
  stop(): Promise<void>;
}

/** Nothing of the user's own CometBFT must reach this one. */
export function environment(variables: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !/^(CMT|TMHOME$)/.test(name));
  return { ...Object.fromEntries(own), ...variables };
}

/** @param variables as `overrideVariables` makes them. */
export async function startComet(comet: CometBinary, home: NodeHome, variables: Readonly<Record<string, string>>, onLine: (line: string) => void): Promise<CometChild> {
  const child = spawn(comet.file, ['start', '--home', home.comet], { env: environment(variables), stdio: ['ignore', 'pipe', 'pipe'] });
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.trim() === '') continue;
        tail.push(line);
        if (tail.length > TAIL_LINES) tail.shift();
        onLine(line);
      }
    });
  }
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code ?? 0}`));
    child.once('error', (error) => resolve(error.message));
  });
  if (child.pid !== undefined) await recordChild(home.cometPidFile, child.pid, home.comet);
  return {
    pid: child.pid ?? 0,
    ended,
    tail,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
