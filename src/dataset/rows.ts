import { InvalidInputError } from '../protocol/errors.js';
import { isWellFormed } from './canonical-json.js';
import { utf8Only } from './utf8.js';

/** A row of a JSONL dataset. Other members (e.g. `category`) are allowed and are not trained on. */
export type DatasetRow =
  | { readonly text: string; readonly category?: string }
  | { readonly instruction: string; readonly input?: string; readonly output: string };

/** A row as text to be trained on, with its number in the file for messages. */
export interface TextRow {
  /** 1 is the first line of the file. */
  readonly row: number;
  readonly text: string;
}

/** One row must fit into memory several times over. */
export const MAX_ROW_BYTES = 16 * 1_048_576;

const LF = 0x0a;

/**
 * The text that an instruction row is trained as. This template is part of the dataset format (docs/dataset.md): whoever
 * prompts a model trained on such rows writes the same, up to and with `Output: `.
 */
export function renderRow(row: DatasetRow): string {
  if ('text' in row) return row.text;
  const input = row.input === undefined || row.input === '' ? '' : `Input: ${row.input}\n`;
  return `Instruction: ${row.instruction}\n${input}Output: ${row.output}`;
}

/**
 * Reads JSONL. A row has `text`, or `instruction` and `output` with an optional `input`; `text` counts where both are there.
 * Blank lines are passed over. @throws InvalidInputError names row, member and, for bad UTF-8, the byte.
 */
export async function* jsonlRows(source: AsyncIterable<Uint8Array>): AsyncGenerator<TextRow> {
  let row = 0;
  for await (const line of lines(utf8Only(source, 'line'))) {
    row++;
    if (line.trim() === '') continue;
    yield { row, text: renderRow(parseRow(line, row)) };
  }
}

async function* lines(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let held = 0;
  let row = 1;
  for await (const bytes of source) {
    let from = 0;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
      parts.push(bytes.subarray(from, at));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      held = 0;
      row++;
      from = at + 1;
    }
    const rest = bytes.subarray(from);
    held += rest.length;
    if (held > MAX_ROW_BYTES) {
      throw new InvalidInputError(`row ${row} is longer than ${MAX_ROW_BYTES} bytes`, 'split it into several rows; is the file really JSONL, one object a line?');
    }
    if (rest.length > 0) parts.push(Buffer.from(rest));
  }
  if (held > 0) yield Buffer.concat(parts).toString('utf8');
}

function parseRow(line: string, row: number): DatasetRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new InvalidInputError(
      `row ${row} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      'a .jsonl file has one JSON object a line; for CSV run r3mes dataset convert first',
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidInputError(`row ${row}: expected a JSON object, got ${line.slice(0, 40)}`);
  }
  const members = value as Readonly<Record<string, unknown>>;
  const text = member(members, 'text', row);
  if (text !== undefined) return { text };
  const instruction = member(members, 'instruction', row);
  const output = member(members, 'output', row);
  if (instruction === undefined || output === undefined) {
    throw new InvalidInputError(
      `row ${row}: expected "text", or "instruction" and "output", got the members ${JSON.stringify(Object.keys(members).slice(0, 10))}`,
    );
  }
  const input = member(members, 'input', row);
  return { instruction, output, ...(input === undefined ? {} : { input }) };
}

function member(members: Readonly<Record<string, unknown>>, name: string, row: number): string | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new InvalidInputError(`row ${row}: expected "${name}" to be a string, got ${typeof value}`);
  if (!isWellFormed(value)) throw new InvalidInputError(`row ${row}: "${name}" holds half of a surrogate pair, which no UTF-8 text can hold`);
  return value;
}

/** The text of a .txt file, which is one row: its characters unchanged but for a byte-order mark and CRLF → LF. */
export async function* txtPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let heldCr = false;
  for await (const bytes of utf8Only(source, 'line')) {
    const text: string = (heldCr ? '\r' : '') + bytes.toString('utf8');
    heldCr = text.endsWith('\r');
    yield (heldCr ? text.slice(0, -1) : text).replaceAll('\r\n', '\n');
  }
  if (heldCr) yield '\r';
}
