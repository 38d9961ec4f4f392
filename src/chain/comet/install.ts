/** Installs CometBFT for one home: built by the user's Go from the module proxy, or copied from a path. */
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';
import { checkVersion, COMET_VERSION, type CometBinary, engineFiles, type EngineRecord, sha256OfFile } from './binary.js';

const MODULE = 'github.com/cometbft/cometbft/cmd/cometbft';
/** Of what Go printed, for the message when it fails. */
const TAIL_LINES = 12;

export interface InstallOptions {
  /** Folder that gets the binary and its record. */
  readonly folder: string;
  /** A binary to copy; else Go builds one. */
  readonly from?: string;
  /** The `go` program. */
  readonly go?: string;
  readonly now: Date;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

function failed(message: string, cause?: unknown): R3mesError {
  return new R3mesError({
    code: 'COMET_INSTALL',
    message: `CometBFT could not be installed: ${message}`,
    hint: 'install Go 1.22 or newer from https://go.dev/dl, or copy a binary with: r3mes node engine install --from PATH',
    cause,
  });
}

/** Runs `go install` into `folder`; the module's checksum is checked by Go against its checksum database. */
async function build(folder: string, { go = 'go', onLine, signal }: InstallOptions): Promise<void> {
  const tail: string[] = [];
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-trimpath', CGO_ENABLED: '0' };
  const code = await new Promise<number | string>((resolve, reject) => {
    const child = spawn(go, ['install', `${MODULE}@v${COMET_VERSION}`], { env, stdio: ['ignore', 'pipe', 'pipe'], ...(signal === undefined ? {} : { signal }) });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        for (const line of bytes.toString('utf8').split('\n').filter((one) => one.trim() !== '')) {
          tail.push(line);
          onLine?.(line);
        }
      });
    }
    child.once('error', (error) => {
      const isMissing = 'code' in error && error.code === 'ENOENT';
      reject(isMissing ? failed(`there is no Go here (${go}), which builds it`, error) : error);
    });
    child.once('close', (status, name) => resolve(status ?? name ?? 'no status'));
  });
  if (code !== 0) throw failed(`${go} install ended with ${code}\n${tail.slice(-TAIL_LINES).join('\n')}`);
}

/**
 * Installs the binary, and writes down its version and SHA-256, which every start compares. What was there is replaced
 * only when the new one has told its version.
 * @throws R3mesError COMET_INSTALL, COMET_VERSION or COMET_MISSING.
 */
export async function installComet(options: InstallOptions): Promise<CometBinary & EngineRecord> {
  const { folder, from, now } = options;
  const { binary, record } = engineFiles(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = await mkdtemp(path.join(folder, '.install-'));
  try {
    const fresh = path.join(temporary, path.basename(binary));
    if (from === undefined) await build(temporary, options);
    else {
      try {
        await copyFile(from, fresh);
      } catch (error) {
        throw failed(`${from} cannot be copied: ${error instanceof Error ? error.message : String(error)}`, error);
      }
    }
    await chmod(fresh, 0o755);
    const version = await checkVersion(fresh);
    const sha256 = await sha256OfFile(fresh);
    const entry: EngineRecord = { version, sha256, source: from ?? `${MODULE}@v${COMET_VERSION}`, installedAt: now.toISOString() };
    const freshRecord = path.join(temporary, path.basename(record));
    await writeFile(freshRecord, `${JSON.stringify(entry, undefined, 2)}\n`);
    // The old record first goes, so that a crash in between leaves a binary without a record, not a false one.
    await rm(record, { force: true });
    await rename(fresh, binary);
    await rename(freshRecord, record);
    return { file: binary, ...entry };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
