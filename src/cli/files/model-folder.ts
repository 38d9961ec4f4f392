/** A folder of a model on disk, read in parts: no file of it is ever held as a whole. */
import { open, stat } from 'node:fs/promises';
import path from 'node:path';

import { InvalidInputError } from '../../protocol/errors.js';
import type { ByteSource, ModelFolder } from '../../train/index.js';
import { isMissing } from './atomic.js';

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
  return {
    sizeBytes: seen.size,
    async read(offset, length) {
      const handle = await open(file, 'r');
      try {
        if (!isSame(await handle.stat(), seen)) throw changed();
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length; ) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) throw changed();
          done += bytesRead;
        }
        return bytes;
      } finally {
        await handle.close();
      }
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
