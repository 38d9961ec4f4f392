/** CometBFT's query language over events: `tm.event='Tx' AND transfer.recipient='remes1…' AND tx.height>5`. */
import { InvalidInputError } from '../../protocol/errors.js';

type Operator = '=' | '<' | '<=' | '>' | '>=' | 'CONTAINS' | 'EXISTS';

export interface Condition {
  readonly name: string;
  readonly operator: Operator;
  /** Integers are compared as numbers, texts as texts; nothing for EXISTS. */
  readonly value: string | bigint | undefined;
}

/** Values of each attribute, by `type.key`. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

export const MAX_QUERY_CHARACTERS = 512;
const MAX_CONDITIONS = 16;
const TOKEN = /\s*(?:'([^']*)'|(<=|>=|=|<|>)|([^\s'=<>]+))/y;
const INTEGER = /^-?[0-9]{1,19}$/;

type Token = { readonly kind: 'text' | 'operator' | 'word'; readonly text: string };

function tokens(query: string): Token[] {
  const found: Token[] = [];
  const trimmed = query.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(trimmed);
    if (match === null) throw syntax(`a quote that is never closed at character ${at + 1}`);
    if (match[1] !== undefined) found.push({ kind: 'text', text: match[1] });
    else if (match[2] !== undefined) found.push({ kind: 'operator', text: match[2] });
    else found.push({ kind: 'word', text: match[3] ?? '' });
  }
  return found;
}

/** @throws InvalidInputError saying what is wrong and where. */
export function parseQuery(query: string): Condition[] {
  if (query.length > MAX_QUERY_CHARACTERS) throw syntax(`more than ${MAX_QUERY_CHARACTERS} characters`);
  const list = tokens(query);
  const conditions: Condition[] = [];
  let at = 0;
  for (;;) {
    const name = list[at++];
    if (name?.kind !== 'word') throw syntax(`no name of an attribute where one is expected${shown(name)}`);
    const operator = list[at++];
    if (operator?.kind === 'word' && operator.text === 'EXISTS') {
      conditions.push({ name: name.text, operator: 'EXISTS', value: undefined });
    } else {
      const value = list[at++];
      conditions.push({ name: name.text, operator: operatorOf(operator), value: valueOf(operator, value) });
    }
    if (conditions.length > MAX_CONDITIONS) throw syntax(`more than ${MAX_CONDITIONS} conditions`);
    const next = list[at++];
    if (next === undefined) return conditions;
    if (next.kind !== 'word' || next.text !== 'AND') throw syntax(`no AND between two conditions${shown(next)}`);
  }
}

function operatorOf(token: Token | undefined): Operator {
  if (token?.kind === 'operator' || (token?.kind === 'word' && token.text === 'CONTAINS')) return token.text as Operator;
  throw syntax(`none of = < <= > >= CONTAINS EXISTS after a name${shown(token)}`);
}

function valueOf(operator: Token | undefined, token: Token | undefined): string | bigint {
  const comparesTexts = operator?.text === '=' || operator?.text === 'CONTAINS';
  if (token?.kind === 'text' && comparesTexts) return token.text;
  if (token?.kind === 'word' && INTEGER.test(token.text) && operator?.text !== 'CONTAINS') return BigInt(token.text);
  if (token?.kind === 'word' && (token.text === 'TIME' || token.text === 'DATE')) throw syntax('a time, and times cannot be searched here');
  throw syntax(comparesTexts ? `no ${operator.text === '=' ? "'text' or number" : "'text'"} after ${operator.text}${shown(token)}` : `no number to compare with${shown(token)}`);
}

/** Whether one of the values meets the condition. */
export function meets(condition: Condition, values: readonly string[] | undefined): boolean {
  if (values === undefined) return false;
  const { operator, value } = condition;
  if (operator === 'EXISTS') return true;
  return values.some((seen) => {
    if (typeof value === 'string') return operator === 'CONTAINS' ? seen.includes(value) : seen === value;
    if (value === undefined || !INTEGER.test(seen)) return false;
    const number = BigInt(seen);
    if (operator === '=') return number === value;
    if (operator === '<') return number < value;
    if (operator === '<=') return number <= value;
    return operator === '>' ? number > value : number >= value;
  });
}

export function matches(conditions: readonly Condition[], attributes: Attributes): boolean {
  return conditions.every((condition) => meets(condition, attributes.get(condition.name)));
}

/** Collects name and value pairs. */
export function toAttributes(pairs: Iterable<readonly [name: string, value: string]>): Map<string, string[]> {
  const attributes = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const values = attributes.get(name);
    if (values === undefined) attributes.set(name, [value]);
    else values.push(value);
  }
  return attributes;
}

function shown(token: Token | undefined): string {
  return token === undefined ? ', but its end' : `, but ${JSON.stringify(token.text.slice(0, 40))}`;
}

function syntax(what: string): InvalidInputError {
  return new InvalidInputError(`failed to parse query: it has ${what}`, "write e.g. tx.height>5 AND message.action='…'");
}
