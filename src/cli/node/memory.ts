/** What a node takes of the machine's memory. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { promisify } from 'node:util';

/** What the process of a node may take. */
export const MEMORY_LIMIT_BYTES = 100_000_000;

/**
 * V8 for a process of its own. Its nursery would otherwise grow to three times 16 MiB, of which a block needs little; and
 * it collects garbage sooner rather than asking the system for more memory.
 */
export const SMALL_HEAP_ARGS: readonly string[] = ['--max-semi-space-size=1', '--optimize-for-size'];

/**
 * V8 for the process that executes blocks of thousands of transactions. Optimizing for size would make it spend half as much
 * again of the processor for the same memory; its heap grows by a tenth at a time instead, and one thread collects garbage.
 */
export const APP_HEAP_ARGS: readonly string[] = ['--max-semi-space-size=1', '--heap-growing-percent=10', '--single-threaded-gc', '--v8-pool-size=1'];

/** glibc: one arena for all threads, and what is free goes back to the system sooner. Other systems pay no heed. */
export const SMALL_MALLOC_ENV = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '262144' } as const;

/** The same for the process that runs already: what its nursery has it keeps, but it grows no more. */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
}

/** Resident memory of this process. */
export function ownRssBytes(): number {
  return process.memoryUsage.rss();
}

/** Resident memory of another process; nothing where the system does not tell. */
export async function rssBytesOf(pid: number): Promise<number | undefined> {
  try {
    const kib = /^VmRSS:\s+([0-9]+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch (error) {
    if (process.platform === 'linux' || process.platform === 'win32') return undefined;
    if (!(error instanceof Error)) throw error;
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    const kib = Number(stdout.trim());
    return Number.isSafeInteger(kib) && kib > 0 ? kib * 1024 : undefined;
  } catch (error) {
    if (error instanceof Error) return undefined; // no ps, or the process is gone
    throw error;
  }
}

/** `84 MB` */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_000_000)} MB`;
}
