import type { Context } from './context.js';
import type { Progress } from './progress.js';

/** Runs one step of long work: shows it, and ends it well or badly as the work ends. */
export async function step<T>(ctx: Context, what: string, work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = await ctx.progress(what);
  try {
    const result = await work(progress);
    progress.succeed();
    return result;
  } catch (error) {
    progress.fail();
    throw error;
  }
}
