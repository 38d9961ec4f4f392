/** CometBFT for tests: built once into build/engine-comet by scripts/comet.js; and the processes of a home. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/r3mes.js', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../../scripts/comet.js', import.meta.url));

export type Json = Record<string, unknown>;

/** Path of CometBFT; nothing, with the reason printed, where it cannot be had. */
export function cometForTests(): string | undefined {
  if (!existsSync('dist/cli/node/app-server.js')) {
    console.warn('skipped: dist/ is missing; build it with node scripts/prepare.js');
    return undefined;
  }
  const { R3MES_COMETBFT } = process.env;
  if (R3MES_COMETBFT === undefined && !existsSync('build/engine-comet/cometbft') && spawnSync('go', ['version']).status !== 0) {
    console.warn('skipped: there is no Go on PATH to build CometBFT with, and R3MES_COMETBFT names no binary');
    return undefined;
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  console.warn(`skipped: CometBFT could not be installed: ${stderr.trim().split('\n').slice(-3).join(' ')}`);
  return undefined;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout where it is an object. */
  readonly json: Json;
}

/** Runs the built command line to its end, with `--json` and stdin closed. */
export async function r3mes(home: string, ...argv: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [BIN, ...argv, '--home', home, '--json'], { env: clean(), stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return { code, stdout, stderr, json: last.startsWith('{') ? (JSON.parse(last) as Json) : {} };
}

function clean(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('R3MES_')));
}

/** A node in the foreground, and what it prints. */
export class Foreground {
  readonly child: ChildProcess;
  readonly lines: Json[] = [];
  readonly ended: Promise<number>;
  #stderr = '';
  #wake: () => void = () => undefined;

  constructor(home: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [BIN, 'node', 'start', ...argv, '--home', home, '--json'], { env: { ...clean(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Json);
      this.#wake();
    });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString('utf8')));
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        resolve(code ?? -1);
        this.#wake();
      });
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for what `find` finds among the lines so far. */
  async until<T>(find: (lines: readonly Json[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this.lines);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`the node ended: ${this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  started(): Promise<Json> {
    return this.until((lines) => lines.find(({ type }) => type === 'started'));
  }

  /** The first block above a height. */
  beyond(height: number): Promise<Json> {
    return this.until((lines) => lines.find(({ type, height: at }) => type === 'block' && Number(at) > height));
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** What a node says of itself in its pid file: its processes, under CometBFT. */
export function processesOf(pidFile: string): { readonly pid: number; readonly appPid: number; readonly cometPid: number } {
  const { pid, info } = JSON.parse(readFileSync(pidFile, 'utf8')) as { pid: number; info: Record<string, string> };
  return { pid, appPid: Number(info['appPid']), cometPid: Number(info['cometPid']) };
}

/** Asks CometBFT's RPC. */
export async function rpc(url: string, method: string, params: Json = {}): Promise<Json> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
  const { result, error } = (await response.json()) as { result?: Json; error?: { message: string; data?: string } };
  if (result === undefined) throw new Error(`${method}: ${error?.message ?? ''} ${error?.data ?? ''}`);
  return result;
}

/** App hash in the header of a height: that of the block before it. */
export async function appHashIn(url: string, height: number): Promise<string> {
  const { block } = (await rpc(url, 'block', { height: String(height) })) as { block: { header: { app_hash: string } } };
  return block.header.app_hash;
}
