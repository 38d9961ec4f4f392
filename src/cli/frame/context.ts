import type { Config } from '../config/load.js';
import type { Paths } from '../config/paths.js';
import type { Noun } from './command.js';
import type { Globals } from './globals.js';
import type { Io } from './io.js';
import type { Output } from './output.js';
import { type Progress, startProgress } from './progress.js';
import type { Prompter } from './prompt.js';

/** What a command may see and use. */
export interface Context {
  readonly io: Io;
  readonly globals: Globals;
  readonly paths: Paths;
  /** Every command there is. */
  readonly nouns: readonly Noun[];
  readonly out: Output;
  readonly prompt: Prompter;
  /** Somebody sits at the terminal and may be asked and shown secrets. */
  readonly person: boolean;
  /** Aborted by the first SIGINT or SIGTERM, or when nobody reads stdout any more. */
  readonly signal: AbortSignal;
  /** The settings, read once. @throws R3mesError CONFIG_INVALID */
  readonly config: () => Promise<Config>;
  /** Says what a stop waits for from now on; nothing where it need not wait. */
  readonly holdFor: (what: string | undefined) => void;
  progress(what: string): Promise<Progress>;
}

export function createContext(parts: Omit<Context, 'progress'>): Context {
  return { ...parts, progress: (what) => startProgress(parts.out, what) };
}
