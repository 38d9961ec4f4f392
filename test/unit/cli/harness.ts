import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';

import { afterEach } from 'vitest';

import type { Noun } from '../../../src/cli/frame/command.js';
import type { Io } from '../../../src/cli/frame/io.js';
import type { Prompter } from '../../../src/cli/frame/prompt.js';
import { run } from '../../../src/cli/main.js';

export interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
  readonly home?: string;
  readonly tty?: boolean;
  readonly prompter?: Prompter;
  readonly nouns?: readonly Noun[];
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The object that `--json` printed; the last one of a stream. */
  readonly json: Record<string, unknown>;
  readonly lines: readonly Record<string, unknown>[];
}

const made: string[] = [];

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'r3mes-cli-'));
  made.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function collect(): { stream: Writable; text: () => string } {
  const parts: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(parts).toString('utf8') };
}

export interface FakeIo {
  readonly io: Io;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly signal: (name: 'SIGINT' | 'SIGTERM') => void;
  readonly exits: number[];
}

/** An Io that touches nothing of the process: HOME is a folder of its own, stdin is closed. */
export function fakeIo(given: Given = {}): FakeIo {
  const out = collect();
  const err = collect();
  const handlers = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();
  const exits: number[] = [];
  const tty = given.tty ?? false;
  const io: Io = {
    stdin: given.stdin === undefined ? new PassThrough().end() : Readable.from([Buffer.from(given.stdin)]),
    stdout: out.stream,
    stderr: err.stream,
    stdinIsTty: tty,
    stdoutIsTty: tty,
    stderrIsTty: tty,
    columns: 100,
    env: { HOME: given.home ?? temporaryFolder(), ...given.env },
    cwd: given.cwd ?? temporaryFolder(),
    onSignal(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    exit: (code) => void exits.push(code),
  };
  return {
    io,
    stdout: out.text,
    stderr: err.text,
    signal: (name) => {
      for (const handler of handlers) handler(name);
    },
    exits,
  };
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Runs the command line in this process. */
export async function runCli(argv: readonly string[], given: Given = {}): Promise<Ran> {
  const fake = fakeIo(given);
  const code = await run(argv, fake.io, given.prompter === undefined ? {} : { prompter: given.prompter }, given.nouns);
  const stdout = fake.stdout();
  const lines = argv.includes('--json') ? parseLines(stdout) : [];
  return { code, stdout, stderr: fake.stderr(), lines, json: lines.at(-1) ?? {} };
}

/** Answers questions in order and notes what was asked. */
export function scriptedPrompter(answers: readonly string[]): Prompter & { readonly asked: string[] } {
  const left = [...answers];
  const asked: string[] = [];
  const answer = ({ message, check }: { message: string; check?: (given: string) => string | undefined }): Promise<string> => {
    asked.push(message);
    for (;;) {
      const given = left.shift();
      if (given === undefined) return Promise.reject(new Error(`no answer left for: ${message}`));
      const why = check?.(given);
      if (why === undefined) return Promise.resolve(given);
      asked.push(`refused: ${why}`);
    }
  };
  return { asked, text: answer, password: answer, select: answer, confirm: (what) => answer({ message: what }).then(() => undefined) };
}
