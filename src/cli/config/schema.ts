import { z } from 'zod';

import { parseAddress } from '../../protocol/address.js';
import { R3mesError } from '../../protocol/errors.js';
import { WALLET_NAME } from '../wallet/name.js';
import { DEVICES, ROLES, SETTING_KEYS, type SettingKey } from './settings.js';

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch (error) {
    if (error instanceof R3mesError) return false;
    throw error;
  }
}


/** One rule a setting. Files hold numbers as numbers; flags and variables give text, which is coerced. */
export const settingsSchema = z.strictObject({
  role: z.enum(ROLES, { error: `one of ${ROLES.join(', ')}` }),
  network: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9-]{0,49}$/, 'a chain id of letters, digits and dashes, at most 50'),
  node: z.string().refine(isHttpUrl, 'a URL such as http://127.0.0.1:26657'),
  wallet: z.string().regex(WALLET_NAME, 'a name of a-z, 0-9, - and _, at most 63'),
  payout: z.string().refine(isAddress, 'an address remes1…'),
  store: z.enum(['embedded'], { error: 'embedded' }),
  device: z.string().regex(/^(?:auto|cpu|cuda(?::(?:0|[1-9][0-9]?))?)$/, `one of ${DEVICES.join(', ')}, or cuda:N for GPU N`),
  threads: z.int('a whole number from 0 to 1024').min(0, 'a whole number from 0 to 1024').max(1024, 'a whole number from 0 to 1024'),
  gasPrice: z.string().regex(/^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,6})?uremes$/, 'a price such as 0.0025uremes'),
} satisfies Record<SettingKey, z.ZodType>);

export type SettingValues = z.infer<typeof settingsSchema>;

/** Settings that a file holds as numbers. */
const NUMBERS: ReadonlySet<SettingKey> = new Set(['threads']);

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** @param where the file, flag or variable; @param what the key in a file, nothing elsewhere. */
function invalid(where: string, what: string, seen: unknown, expected: string): R3mesError {
  return new R3mesError({
    code: 'CONFIG_INVALID',
    message: `${where}: ${what === '' ? 'got' : `${what} is`} ${shown(seen)}, expected ${expected}`,
    hint: what === '' ? 'r3mes config list --show-origin shows where every setting comes from' : `correct ${what} in that file`,
  });
}

function check<K extends SettingKey>(key: K, value: unknown, where: string, what: string): SettingValues[K] {
  const result = settingsSchema.shape[key].safeParse(value);
  if (!result.success) throw invalid(where, what, value, result.error.issues[0]?.message ?? 'another value');
  return result.data as SettingValues[K];
}

/**
 * Checks one value as a flag, a variable or `config set` gives it.
 * @throws R3mesError CONFIG_INVALID naming where it stood, what was seen and what was expected.
 */
export function parseSetting<K extends SettingKey>(key: K, text: string, where: string): SettingValues[K] {
  return check(key, NUMBERS.has(key) && /^-?[0-9]+$/.test(text) ? Number(text) : text, where, '');
}

const fileSchema = z.record(z.string(), z.unknown());

/** Checks a whole file. @throws R3mesError CONFIG_INVALID */
export function checkFile(content: unknown, file: string): Partial<SettingValues> {
  const object = fileSchema.safeParse(content);
  if (!object.success) throw invalid(file, 'its content', content, 'a JSON object');
  const unknown = Object.keys(object.data).find((key) => !SETTING_KEYS.some((known) => known === key));
  if (unknown !== undefined) {
    throw new R3mesError({
      code: 'CONFIG_INVALID',
      message: `${file}: unknown setting ${shown(unknown)}, expected one of ${SETTING_KEYS.join(', ')}`,
      hint: 'remove it or correct its spelling',
    });
  }
  return Object.fromEntries(SETTING_KEYS.filter((key) => key in object.data).map((key) => [key, check(key, object.data[key], file, key)]));
}
