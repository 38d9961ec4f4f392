import { readFileSync } from 'node:fs';

import type { Noun } from './frame/command.js';
import type { Overrides } from './frame/execute.js';
import { type Io, processIo } from './frame/io.js';
import { type Parsed, parseCommandLine } from './frame/program.js';
import { NOUNS } from './registry.js';

/** The version of the package, from its package.json. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}

/**
 * Runs one command line and returns its exit code. Help and version end here, with no more loaded than declarations;
 * everything else is loaded when a command runs.
 */
export async function run(argv: readonly string[], io: Io = processIo(), overrides: Overrides = {}, nouns: readonly Noun[] = NOUNS): Promise<number> {
  let parsed: Parsed;
  try {
    parsed = parseCommandLine(nouns, argv, { version: packageVersion(), columns: io.columns, write: (text) => void io.stdout.write(text) });
  } catch (error) {
    const { reportOutside } = await import('./frame/execute.js');
    return reportOutside(io, argv, error);
  }
  if (parsed.kind === 'done') return 0;
  const { execute } = await import('./frame/execute.js');
  return execute(io, parsed, nouns, overrides);
}

/** The whole life of the process: runs, lets the last bytes out, ends. */
export async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  process.on('uncaughtException', (error) => {
    void import('./frame/execute.js').then(({ reportOutside }) => process.exit(reportOutside(processIo(), argv, error)));
  });
  const code = await run(argv);
  const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => {
      if (stream.destroyed || stream.writableEnded) resolve();
      else stream.write('', () => resolve());
    });
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // Not left to the event loop: a connection that a library keeps open must not keep a finished command alive.
  process.exit(code);
}
