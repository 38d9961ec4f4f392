import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';
import { type Environment, type Paths, PROJECT_FILE } from './paths.js';
import { checkFile, parseSetting, type SettingValues } from './schema.js';
import { envName, flagName, SETTING_KEYS, type SettingInfo, type SettingKey, SETTINGS } from './settings.js';

/** Largest settings file that is read. */
const MAX_FILE_BYTES = 65_536;

/** Where a value came from, in the order of precedence. */
export type Origin = 'flag' | 'environment' | 'project' | 'user' | 'default';

export interface Setting<K extends SettingKey> {
  readonly value: SettingValues[K] | undefined;
  readonly origin: Origin;
  /** The flag, variable or file; `built in` for a default. */
  readonly source: string;
}

export interface Config {
  readonly projectFile: string;
  readonly userFile: string;
  get<K extends SettingKey>(key: K): SettingValues[K] | undefined;
  explain<K extends SettingKey>(key: K): Setting<K>;
}

/** The object of a settings file, unchecked; nothing where there is no such file. */
export async function readConfigFile(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
  if (text.length > MAX_FILE_BYTES) {
    throw new R3mesError({ code: 'CONFIG_INVALID', message: `${file}: ${text.length} bytes, expected at most ${MAX_FILE_BYTES}`, hint: 'this is no settings file of r3mes' });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new R3mesError({ code: 'CONFIG_INVALID', message: `${file}: not JSON: ${why}`, hint: 'correct the file, or move it away and run r3mes init', cause: error });
  }
}

async function layer(file: string): Promise<Partial<SettingValues>> {
  const content = await readConfigFile(file);
  return content === undefined ? {} : checkFile(content, file);
}

/**
 * Reads the layers: flag > R3MES_* > project file > user file > default.
 * @param flags texts given on the command line, by setting.
 * @throws R3mesError CONFIG_INVALID naming file or variable, key, value seen and expected.
 */
export async function loadConfig(given: {
  readonly paths: Paths;
  readonly env: Environment;
  readonly cwd: string;
  readonly flags: Partial<Record<SettingKey, string>>;
}): Promise<Config> {
  const projectFile = path.join(given.cwd, PROJECT_FILE);
  const userFile = given.paths.configFile;
  const [project, user] = await Promise.all([layer(projectFile), layer(userFile)]);

  function explain<K extends SettingKey>(key: K): Setting<K> {
    const flag = given.flags[key];
    if (flag !== undefined) return { value: parseSetting(key, flag, flagName(key)), origin: 'flag', source: flagName(key) };
    const variable = envName(key);
    const env = given.env[variable];
    if (env !== undefined && env !== '') return { value: parseSetting(key, env, variable), origin: 'environment', source: variable };
    if (project[key] !== undefined) return { value: project[key], origin: 'project', source: projectFile };
    if (user[key] !== undefined) return { value: user[key], origin: 'user', source: userFile };
    const info: SettingInfo = SETTINGS[key];
    const value = info.fallback === undefined ? undefined : parseSetting(key, info.fallback, 'built in');
    return { value, origin: 'default', source: 'built in' };
  }

  // Wrong text in a variable or flag is told at once, not when a command happens to ask for it.
  for (const key of SETTING_KEYS) explain(key);
  return { projectFile, userFile, explain, get: (key) => explain(key).value };
}
