/** A folder of a model on disk, read in parts: no file of it is ever held as a whole. */
import { open, stat } from 'node:fs/promises';
import path from 'node:path';

import { InvalidInputError } from '../../protocol/errors.js';
import type { ByteSource, ModelFolder } from '../../train/index.js';
import { isMissing } from './atomic.js';

const MOST_AT_ONCE = 1_073_741_824;

interface Identity {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

function isSame(a: Identity, b: Identity): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

/**
 * A file, opened for each part: nothing needs closing. One that is written meanwhile is refused, so that all parts belong together.
 */
function fileSource(file: string, seen: Identity): ByteSource {
  const changed = (): InvalidInputError => new InvalidInputError(`${file} changed while it was read`, 'run the same again when nothing writes into it');
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    const handle = await open(file, 'r');
    try {
      if (!isSame(await handle.stat(), seen)) throw changed();
      for (let done = 0; done < target.length; ) {
        // One read of the system gives no more than 2 GiB.
        const { bytesRead } = await handle.read(target, done, Math.min(target.length - done, MOST_AT_ONCE), offset + done);
        if (bytesRead === 0) throw changed();
        done += bytesRead;
      }
    } finally {
      await handle.close();
    }
  };
  return {
    sizeBytes: seen.size,
    readInto,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      await readInto(offset, bytes);
      return bytes;
    },
  };
}

export function fileFolder(directory: string): ModelFolder {
  return {
    async open(name) {
      const file = path.join(directory, name);
      try {
        const found = await stat(file);
        return found.isFile() ? fileSource(file, found) : undefined;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
  };
}
