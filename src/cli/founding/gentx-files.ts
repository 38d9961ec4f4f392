/** Gentxs in a folder. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';
import { isMissing } from '../files/atomic.js';
import type { NodeHome } from '../node/home.js';
import { gentxInvalid, type NamedGentx } from './collect.js';
import { readGentx } from './gentx.js';

const MAX_GENTX_BYTES = 65_536;
const MAX_GENTXS = 10_000;

/** The folder that is given, else `gentx` beside the genesis. */
export function gentxFolder(home: NodeHome, cwd: string, given: string | undefined): string {
  return given === undefined ? path.join(path.dirname(home.genesisFile), 'gentx') : path.resolve(cwd, given);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Every gentx of a folder, each checked by itself. @throws R3mesError GENTX_INVALID naming file and field; FILE_NOT_FOUND where there is none. */
export async function readGentxs(folder: string, chainId: string): Promise<readonly NamedGentx[]> {
  const names = await namesIn(folder);
  if (names.length === 0) {
    throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `there is no gentx (*.json) in ${folder}`, hint: 'each founder makes one with: r3mes node genesis add-validator; put all of them there' });
  }
  if (names.length > MAX_GENTXS) throw new R3mesError({ code: 'GENTX_INVALID', message: `${folder}: expected at most ${MAX_GENTXS} gentxs, got ${names.length}` });
  const gentxs: NamedGentx[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    const { size } = await stat(file);
    if (size > MAX_GENTX_BYTES) throw gentxInvalid(file, `expected at most ${MAX_GENTX_BYTES} bytes, got ${size}`);
    gentxs.push({ ...checked(await readFile(file, 'utf8'), file, chainId), file });
  }
  return gentxs;
}

function checked(text: string, file: string, chainId: string): ReturnType<typeof readGentx> {
  try {
    return readGentx(text, chainId);
  } catch (error) {
    throw error instanceof R3mesError ? gentxInvalid(file, error.message, error.hint) : error;
  }
}
