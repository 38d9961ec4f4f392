import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';

import { R3mesError } from '../../protocol/errors.js';
import { createFileAtomic, isMissing, SECRET_FILE, writeFileAtomic } from './atomic.js';

/** Who holds a pid file. */
export interface Holder {
  readonly pid: number;
  /** Start of the process in clock ticks since boot (Linux), so that a reused pid is not taken for it; 0 if unknown. */
  readonly startTicks: number;
  /** What the holder wants others to know, e.g. the address it listens on. */
  readonly info: Readonly<Record<string, string>>;
}

/** Fields of /proc/PID/stat from the third on, behind the command name, which may hold spaces and brackets. */
function procFields(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    if (error instanceof Error) return []; // another system, or the process is gone
    throw error;
  }
}

/** Field 22 of /proc/PID/stat; 0 where it is not known. */
export function startTicksOf(pid: number): number {
  const ticks = Number(procFields(pid)[19] ?? 0);
  return Number.isSafeInteger(ticks) ? ticks : 0;
}

/** A process that has ended, and whose parent has not asked how: in a container it may stay for ever. */
function isZombie(pid: number): boolean {
  return procFields(pid)[0] === 'Z';
}

/** Whether the process that wrote this entry still runs. */
export function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // it runs, but is another user's
  }
  if (isZombie(holder.pid)) return false;
  const ticks = startTicksOf(holder.pid);
  return holder.startTicks === 0 || ticks === 0 || ticks === holder.startTicks;
}

function parse(text: string): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startTicks, info } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const entries = typeof info === 'object' && info !== null ? Object.entries(info) : [];
  return {
    pid,
    startTicks: typeof startTicks === 'number' ? startTicks : 0,
    info: Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
  };
}

async function read(file: string): Promise<{ text: string; holder: Holder | undefined } | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    return { text, holder: parse(text) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The running process that holds the file; nothing if there is none or it is dead. */
export async function holderOf(file: string): Promise<Holder | undefined> {
  const entry = await read(file);
  return entry?.holder !== undefined && isAlive(entry.holder) ? entry.holder : undefined;
}

export interface PidFile {
  /** Replaces what others are told, e.g. by an address that is known only now. */
  tell(info: Readonly<Record<string, string>>): Promise<void>;
  /** Removes the file, unless somebody else's stands there by now. */
  release(): Promise<void>;
}

/** Puts a dead process's file away. Another starter may have been quicker: then its file goes back in place. */
async function putAway(file: string, staleText: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== staleText) await link(aside, file);
  await rm(aside, { force: true });
}

/**
 * Takes the file for this process. A file whose process is dead is replaced.
 * @param what names the holder in the error, e.g. `node`.
 * @throws R3mesError ALREADY_RUNNING
 */
export async function acquirePidFile(file: string, what: string, info: Readonly<Record<string, string>> = {}): Promise<PidFile> {
  const startTicks = startTicksOf(process.pid);
  const describe = (told: Holder['info']): string => `${JSON.stringify({ pid: process.pid, startTicks, info: told } satisfies Holder)}\n`;
  let text = describe(info);
  for (let attempt = 0; attempt < 3; attempt++) {
    const entry = await read(file);
    if (entry !== undefined) {
      if (entry.holder !== undefined && isAlive(entry.holder)) break;
      await putAway(file, entry.text);
    }
    try {
      await createFileAtomic(file, text, SECRET_FILE);
      return {
        async tell(told) {
          text = describe(told);
          await writeFileAtomic(file, text, SECRET_FILE);
        },
        async release() {
          const now = await read(file);
          if (now?.text === text) await rm(file, { force: true });
        },
      };
    } catch (error) {
      if (!(error instanceof R3mesError && error.code === 'FILE_EXISTS')) throw error;
    }
  }
  const holder = (await read(file))?.holder;
  throw new R3mesError({
    code: 'ALREADY_RUNNING',
    message: `${what} runs already${holder === undefined ? '' : ` as process ${holder.pid}`} (${file})`,
    hint: `stop it first, or choose another --home`,
  });
}
