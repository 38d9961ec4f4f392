import { pipeline, Readable } from 'node:stream';

import { CsvError, parse } from 'csv-parse';
import type { Options as CsvParseOptions } from 'csv-parse';

import { InvalidInputError } from '../protocol/errors.js';
import { mapColumns, shown } from './columns.js';
import type { ColumnMap, ColumnNames, ColumnRole } from './columns.js';
import { MAX_ROW_BYTES } from './rows.js';
import type { DatasetRow } from './rows.js';
import { utf8Only } from './utf8.js';

export type RowFormat = 'text' | 'instruction';

export interface CsvOptions {
  /** `text`: {text, category?}. `instruction`: {instruction, input?, output}. Left out: text where the header has it. */
  readonly format?: RowFormat;
  /** False leaves the category out. */
  readonly category: boolean;
  readonly columns?: ColumnNames;
  /** One character; a comma by default. */
  readonly delimiter?: string;
  /** Instruction of rows whose file has no such column. */
  readonly instruction?: string;
}

/** What happened to the rows, for the user to see. Filled in as the rows go by. */
export interface CsvCounts {
  /** Rows below the header, blank ones included. */
  rowsRead: number;
  rowsWritten: number;
  /** Rows without any value. */
  rowsBlank: number;
  /** Rows left out because a field that the format needs is empty, by the name of the column. */
  readonly rowsIncomplete: Record<string, number>;
  /** Optional fields that were empty in rows that were written, by the name of the column. */
  readonly fieldsEmpty: Record<string, number>;
  /** Name of the column used for each role. */
  readonly columns: Partial<Record<ColumnRole, string>>;
}

export function newCsvCounts(): CsvCounts {
  return { rowsRead: 0, rowsWritten: 0, rowsBlank: 0, rowsIncomplete: {}, fieldsEmpty: {}, columns: {} };
}

const CATEGORY_INSTRUCTION = 'Name the category of this text.';
const TITLE_INSTRUCTION = 'Write the text that belongs to this title.';

/** Turns the fields of one row into a dataset row; undefined where a needed one is empty. */
interface Plan {
  readonly required: readonly ColumnRole[];
  readonly optional: readonly ColumnRole[];
  readonly build: (field: (role: ColumnRole) => string) => DatasetRow;
}

/**
 * Reads CSV (RFC 4180: quoted fields, doubled quotes, line breaks in fields; LF, CRLF or CR between records) and yields
 * dataset rows one at a time. Fields are kept as they are but for CRLF → LF.
 * @throws InvalidInputError names row (the header is row 1), the line where it starts if that is another number, column or byte.
 */
export async function* csvRows(source: AsyncIterable<Uint8Array>, options: CsvOptions, counts: CsvCounts): AsyncGenerator<DatasetRow> {
  const delimiter = options.delimiter ?? ',';
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new InvalidInputError(`expected one character as delimiter, got ${JSON.stringify(delimiter)}`);
  }
  let header: readonly string[] | undefined;
  let plan: Plan | undefined;
  let map: ColumnMap = {};
  for await (const { record, row, line } of records(source, delimiter)) {
    const blank = isBlank(record);
    if (header === undefined || plan === undefined) {
      if (blank) continue;
      header = record;
      map = mapColumns(header, options.columns ?? {});
      plan = choosePlan(map, header, options, delimiter);
      for (const role of [...plan.required, ...plan.optional]) counts.columns[role] = header[map[role] ?? -1] ?? '';
      continue;
    }
    counts.rowsRead++;
    if (blank) {
      counts.rowsBlank++;
      continue;
    }
    if (record.length !== header.length) throw wrongWidth(record, place(row, line), header);
    const field = (role: ColumnRole): string => (record[map[role] ?? -1] ?? '').replaceAll('\r\n', '\n');
    const isEmpty = (role: ColumnRole): boolean => field(role).trim() === '';
    const missing = plan.required.find(isEmpty);
    if (missing !== undefined) {
      increment(counts.rowsIncomplete, counts.columns[missing]);
      continue;
    }
    for (const role of plan.optional.filter(isEmpty)) increment(counts.fieldsEmpty, counts.columns[role]);
    counts.rowsWritten++;
    yield plan.build(field);
  }
  if (header === undefined) throw new InvalidInputError('the file is empty: expected CSV with a header and rows');
  if (counts.rowsWritten === 0) {
    const incomplete = Object.entries(counts.rowsIncomplete).map(([name, n]) => `${n} without ${JSON.stringify(name)}`);
    throw new InvalidInputError(
      `no row to write: of ${counts.rowsRead} below the header, ${[`${counts.rowsBlank} are blank`, ...incomplete].join(', ')}`,
    );
  }
}

function isBlank(record: readonly string[]): boolean {
  return record.every((field) => field.trim() === '');
}

