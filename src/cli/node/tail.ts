/** The end of a log file, and what is written to it from then on. */
import { type FileHandle, open, stat } from 'node:fs/promises';

import { isMissing } from '../files/atomic.js';

const BLOCK_BYTES = 65_536;
/** A log is read no further back than this, however long its lines are. */
const MAX_TAIL_BYTES = 16 * 1024 * 1024;
const POLL_MS = 250;
const LINE_FEED = 0x0a;

export interface Tail {
  readonly lines: readonly string[];
  /** Where the file ended: what follows is new. */
  readonly endBytes: number;
}

async function readAt(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(to - from);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
  return buffer.subarray(0, bytesRead);
}

/** The last whole lines of a file; nothing where there is no file. */
export async function lastLines(file: string, count: number): Promise<Tail | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    let bytes = Buffer.alloc(0);
    let from = size;
    // One line feed more than lines: the one before the first of them.
    while (from > 0 && size - from < MAX_TAIL_BYTES && bytes.filter((byte) => byte === LINE_FEED).length <= count) {
      const start = Math.max(0, from - BLOCK_BYTES);
      bytes = Buffer.concat([await readAt(handle, start, from), bytes]);
      from = start;
    }
    const lines = bytes.toString('utf8').split('\n');
    lines.pop(); // behind the last line feed: empty, or a line that is still being written
    const endBytes = size - (bytes.length - (bytes.lastIndexOf(LINE_FEED) + 1));
    return { lines: count === 0 ? [] : lines.slice(-count), endBytes };
  } finally {
    await handle.close();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

/** Lines as they are written behind `fromBytes`, across rotations of the file, until `signal` is aborted. */
export async function* follow(file: string, fromBytes: number, signal: AbortSignal): AsyncGenerator<string> {
  let handle: FileHandle | undefined;
  let at = fromBytes;
  let rest = Buffer.alloc(0);
  try {
    while (!signal.aborted) {
      handle ??= await openIfThere(file);
      if (handle !== undefined) {
        const { size, ino } = await handle.stat();
        const block = await readAt(handle, at, Math.max(at, Math.min(size, at + BLOCK_BYTES)));
        at += block.length;
        rest = Buffer.concat([rest, block]);
        for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
          yield rest.subarray(0, end).toString('utf8');
          rest = rest.subarray(end + 1);
        }
        if (block.length > 0) continue;
        const isRotated = !(await isStill(file, ino));
        // What was written between the look at the size and the rotation is still to be read.
        if (isRotated && (await handle.stat()).size > at) continue;
        if (size < at || isRotated) {
          // The old file is read to its end, the new one begins at 0.
          await handle.close();
          handle = undefined;
          at = 0;
          rest = Buffer.alloc(0);
        }
      }
      await pause(POLL_MS, signal);
    }
  } finally {
    await handle?.close();
  }
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function isStill(file: string, ino: number): Promise<boolean> {
  try {
    return (await stat(file)).ino === ino;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
