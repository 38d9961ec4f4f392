import { randomBytes } from 'node:crypto';
import { access, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { NextToLast } from 'blockstore-fs/sharding';
import type { CID } from 'multiformats/cid';

import { MAX_BLOCK_BYTES } from './blocks.js';
import type { Blocks } from './blocks.js';
import { contentCorrupt, isMissing, storeError } from './errors.js';

const TEMP_FOLDER = 'tmp';
/** A temporary file this old belongs to a process that died: no write of one block takes an hour. */
const STALE_AFTER_MS = 3_600_000;

/**
 * Blocks as files, in the layout of `blockstore-fs` (which can read this directory). Its own writer is not used: it
 * gives the temporary file of a block one fixed name, so that two processes storing the same block can truncate each
 * other's file after the rename, and it does not fsync.
 *
 * Any number of processes may share the directory: a block appears whole, by a rename, or not at all.
 */
export class FileBlocks implements Blocks {
  private readonly layout = new NextToLast();
  private readonly folders = new Set<string>();

  private constructor(private readonly root: string) {}

  /** Creates the directory where it is missing and removes what killed processes left. @throws R3mesError STORE_IO. */
  static async open(dir: string): Promise<FileBlocks> {
    const root = resolve(dir);
    const temp = join(root, TEMP_FOLDER);
    try {
      await mkdir(temp, { recursive: true });
      await removeStale(temp);
    } catch (cause) {
      throw storeError(cause, `opening the content store at ${root}`);
    }
    return new FileBlocks(root);
  }

  async get(cid: CID, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted();
    try {
      return await readFileUpTo(this.pathOf(cid).path, cid);
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw storeError(cause, `reading block ${cid.toString()} in ${this.root}`);
    }
  }

  async has(cid: CID, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    try {
      await access(this.pathOf(cid).path);
      return true;
    } catch (cause) {
      if (isMissing(cause)) return false;
      throw storeError(cause, `looking for block ${cid.toString()} in ${this.root}`);
    }
  }

  async put(cid: CID, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (await this.holds(cid, bytes)) return;
    const { folder, path } = this.pathOf(cid);
    const temp = join(this.root, TEMP_FOLDER, randomBytes(12).toString('hex'));
    try {
      await this.makeFolder(folder);
      await writeSynced(temp, bytes);
      await rename(temp, path);
      await syncFolder(folder);
    } catch (cause) {
      await removeIfThere(temp);
      throw storeError(cause, `storing block ${cid.toString()} in ${this.root}`);
    }
  }

  /** Whether the very bytes are stored: a block that was damaged on disk is written again. */
  private async holds(cid: CID, bytes: Uint8Array): Promise<boolean> {
    try {
      return (await readFileUpTo(this.pathOf(cid).path, cid)).equals(bytes);
    } catch {
      // Missing, too long or unreadable: writing decides, and reports its own error.
      return false;
    }
  }

  private pathOf(cid: CID): { folder: string; path: string } {
    const { dir, file } = this.layout.encode(cid);
    const folder = join(this.root, dir);
    return { folder, path: join(folder, file) };
  }

  private async makeFolder(folder: string): Promise<void> {
    if (this.folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    await syncFolder(this.root);
    this.folders.add(folder);
  }
}

async function readFileUpTo(path: string, cid: CID): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > MAX_BLOCK_BYTES) throw contentCorrupt(cid.toString(), `${size} bytes, expected at most ${MAX_BLOCK_BYTES}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename survive a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (!isMissing(cause)) throw storeError(cause, `removing the temporary file ${path}`);
  }
}

async function removeStale(temp: string): Promise<void> {
  const now = Date.now();
  for (const name of await readdir(temp)) {
    const path = join(temp, name);
    try {
      if (now - (await stat(path)).mtimeMs > STALE_AFTER_MS) await unlink(path);
    } catch (cause) {
      // Its owner may have finished, or another process may be cleaning up too.
      if (!isMissing(cause)) throw cause;
    }
  }
}
