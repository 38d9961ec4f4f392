/** Declarations of options and arguments. They are light: nothing here may load a library. */
import { R3mesError } from '../../protocol/errors.js';
import { envName, flagName, type SettingInfo, type SettingKey, SETTINGS } from '../config/settings.js';
import type { SettingValues } from '../config/schema.js';

export { envName, flagName };

interface Common {
  readonly summary: string;
  /** Name of the value in help, e.g. FILE. */
  readonly placeholder?: string;
  /** One letter. */
  readonly short?: string;
  /** Environment variable, where the name that follows from the key is another thing's. */
  readonly variable?: string;
}

/** The environment variable of an option. */
export function variableOf(key: string, option: Option<unknown>): string {
  return option.variable ?? envName(key);
}

/** One option; `T` is what the handler gets. */
export interface Option<T> extends Common {
  readonly kind: 'flag' | 'value' | 'list' | 'setting';
  /** Text as a user would give it. */
  readonly fallback?: string;
  readonly required: boolean;
  /** Values that are allowed, for help and completion. */
  readonly choices?: readonly string[];
  /** @throws R3mesError; the message is completed with the flag's or variable's name. */
  readonly parse: (text: string) => T;
  readonly setting?: SettingKey;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** What the handler gets for `options`. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

function expected(what: string, text: string): R3mesError {
  return new R3mesError({ code: 'USAGE', message: `expected ${what}, got ${JSON.stringify(text.slice(0, 100))}` });
}

/** true and false as environment variables say them. */
function parseBoolean(text: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false;
  throw expected('true or false', text);
}

/** A flag without a value; false if not given. */
export function flag(summary: string, more: { readonly short?: string } = {}): Option<boolean> {
  return { kind: 'flag', summary, required: false, parse: parseBoolean, ...more };
}

interface ValueSpec extends Common {
  readonly placeholder: string;
  readonly fallback?: string;
}

function value<T>(spec: ValueSpec, parse: (text: string) => T, choices?: readonly string[]): Option<T> {
  return { kind: 'value', required: spec.fallback === undefined, parse, ...spec, ...(choices === undefined ? {} : { choices }) };
}

/** Text that is not empty. */
export function text(spec: ValueSpec): Option<string> {
  return value(spec, (given) => {
    if (given === '') throw expected('some text', given);
    return given;
  });
}

/** A whole number from `min` to `max`. */
export function integer(spec: ValueSpec & { readonly min: number; readonly max: number }): Option<number> {
  const { min, max, ...rest } = spec;
  return value(rest, (given) => {
    const n = Number(given);
    if (!/^-?[0-9]{1,16}$/.test(given) || n < min || n > max) throw expected(`a whole number from ${min} to ${max}`, given);
    return n;
  });
}

/** A decimal number from `min` to `max`. */
export function decimal(spec: ValueSpec & { readonly min: number; readonly max: number }): Option<number> {
  const { min, max, ...rest } = spec;
  return value(rest, (given) => {
    const n = Number(given);
    if (!/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(given) || n < min || n > max) throw expected(`a number from ${min} to ${max}`, given);
    return n;
  });
}

const U64_MAX = (1n << 64n) - 1n;

/** An unsigned 64-bit number, e.g. an id of the chain. */
export function id(spec: ValueSpec): Option<bigint> {
  return value(spec, (given) => {
    const n = /^[0-9]{1,20}$/.test(given) ? BigInt(given) : -1n;
    if (n < 0n || n > U64_MAX) throw expected('an id (digits only)', given);
    return n;
  });
}

/** One of `choices`. */
export function choice<const C extends string>(spec: ValueSpec & { readonly choices: readonly C[] }): Option<C> {
  const { choices, ...rest } = spec;
  return value(
    rest,
    (given) => {
      const found = choices.find((c) => c === given);
      if (found === undefined) throw expected(`one of ${choices.join(', ')}`, given);
      return found;
    },
    choices,
  );
}

/** A value with a parser of its own. */
export function parsed<T>(spec: ValueSpec & { readonly parse: (text: string) => T }): Option<T> {
  const { parse, ...rest } = spec;
  return value(rest, parse);
}

/** The same option, not required: undefined if not given. */
export function optional<T>(option: Option<T>): Option<T | undefined> {
  return { ...option, required: false };
}

/** An option that may be given several times (in its variable: separated by commas); none is an empty list. */
export function list<T>(option: Option<T>): Option<readonly T[]> {
  return { ...option, kind: 'list', required: false, parse: (given) => given.split(',').map(option.parse) };
}

/** A setting as an option of this command. Its value comes from flag, environment, files or default. */
export function setting<K extends SettingKey>(
  key: K,
): Option<(typeof SETTINGS)[K] extends { fallback: string } ? SettingValues[K] : SettingValues[K] | undefined> {
  const info: SettingInfo = SETTINGS[key];
  return {
    kind: 'setting',
    required: false,
    setting: key,
    ...info,
    parse: () => {
      throw new Error('a setting is read from the configuration');
    },
  };
}
