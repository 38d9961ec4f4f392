/** A systemd user unit for what this machine does. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { R3mesError } from '../../protocol/errors.js';
import type { SettingValues } from '../config/schema.js';
import { createFileAtomic } from '../files/atomic.js';
import { SMALL_HEAP_ARGS } from '../node/memory.js';
import { unitTemplate } from '../templates.js';

const BIN = fileURLToPath(new URL('../../../bin/r3mes.js', import.meta.url));

type RoleName = NonNullable<SettingValues['role']>;

/** What each role keeps running. */
const NOUN_OF: Readonly<Record<RoleName, 'node' | 'mine' | 'aggregate'>> = { founder: 'node', validator: 'node', miner: 'mine', aggregator: 'aggregate' };

export function unitName(role: RoleName): string {
  return `r3mes-${NOUN_OF[role]}.service`;
}

/** One word of a command line as systemd reads it: quoted, its specifiers and variables taken literally. */
export function systemdWord(word: string): string {
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

export interface ServiceWanted {
  readonly role: RoleName;
  /** Folder that `--home` named, if any. */
  readonly home: string | undefined;
  readonly passwordFile: string | undefined;
}

function commandLine({ role, home, passwordFile }: ServiceWanted): string {
  const noun = NOUN_OF[role];
  const node = noun === 'node';
  const words = [
    process.execPath,
    ...(node ? SMALL_HEAP_ARGS : []),
    BIN,
    noun,
    'start',
    ...(home === undefined ? [] : ['--home', home]),
    ...(node || passwordFile === undefined ? [] : ['--password-file', passwordFile]),
  ];
  return words.map(systemdWord).join(' ');
}

/** The text of the unit. @throws R3mesError USAGE for a path that no unit can hold. */
export async function renderUnit(wanted: ServiceWanted): Promise<string> {
  const command = commandLine(wanted);
  if (/[\r\n]/.test(command)) {
    throw new R3mesError({ code: 'USAGE', message: 'a path with a line break cannot stand in a systemd unit', hint: 'choose another --home' });
  }
  const template = await readFile(unitTemplate(unitName(wanted.role)), 'utf8');
  return template.replace('@COMMAND@', () => command);
}

/** Writes the unit below `config`. @throws R3mesError FILE_EXISTS */
export async function writeUnit(file: string, wanted: ServiceWanted): Promise<void> {
  await createFileAtomic(file, await renderUnit(wanted));
}

export function unitFile(config: string, role: RoleName): string {
  return path.join(config, 'systemd', unitName(role));
}
