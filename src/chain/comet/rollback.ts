/** Takes CometBFT's state back. It does one height a run, and knows nothing of the application's state. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { R3mesError } from '../../protocol/errors.js';

const RUN_TIMEOUT_MS = 60_000;
const MAX_TEXT = 2000;

export interface CometPosition {
  readonly height: bigint;
  /** After that height, in small hexadecimal digits. */
  readonly appHash: string;
}

/** One run of `cometbft rollback`. */
export type RunRollback = (hard: boolean) => Promise<CometPosition>;

/** @returns what it printed of where it stands now; nothing where that is not in the text. */
export function readPosition(text: string): CometPosition | undefined {
  const [, height, hash] = /Rolled back (?:both )?state (?:and block )?to height ([0-9]+) and hash ([0-9A-Fa-f]*)/.exec(text) ?? [];
  return height === undefined || hash === undefined ? undefined : { height: BigInt(height), appHash: hash.toLowerCase() };
}

function failed(message: string, cause?: unknown): R3mesError {
  return new R3mesError({
    code: 'COMET_ROLLBACK',
    message: `CometBFT did not go back: ${message.trim().slice(-MAX_TEXT)}`,
    hint: 'nothing is lost: start the node, and it executes the blocks that it still has',
    cause,
  });
}

/** Runs a binary over a home. @param environment what a start of the same home sets. */
export function rollbackRunner(file: string, home: string, environment: Readonly<Record<string, string | undefined>>): RunRollback {
  return async (hard) => {
    let text: string;
    try {
      const { stdout, stderr } = await promisify(execFile)(file, ['rollback', '--home', home, ...(hard ? ['--hard'] : [])], { env: environment, timeout: RUN_TIMEOUT_MS });
      text = stdout + stderr;
    } catch (error) {
      const printed = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
      throw failed(printed === '' ? String(error) : printed, error);
    }
    const position = readPosition(text);
    if (position === undefined) throw failed(`it printed ${JSON.stringify(text.trim())}`);
    return position;
  };
}

/**
 * Takes the state back to `height`. The block above it stays and is executed again at the next start; later ones go.
 *
 * A soft run takes the state back by one height, under the newest block, or changes nothing where the state stands there
 * already. A hard run removes the newest block as well, or it alone where the state stands below it already.
 * @param height below CometBFT's newest block.
 * @throws R3mesError COMET_ROLLBACK
 */
export async function rollbackComet(run: RunRollback, height: bigint): Promise<CometPosition> {
  let position = await run(false);
  if (position.height > height) {
    position = await run(true); // the newest block alone
    while (position.height > height + 1n) {
      const next = await run(true);
      if (next.height !== position.height - 1n) throw failed(`expected height ${position.height - 1n}, got ${next.height}`);
      position = next;
    }
    position = await run(false);
  }
  if (position.height !== height) throw failed(`expected height ${height}, got ${position.height}`);
  return position;
}
