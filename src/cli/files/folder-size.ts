import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { isMissing } from './atomic.js';

/** All files below a folder; 0 where there is none. What goes meanwhile is not counted. */
export async function folderBytes(folder: string): Promise<number> {
  try {
    let bytes = 0;
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      bytes += entry.isDirectory() ? await folderBytes(file) : await sizeOf(file);
    }
    return bytes;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
