/** Which CometBFT runs: found, of the right version, and unchanged since it was installed. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { z } from 'zod';

import { R3mesError } from '../../protocol/errors.js';

/** What `r3mes node engine install` builds. */
export const COMET_VERSION = '0.38.26';
/** The ABCI of 0.37 and of 1.x differs, and clients choose by these digits how they read the RPC. */
const WANTED = /^0\.38\.[0-9]+$/;
const VERSION_TIMEOUT_MS = 10_000;
const READ_BYTES = 256 * 1024;
const PROGRAM = process.platform === 'win32' ? 'cometbft.exe' : 'cometbft';

const INSTALL_HINT = 'install it with: r3mes node engine install (needs Go), or name a binary with --cometbft PATH';

/** Files of an installed engine below its folder. */
export function engineFiles(folder: string): { readonly binary: string; readonly record: string } {
  return { binary: path.join(folder, PROGRAM), record: path.join(folder, 'cometbft.json') };
}

/** What was written down when the engine was installed. */
const recordSchema = z.object({ version: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/), source: z.string(), installedAt: z.string() });
export type EngineRecord = z.infer<typeof recordSchema>;

export interface CometBinary {
  readonly file: string;
  readonly version: string;
  readonly sha256: string;
}

/** In hexadecimal. One buffer for the whole file: the process that asks stays for long, and small. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const handle = await open(file);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run: both mean that it is no help
  }
}

function onPath(search: string): string | undefined {
  return search
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, PROGRAM))
    .find(isExecutable);
}

/**
 * The version that a binary says it is, without what a build adds to it.
 * @throws R3mesError COMET_VERSION for anything but 0.38.x; COMET_MISSING where it does not run.
 */
export async function checkVersion(file: string): Promise<string> {
  let text: string;
  try {
    ({ stdout: text } = await promisify(execFile)(file, ['version'], { timeout: VERSION_TIMEOUT_MS, env: {} }));
  } catch (error) {
    throw new R3mesError({ code: 'COMET_MISSING', message: `${file} does not run as CometBFT: ${error instanceof Error ? error.message : String(error)}`, hint: INSTALL_HINT, cause: error });
  }
  const version = text.trim().replace(/^v/, '').replace(/[+-].*$/s, '');
  if (WANTED.test(version)) return version;
  throw new R3mesError({
    code: 'COMET_VERSION',
    message: `expected CometBFT 0.38.x, got ${JSON.stringify(text.trim().slice(0, 80))} from ${file}`,
    hint: 'other versions speak another ABCI and another RPC; r3mes node engine install gets the right one',
  });
}

async function readRecord(file: string): Promise<EngineRecord | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new R3mesError({ code: 'COMET_CHANGED', message: `${file} does not say which CometBFT was installed`, hint: 'install it again: r3mes node engine install --force', cause: error });
  }
}

export interface FindOptions {
  /** What `--cometbft` or R3MES_COMETBFT names. */
  readonly given: string | undefined;
  /** Where `r3mes node engine install` puts it. */
  readonly folder: string;
  /** PATH. */
  readonly search: string;
}

/**
 * The binary that is named, else the installed one, else the one on PATH.
 * @throws R3mesError COMET_MISSING, COMET_VERSION, or COMET_CHANGED where the installed one is not what was installed.
 */
export async function findComet({ given, folder, search }: FindOptions): Promise<CometBinary> {
  const { binary, record } = engineFiles(folder);
  if (given !== undefined && !isExecutable(given)) {
    throw new R3mesError({ code: 'COMET_MISSING', message: `there is no CometBFT to run at ${given}`, hint: INSTALL_HINT });
  }
  const installed = given === undefined && isExecutable(binary);
  const file = given ?? (installed ? binary : onPath(search));
  if (file === undefined) {
    throw new R3mesError({ code: 'COMET_MISSING', message: `CometBFT is neither in ${folder} nor on PATH`, hint: INSTALL_HINT });
  }
  const sha256 = await sha256OfFile(file);
  const known = installed ? await readRecord(record) : undefined;
  if (known !== undefined && known.sha256 !== sha256) {
    throw new R3mesError({
      code: 'COMET_CHANGED',
      message: `${file} has changed since it was installed: expected SHA-256 ${known.sha256}, got ${sha256}`,
      hint: 'if you changed it yourself, install it again: r3mes node engine install --force',
    });
  }
  return { file, version: await checkVersion(file), sha256 };
}
