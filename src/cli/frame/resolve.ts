import { R3mesError } from '../../protocol/errors.js';
import type { Config } from '../config/load.js';
import type { Environment } from '../config/paths.js';
import type { SettingKey } from '../config/settings.js';
import { missingAnswer, usageError } from './errors.js';
import { flagName, type Option, type Options, variableOf } from './option.js';

/** What the command line held: text, several texts, or true for a flag; keyed by option. */
export type Raw = Readonly<Record<string, unknown>>;

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Parses one value and says in the error where the text came from. */
function parseAt<T>(option: Option<T>, given: string, where: string): T {
  try {
    return option.parse(given);
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    throw usageError(`${where}: ${error.message}`, error.hint);
  }
}

/** The flags among `raw` that decide settings, for the configuration. */
export function settingFlags(options: Options, raw: Raw): Partial<Record<SettingKey, string>> {
  const flags: Partial<Record<SettingKey, string>> = {};
  for (const [key, option] of Object.entries(options)) {
    const given = raw[key];
    if (option.setting !== undefined && isText(given)) flags[option.setting] = given;
  }
  return flags;
}

function resolveOption(key: string, option: Option<unknown>, raw: Raw, env: Environment): unknown {
  const given = raw[key];
  const where = flagName(key);
  if (option.kind === 'list' && Array.isArray(given)) return given.filter(isText).flatMap((item) => parseAt(option, item, where));
  if (option.kind === 'flag' && given === true) return true;
  if (isText(given)) return parseAt(option, given, where);
  const name = variableOf(key, option);
  const variable = env[name];
  if (variable !== undefined && variable !== '') return parseAt(option, variable, name);
  if (option.kind === 'flag') return false;
  if (option.kind === 'list') return [];
  if (option.fallback !== undefined) return parseAt(option, option.fallback, where);
  if (option.required) throw missingAnswer(option.summary, `${where} ${option.placeholder ?? ''}`.trimEnd());
  return undefined;
}

/**
 * Typed values of a command's options: flag, else environment, else (for settings) the files, else the default.
 * @throws R3mesError USAGE, MISSING_ANSWER or CONFIG_INVALID, naming flag or variable.
 */
export async function resolveOptions(
  options: Options,
  raw: Raw,
  env: Environment,
  config: () => Promise<Config>,
): Promise<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(options)) {
    values[key] = option.setting === undefined ? resolveOption(key, option, raw, env) : (await config()).get(option.setting);
  }
  return values;
}

/** Typed values of positional arguments; commander has already counted them. */
export function resolveArguments(args: Options, given: readonly unknown[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  Object.entries(args).forEach(([key, option], index) => {
    const item = given[index];
    const where = option.placeholder ?? key;
    if (Array.isArray(item)) values[key] = item.filter(isText).flatMap((one) => parseAt(option, one, where));
    else if (isText(item)) values[key] = parseAt(option, item, where);
    else if (option.kind === 'list') values[key] = [];
    else values[key] = option.fallback === undefined ? undefined : parseAt(option, option.fallback, where);
  });
  return values;
}
