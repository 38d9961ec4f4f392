import { Chalk, type ChalkInstance } from 'chalk';

import type { ErrorReport } from './errors.js';
import type { LogLevel } from './globals.js';
import type { Io } from './io.js';
import { type JsonObject, toJson } from './json.js';

export interface OutputMode {
  readonly json: boolean;
  readonly stream: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly noColor: boolean;
  /** Somebody sits at the terminal. */
  readonly person: boolean;
  readonly logLevel: LogLevel;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** stdout is data, stderr is for people. The only place that writes to either. */
export class Output {
  readonly mode: OutputMode;
  /** Colours for text on stdout. */
  readonly paint: ChalkInstance;
  /** Colours for text on stderr. */
  readonly paintErr: ChalkInstance;
  readonly #io: Io;
  readonly #least: number;

  constructor(io: Io, mode: OutputMode) {
    this.#io = io;
    this.mode = mode;
    const colour = mode.person && !mode.noColor && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb';
    this.paint = new Chalk({ level: colour && io.stdoutIsTty ? 1 : 0 });
    this.paintErr = new Chalk({ level: colour ? 1 : 0 });
    this.#least = Math.max(RANK[mode.logLevel], mode.quiet ? RANK.warn : 0);
  }

  #data(line: string): void {
    this.#io.stdout.write(line.endsWith('\n') ? line : `${line}\n`);
  }

  #say(line: string): void {
    this.#io.stderr.write(line.endsWith('\n') ? line : `${line}\n`);
  }

  /** The outcome of the command, once, at its end. */
  result(data: JsonObject, text: string): void {
    if (!this.mode.json) {
      if (text !== '') this.#data(text);
    } else this.#data(toJson(this.mode.stream ? { type: 'result', ...data } : data));
  }

  /** Data of a stream as it comes: one NDJSON line, or `text` for people. */
  event(type: string, data: JsonObject, text: string): void {
    if (!this.mode.json) this.#data(text);
    else if (this.mode.stream) this.#data(toJson({ type, ...data }));
  }

  /** Data of a stream that people read as one text: as it is, without an end of line. */
  piece(type: string, data: JsonObject, text: string): void {
    if (!this.mode.json) this.#io.stdout.write(text);
    else if (this.mode.stream) this.#data(toJson({ type, ...data }));
  }

  /** A line for people while something happens; not shown with --json or --quiet. */
  note(text: string): void {
    if (!this.mode.json && !this.mode.quiet) this.#say(text);
  }

  warn(text: string): void {
    this.#say(`${this.paintErr.yellow('warning:')} ${text}`);
  }

  /** A line of the log, for people. */
  log(level: LogLevel, message: string): void {
    if (RANK[level] < this.#least && !(this.mode.verbose && level === 'debug')) return;
    if (this.mode.json && RANK[level] < RANK.warn && !this.mode.verbose) return;
    this.#say(`${this.paintErr.dim(level.padEnd(5))} ${message}`);
  }

  /** An error: one JSON object on stdout where a script reads it, and a few lines on stderr for people. */
  error(report: ErrorReport): void {
    if (this.mode.json) {
      const { code, message, hint, retryable } = report;
      this.#data(toJson({ type: 'error', code, message, hint, retryable }));
    }
    this.#say(`${this.paintErr.red('error:')} ${report.message}`);
    if (report.hint !== null) this.#say(`  ${this.paintErr.dim('→')} ${report.hint}`);
    if (this.mode.verbose) this.#say(report.stack);
  }
}
