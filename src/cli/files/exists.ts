import { access } from 'node:fs/promises';

import { isMissing } from './atomic.js';

/** Whether something has this name. @throws what the system says, unless that there is nothing. */
export async function fileExists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
