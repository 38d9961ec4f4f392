import { type Config, loadConfig } from '../config/load.js';
import { resolvePaths } from '../config/paths.js';
import type { Noun } from './command.js';
import { createContext } from './context.js';
import { describeError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { GLOBALS, type Globals } from './globals.js';
import { type Io, personIsThere } from './io.js';
import { Output } from './output.js';
import type { Parsed } from './program.js';
import { absentPrompter, type Prompter, terminalPrompter } from './prompt.js';
import { type Raw, resolveArguments, resolveOptions, settingFlags } from './resolve.js';
import { type Stopping, watchForStop } from './stopping.js';

/** What tests put in place of the terminal. */
export interface Overrides {
  readonly prompter?: Prompter;
}

function outputFor(io: Io, globals: Globals, stream: boolean): Output {
  const person = personIsThere(io, globals);
  const { json, quiet, verbose, noColor, logLevel } = globals;
  return new Output(io, { json, stream, quiet, verbose, noColor, person, logLevel: verbose ? 'debug' : logLevel });
}

/** Globals as far as they can be told from a command line that could not be read. */
function guessGlobals(io: Io, argv: readonly string[]): Globals {
  const upTo = argv.indexOf('--');
  const seen = new Set(upTo === -1 ? argv : argv.slice(0, upTo));
  const variable = (io.env['R3MES_JSON'] ?? '').toLowerCase();
  return {
    home: undefined,
    json: seen.has('--json') || ['1', 'true', 'yes', 'on'].includes(variable),
    yes: seen.has('--yes'),
    verbose: seen.has('--verbose'),
    quiet: seen.has('--quiet'),
    logLevel: 'info',
    noColor: seen.has('--no-color'),
  };
}

/** Prints an error that came up before or outside of a command; returns the exit code. */
export function reportOutside(io: Io, argv: readonly string[], error: unknown): number {
  const report = describeError(error);
  outputFor(io, guessGlobals(io, argv), false).error(report);
  return report.exitCode;
}

async function globalsOf(io: Io, raw: Raw): Promise<Globals> {
  const none = (): Promise<Config> => Promise.reject(new Error('no global flag is a setting'));
  return (await resolveOptions(GLOBALS, raw, io.env, none)) as Globals;
}

/** Runs a parsed command: context, handler, printing, exit code. */
export async function execute(io: Io, parsed: Extract<Parsed, { kind: 'command' }>, nouns: readonly Noun[], overrides: Overrides): Promise<number> {
  const { command, raw } = parsed;
  let globals: Globals;
  try {
    globals = await globalsOf(io, raw);
  } catch (error) {
    const report = describeError(error);
    outputFor(io, guessGlobals(io, raw['json'] === true ? ['--json'] : []), false).error(report);
    return report.exitCode;
  }
  const out = outputFor(io, globals, command.stream === true);
  const stopping = watchForStop(io, out);
  try {
    return await runCommand(io, parsed, globals, nouns, out, stopping, overrides);
  } catch (error) {
    if (stopping.unread()) return EXIT.ok;
    const report = describeError(stopping.stopped() ?? error);
    out.error(report);
    return report.exitCode;
  } finally {
    stopping.dispose();
  }
}

async function runCommand(
  io: Io,
  { command, positionals, raw }: Extract<Parsed, { kind: 'command' }>,
  globals: Globals,
  nouns: readonly Noun[],
  out: Output,
  stopping: Stopping,
  overrides: Overrides,
): Promise<number> {
  const person = out.mode.person;
  const paths = resolvePaths(globals.home, io.env, io.cwd);
  const flags = settingFlags(command.options, raw);
  let loaded: Promise<Config> | undefined;
  const config = (): Promise<Config> => (loaded ??= loadConfig({ paths, env: io.env, cwd: io.cwd, flags }));
  const prompt = overrides.prompter ?? (person ? terminalPrompter() : absentPrompter(globals.yes));
  const ctx = createContext({ io, globals, paths, nouns, out, prompt, person, signal: stopping.signal, config, holdFor: stopping.holdFor });
  const values = {
    ...resolveArguments(command.args, positionals),
    ...(await resolveOptions(command.options, raw, io.env, config)),
  };
  const result = await command.run(ctx, values);
  out.result(result.data, result.text);
  const stopped = stopping.stopped();
  if (stopped !== undefined) return describeError(stopped).exitCode;
  return result.exitCode ?? EXIT.ok;
}
