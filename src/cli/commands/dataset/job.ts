import path from 'node:path';

import type { FileProgress, JobOptions } from '../../../dataset/index.js';
import { type ContentStore, openLocalStore } from '../../../storage/index.js';
import { fileExists } from '../../files/exists.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';
import type { Progress } from '../../frame/progress.js';

/** A file of this command line. */
export function given(ctx: Context, file: string): string {
  return path.resolve(ctx.io.cwd, file);
}

/** The content store of this home, or another one by `--content`, for as long as `use` runs. */
export async function withStore<T>(ctx: Context, content: string | undefined, use: (store: ContentStore) => Promise<T>): Promise<T> {
  const store = await openLocalStore(content === undefined ? ctx.paths.content : given(ctx, content));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** How a job over a file tells how far it is, and how it is stopped. */
export function watched(ctx: Context, progress: Progress): JobOptions {
  return {
    signal: ctx.signal,
    onProgress: ({ bytesDone, bytesTotal, rows }: FileProgress) =>
      progress.update({ done: bytesDone, total: bytesTotal, ...(rows > 0 ? { detail: `${rows} rows` } : {}) }),
  };
}

/**
 * Asks before a file is replaced, so that nobody waits for work whose result is then refused.
 * @returns whether there is one and it may be replaced.
 * @throws R3mesError USAGE where it is the input itself; CONFIRMATION_NEEDED, CANCELLED.
 */
export async function mayReplace(ctx: Context, input: string, output: string, force: boolean): Promise<boolean> {
  if (input === output) throw usageError(`${output} is the input, too`, 'name another file with --output');
  if (force) return true;
  if (!(await fileExists(output))) return false;
  await ctx.prompt.confirm(`overwrite ${output}`);
  return true;
}
