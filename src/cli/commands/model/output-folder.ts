/** A folder of a model that a command writes: whole files or none, and never over the folder that is read. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../../protocol/errors.js';
import { ensureFolder, isMissing, ORDINARY_FOLDER, writeFileAtomic } from '../../files/atomic.js';
import { fileExists } from '../../files/exists.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';

/** What others need beside config.json and the weights; copied as it is. */
const BESIDES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'generation_config.json'] as const;

/**
 * Asks before files are replaced, so that nobody waits for work whose result is then refused.
 * @throws R3mesError USAGE where it is the folder that is read; CONFIRMATION_NEEDED, CANCELLED.
 */
export async function mayWriteFolder(ctx: Context, input: string | undefined, output: string, names: readonly string[], force: boolean): Promise<void> {
  if (input === output) throw usageError(`${output} is the input, too`, 'name another folder with --output');
  if (force) return;
  for (const name of names) {
    if (await fileExists(path.join(output, name))) return ctx.prompt.confirm(`overwrite ${name} in ${output}`);
  }
}

/** Writes the files one after the other, config.json last: a folder with one is whole. @throws R3mesError DISK_FULL */
export async function writeFolder(folder: string, files: Readonly<Record<string, Uint8Array | AsyncIterable<Uint8Array>>>): Promise<void> {
  await ensureFolder(folder, ORDINARY_FOLDER);
  try {
    for (const [name, content] of Object.entries(files)) await writeFileAtomic(path.join(folder, name), content);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT'))) throw cause;
    throw new R3mesError({ code: 'DISK_FULL', message: `no space left while writing into ${folder}`, hint: 'free some space, or name another place with --output', cause });
  }
}

/** Tokenizer and the like of a model folder, those that are there. */
export async function besides(folder: string): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  for (const name of BESIDES) {
    try {
      found[name] = await readFile(path.join(folder, name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return found;
}