function choosePlan(map: ColumnMap, header: readonly string[], options: CsvOptions, delimiter: string): Plan {
  const has = (role: ColumnRole): boolean => map[role] !== undefined;
  const format = options.format ?? (has('text') ? 'text' : 'instruction');
  const only = (...roles: readonly ColumnRole[]): readonly ColumnRole[] => roles.filter(has);
  const fullText = (field: (role: ColumnRole) => string): string =>
    [field('title'), field('text')].filter((part) => part.trim() !== '').join('\n');
  if (format === 'text' && has('text')) {
    const withCategory = options.category && has('category');
    return {
      required: ['text'],
      optional: only('title', ...(withCategory ? (['category'] as const) : [])),
      build: (field) => ({
        text: fullText(field),
        ...(withCategory && field('category').trim() !== '' ? { category: field('category').trim() } : {}),
      }),
    };
  }
  if (format === 'instruction' && has('output') && (has('instruction') || options.instruction !== undefined)) {
    return {
      required: [...only('instruction'), 'output'],
      optional: only('input'),
      build: (field) => ({
        instruction: has('instruction') ? field('instruction') : (options.instruction ?? ''),
        ...(field('input').trim() === '' ? {} : { input: field('input') }),
        output: field('output'),
      }),
    };
  }
  if (format === 'instruction' && has('text') && options.category && has('category')) {
    const instruction = options.instruction ?? CATEGORY_INSTRUCTION;
    return {
      required: ['text', 'category'],
      optional: only('title'),
      build: (field) => ({ instruction, input: fullText(field), output: field('category').trim() }),
    };
  }
  if (format === 'instruction' && has('text') && has('title')) {
    const instruction = options.instruction ?? TITLE_INSTRUCTION;
    return {
      required: ['title', 'text'],
      optional: [],
      build: (field) => ({ instruction, input: field('title'), output: field('text') }),
    };
  }
  throw noPlan(header, options, delimiter, has);
}

function noPlan(header: readonly string[], options: CsvOptions, delimiter: string, has: (role: ColumnRole) => boolean): InvalidInputError {
  const other = [';', '\t', '|', ','].find((d) => d !== delimiter && header.length === 1 && header[0]?.includes(d));
  let hint = 'name the columns, e.g. --text-column NAME';
  if (other !== undefined) hint = `the fields seem to be separated by ${JSON.stringify(other)}: say so with --delimiter`;
  else if (options.format === 'text' && has('instruction') && has('output')) hint = 'these columns make instruction rows: use --format instruction';
  const texts = 'a column text, content or icerik';
  const pairs = 'columns instruction and output, or text and category, or text and title';
  const expected = options.format === 'text' ? texts : options.format === 'instruction' ? pairs : `${texts}, or ${pairs}`;
  return new InvalidInputError(`expected ${expected}, the header has ${shown(header)}`, hint);
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly row: number;
  /** Line of the file where the row starts, from 1. */
  readonly line: number;
}

/** `row 4`, or `row 4 (line 9)` below fields with line breaks: rows are what we count, lines what an editor shows. */
function place(row: number, line: number): string {
  return line === row ? `row ${row}` : `row ${row} (line ${line})`;
}

/** Line breaks in the fields of a row. (The parser's own count takes a CRLF between quotes for two.) */
function lineBreaks(record: readonly string[]): number {
  return record.reduce((sum, field) => sum + (field.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
}

async function* records(source: AsyncIterable<Uint8Array>, delimiter: string): AsyncGenerator<CsvRecord> {
  let header: readonly string[] | undefined;
  let nextLine = 1;
  const options: CsvParseOptions<CsvRecord, string[]> = {
    delimiter,
    max_record_size: MAX_ROW_BYTES,
    // Seen here and not below, because an error drops the records that wait to be read, and its message needs the names.
    on_record: (record, { records: row }) => {
      if (header === undefined && !isBlank(record)) header = record;
      const line = nextLine;
      nextLine += 1 + lineBreaks(record);
      return { record, row, line };
    },
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
  };
  // The declarations let a record be turned into something else only together with named columns.
  const parser = parse(options as unknown as CsvParseOptions);
  // The error also ends the iteration below, which is where it is handled.
  pipeline(Readable.from(utf8Only(source, 'csv')), parser, () => undefined);
  try {
    for await (const item of parser) yield item as CsvRecord;
  } catch (cause) {
    throw cause instanceof CsvError ? csvProblem(cause, header ?? [], nextLine) : cause;
  }
}

/** The fields of a CsvError that the types leave open. */
interface CsvPlace {
  readonly records?: unknown;
  readonly index?: unknown;
}

function csvProblem(error: CsvError, header: readonly string[], line: number): InvalidInputError {
  const seen = error as CsvError & CsvPlace;
  const row = Number(seen.records) + 1;
  const index = Number(seen.index);
  const column = header[index] === undefined ? `column ${index + 1}` : `column ${JSON.stringify(header[index])}`;
  const at = `${place(row, line)}, ${column}`;
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return new InvalidInputError(`${at}: a quoted field is never closed`, 'a quote inside a quoted field is written twice: ""');
    case 'CSV_INVALID_CLOSING_QUOTE':
      return new InvalidInputError(`${at}: expected a delimiter or a line break behind the closing quote`, 'a quote inside a quoted field is written twice: ""');
    case 'INVALID_OPENING_QUOTE':
      return new InvalidInputError(`${at}: a quote in the middle of a field`, 'put the whole field into quotes and double the ones inside it');
    case 'CSV_MAX_RECORD_SIZE':
      return new InvalidInputError(`${at}: the row is longer than ${MAX_ROW_BYTES} bytes`, 'is a quote opened and never closed?');
    default:
      return new InvalidInputError(`${at}: ${error.message}`);
  }
}

function wrongWidth(record: readonly string[], at: string, header: readonly string[]): InvalidInputError {
  const first = record.length < header.length ? `nothing for column ${JSON.stringify(header[record.length])}` : `${JSON.stringify((record[header.length] ?? '').slice(0, 40))} behind the last column`;
  return new InvalidInputError(
    `${at}: expected ${header.length} fields (${shown(header)}), got ${record.length}: ${first}`,
    'fields that hold a delimiter must be in quotes',
  );
}

function increment(counts: Record<string, number>, name = ''): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
