import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';

/** Modes: secrets are for their owner only. */
export const SECRET_FILE = 0o600;
export const SECRET_FOLDER = 0o700;
export const ORDINARY_FILE = 0o644;
export const ORDINARY_FOLDER = 0o755;

/** A whole file, or its parts in order as they are made. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Makes a folder rename durable: a crash must not bring the old name back. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A complete, synced file beside `file`. It is gone again if anything fails, so that nothing half-written is left. */
async function writeBeside(file: string, content: FileContent, mode: number): Promise<string> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      // Each writeFile of a handle goes on where the last one ended.
      if (typeof content === 'string' || content instanceof Uint8Array) await handle.writeFile(content);
      else for await (const part of content) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return temporary;
}

/** Makes a folder with `mode` where it is missing. @throws R3mesError FILE_NOT_FOUND where a file has its name */
export async function ensureFolder(folder: string, mode = SECRET_FOLDER): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `${folder} is a file, expected a folder`, hint: 'move the file away, or choose another place with --home', cause: error });
  }
}

/** Writes or replaces a file in one step: readers see the old content or the new one, never a part. */
export async function writeFileAtomic(file: string, content: FileContent, mode = ORDINARY_FILE): Promise<void> {
  await ensureFolder(path.dirname(file));
  const temporary = await writeBeside(file, content, mode);
  try {
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/**
 * Writes a file in one step, and only if there is none: a hard link cannot replace a name.
 * @throws R3mesError FILE_EXISTS
 */
export async function createFileAtomic(file: string, content: string | Uint8Array, mode = ORDINARY_FILE): Promise<void> {
  await ensureFolder(path.dirname(file));
  const temporary = await writeBeside(file, content, mode);
  try {
    await link(temporary, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new R3mesError({ code: 'FILE_EXISTS', message: `${file} exists; it is never overwritten`, hint: 'choose another name, or move the file away yourself' });
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(path.dirname(file));
}

/** Whether `error` says that a file or a part of its path does not exist. */
export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
