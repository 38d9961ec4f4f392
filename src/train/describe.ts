/** What a file holds, in an error message: short whatever it is, since it comes from anybody. */
import type { z } from 'zod';

const MAX_SHOWN = 60;
const PLAIN_NAME = /^[\w./-]{1,120}$/;

/** A value as JSON, cut off where it is long. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** A tensor's name as it is, or in quotes where it is unusual. */
export function shownName(name: string): string {
  return PLAIN_NAME.test(name) ? name : shown(name);
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((v, key) => (typeof v === 'object' && v !== null && key in v ? (v as Record<PropertyKey, unknown>)[key] : undefined), value);
}

const KINDS: Readonly<Record<string, string>> = { int: 'a whole number', number: 'a number', string: 'a text', boolean: 'true or false', object: 'an object', array: 'an array', record: 'an object', tuple: 'an array', never: 'nothing', null: 'null' };

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return issue.values.map((v) => JSON.stringify(v)).join(' or ');
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'unrecognized_keys':
      return `no field ${issue.keys.map(shown).slice(0, 3).join(', ')}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${issue.origin === 'array' ? ' items' : ''}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${issue.origin === 'array' ? ' items' : ''}`;
    default:
      return issue.message;
  }
}

/**
 * The first thing that a schema found: `field is seen, expected something`.
 * @param whole what the value is called where no field of it is at fault.
 */
export function describeIssue(error: z.ZodError, value: unknown, whole: string): string {
  const [issue] = error.issues;
  if (issue === undefined) return `${whole} is ${shown(value)}, expected another value`;
  const field = issue.path.length === 0 ? whole : issue.path.map((key) => shownName(String(key))).join('.');
  return `${field} is ${shown(at(value, issue.path))}, expected ${expected(issue)}`;
}
