import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { csvRows, newCsvCounts } from '../../../src/dataset/csv.js';
import type { CsvCounts, CsvOptions } from '../../../src/dataset/csv.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';
import { failure, streamOf } from '../storage/helpers.js';

async function convert(csv: string | Uint8Array, options: Partial<CsvOptions> = {}, pieceBytes = 7): Promise<{ rows: unknown[]; counts: CsvCounts }> {
  const bytes = Buffer.from(csv);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes));
  const counts = newCsvCounts();
  const rows: unknown[] = [];
  for await (const row of csvRows(streamOf(...pieces), { category: true, ...options }, counts)) rows.push(row);
  return { rows, counts };
}

describe('csvRows', () => {
  it('joins title and text, keeps the category, says which columns it used', async () => {
    const { rows, counts } = await convert('kategori,baslik,icerik\nspor,Rekor,Hızlı yüzdü.\nbilim,,Uydu indi.\n');
    expect(rows).toEqual([
      { text: 'Rekor\nHızlı yüzdü.', category: 'spor' },
      { text: 'Uydu indi.', category: 'bilim' },
    ]);
    expect(counts).toEqual({
      rowsRead: 2,
      rowsWritten: 2,
      rowsBlank: 0,
      rowsIncomplete: {},
      fieldsEmpty: { baslik: 1 },
      columns: { text: 'icerik', title: 'baslik', category: 'kategori' },
    });
  });

  it('leaves the category out with --no-category', async () => {
    const { rows, counts } = await convert('category,text\nsport,Ran.\n', { category: false });
    expect(rows).toEqual([{ text: 'Ran.' }]);
    expect(counts.columns).toEqual({ text: 'text' });
  });

  it('reads BOM, CRLF, doubled quotes, delimiters and line breaks in fields, whatever the pieces', async () => {
    const csv = '\ufeffcategory,text\r\n"a,b","He said ""no""\r\nand left, 3:2.\nOr not"\r\n,"  spaces stay  "\r\n';
    for (const pieceBytes of [1, 2, 3, 5, 1000]) {
      const { rows } = await convert(csv, {}, pieceBytes);
      expect(rows).toEqual([{ text: 'He said "no"\nand left, 3:2.\nOr not', category: 'a,b' }, { text: '  spaces stay  ' }]);
    }
  });

  it.each([['\n'], ['\r\n'], ['\r']])('reads records that end with %j', async (end) => {
    expect((await convert(`text${end}one${end}two${end}`)).rows).toEqual([{ text: 'one' }, { text: 'two' }]);
  });

  it('finds columns by Turkish names in any case, and by names it is told', async () => {
    expect((await convert('İÇERİK\nx\n')).rows).toEqual([{ text: 'x' }]);
    expect((await convert('BAŞLIK, içerik \nt,x\n')).rows).toEqual([{ text: 't\nx' }]);
    expect((await convert('a,b\n1,2\n', { columns: { text: 'b', category: 'A' } })).rows).toEqual([{ text: '2', category: '1' }]);
    expect((await convert('text,body\n1,2\n', { columns: { text: 'body' } })).rows).toEqual([{ text: '2' }]);
  });

  it('makes instruction rows from such columns, from a category, or from a title', async () => {
    const own = await convert('instruction,input,output\nAdd.,"1, 2",3\nGreet.,,Hello\n', { format: 'instruction' });
    expect(own.rows).toEqual([
      { instruction: 'Add.', input: '1, 2', output: '3' },
      { instruction: 'Greet.', output: 'Hello' },
    ]);
    expect(own.counts.fieldsEmpty).toEqual({ input: 1 });
    const news = 'category,title,text\nsport,Race,She won.\n,Moon,It landed.\n';
    const byCategory = await convert(news, { format: 'instruction' });
    expect(byCategory.rows).toEqual([{ instruction: 'Name the category of this text.', input: 'Race\nShe won.', output: 'sport' }]);
    expect(byCategory.counts.rowsIncomplete).toEqual({ category: 1 });
    expect((await convert(news, { format: 'instruction', category: false })).rows).toEqual([
      { instruction: 'Write the text that belongs to this title.', input: 'Race', output: 'She won.' },
      { instruction: 'Write the text that belongs to this title.', input: 'Moon', output: 'It landed.' },
    ]);
    expect((await convert(news, { format: 'instruction', instruction: 'Which section?' })).rows[0]).toMatchObject({ instruction: 'Which section?' });
    const asked = await convert('input,output\nq,a\n', { format: 'instruction', instruction: 'Answer.' });
    expect(asked.rows).toEqual([{ instruction: 'Answer.', input: 'q', output: 'a' }]);
  });

  it('takes instructions by itself where there is no text column', async () => {
    expect((await convert('talimat,girdi,çıktı\nTopla.,1 2,3\n')).rows).toEqual([{ instruction: 'Topla.', input: '1 2', output: '3' }]);
  });

  it('counts blank and incomplete rows instead of hiding them', async () => {
    const { rows, counts } = await convert('\ntitle,text\n\nA,one\n,\n  \nB,\n"",two\n\n');
    expect(rows).toEqual([{ text: 'A\none' }, { text: 'two' }]);
    expect(counts).toMatchObject({ rowsRead: 7, rowsWritten: 2, rowsBlank: 4, rowsIncomplete: { text: 1 }, fieldsEmpty: { title: 1 } });
  });

  it('reads other delimiters', async () => {
    expect((await convert('category;text\na;"x;y"\n', { delimiter: ';' })).rows).toEqual([{ text: 'x;y', category: 'a' }]);
    expect(await failure(convert('text\nx\n', { delimiter: ';;' }))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await failure(convert('text\nx\n', { delimiter: '"' }))).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('gives back what a CSV writer wrote', async () => {
    const field = fc.string({ unit: 'grapheme', minLength: 1 }).map((s) => `.${s.replaceAll('\r', '')}`);
    const quote = (s: string): string => `"${s.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ text: field, category: fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\r', '')) }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 40 }),
        async (rows, end, pieceBytes) => {
          const csv = ['category,text', ...rows.map((r) => `${quote(r.category)},${quote(r.text)}`), ''].join(end);
          const expected = rows.map((r) => ({ text: r.text, ...(r.category.trim() === '' ? {} : { category: r.category.trim() }) }));
          expect((await convert(csv, {}, pieceBytes)).rows).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each(['../shared/data/haberler-sample.csv', '../shared/data/inaugural-addresses.csv'])('reads %s', async (path) => {
    const file = resolve(import.meta.dirname, '../../..', path);
    if (!existsSync(file)) {
      console.log(`not run: ${path} is missing`);
      return;
    }
    const { rows, counts } = await convert(readFileSync(file), {}, 10_000);
    expect(rows).toHaveLength(path.includes('haberler') ? 5 : 59);
    expect(counts.rowsWritten).toBe(rows.length);
    expect(JSON.stringify(rows)).not.toContain('\\r');
  });
});

describe('wrong CSV', () => {
  it.each([
    ['a row with too few fields', 'title,text,category\na,b,c\nd,e\n', {}, /row 3: expected 3 fields \("title", "text", "category"\), got 2: nothing for column "category"/],
    ['a row with too many fields', 'title,text\na,b\n\nc,d,e, f\n', {}, /row 4: expected 2 fields .* got 4: "e" behind the last column/],
    ['a quote that is never closed', 'title,text\na,"b\nc,d\n', {}, /row 2, column "text": a quoted field is never closed/],
    ['one below fields with line breaks', 'title,text\r\n"a\r\nb","c\nd"\r\n"open\r\nx,y\r\n', {}, /row 3 \(line 5\), column "title": a quoted field is never closed/],
    ['a short row below one', 'title,text\n"a\rb",c\nd\n', {}, /row 3 \(line 4\): expected 2 fields/],
    ['text behind a closing quote', 'title,text\na,b\nc,"d"e\n', {}, /row 3, column "text": expected a delimiter/],
    ['a quote inside a field', 'title,text\na,b\n\nc,d"e"\n', {}, /row 4, column "text": a quote in the middle/],
    ['no column for text', 'year,president\n1,2\n', {}, /expected a column text.*the header has "year", "president"/],
    ['no columns for instructions', 'year,text\n1,2\n', { format: 'instruction' as const }, /expected columns instruction and output.*"year", "text"/],
    ['a given column that is not there', 'a,b\n1,2\n', { columns: { text: 'c' } }, /no column "c"; it has "a", "b"/],
    ['two columns for one role', 'text,content\n1,2\n', {}, /"text", "content" could each be the text/],
    ['an empty file', '', {}, /empty/],
    ['a file of blank lines', '\n\n  \n', {}, /empty/],
    ['a header without rows', 'text\n', {}, /no row to write: of 0 below the header/],
    ['only rows without text', 'title,text\na,\n\nb,\n', {}, /no row to write: of 3 .*1 are blank, 2 without "text"/],
    ['a long header', `${Array.from({ length: 20 }, (_, i) => `c${i}`).join(',')}\n`, {}, /\(20 in all\)/],
  ])('%s is refused', async (_, csv, options, message) => {
    const error = await failure(convert(csv, options));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toMatch(message);
  });

  it('hints at another delimiter and at the other format', async () => {
    expect(await failure(convert('kategori;icerik\na;b\n'))).toMatchObject({ hint: expect.stringContaining('";"') as string });
    expect(await failure(convert('instruction,output\na,b\n', { format: 'text' }))).toMatchObject({ hint: expect.stringContaining('--format instruction') as string });
  });

  it('an endless field is stopped at the limit', async () => {
    const endless = (async function* () {
      yield await Promise.resolve(Buffer.from('title,text\na,"'));
      for (;;) yield Buffer.alloc(1 << 20, 'x');
    })();
    const reading = (async () => {
      for await (const row of csvRows(endless, { category: true }, newCsvCounts())) expect(row).toBeUndefined();
    })();
    expect(await failure(reading)).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringMatching(/row 2, column "text": the row is longer than 16777216/) as string });
  });
});

describe('text that is no UTF-8', () => {
  const bad = (before: string, bytes: readonly number[], after = ''): Buffer => Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);

  it.each([
    ['Windows-1254', bad('text\nok\nde', [0xf0], 'i\n'), /byte 0xf0 in row 3 at byte 10 of the file/],
    ['a row behind a field with line breaks', bad('text\n"a\nb\nc"\nx', [0xff], 'y\n'), /byte 0xff in row 3 at byte 14/],
    ['behind a byte-order mark', bad('\ufefftext\n', [0x80]), /byte 0x80 in row 2 at byte 8/],
    ['a character cut off by the end', bad('text\nab', [0xe2, 0x82]), /byte 0xe2 in row 2 at byte 7/],
    ['an overlong form', bad('text\n', [0xc0, 0xaf], '\n'), /byte 0xc0 in row 2 at byte 5/],
    ['a surrogate', bad('text\n', [0xed, 0xa0, 0x80], '\n'), /byte 0xed in row 2/],
    ['beyond U+10FFFF', bad('text\n', [0xf4, 0x90, 0x80, 0x80], '\n'), /byte 0xf4 in row 2/],
    ['UTF-16', Buffer.from('\ufefftext\nx\n', 'utf16le'), /byte 0xff in row 1 at byte 0/],
  ])('%s: row and byte are named, whatever the pieces', async (_, csv, message) => {
    for (const pieceBytes of [1, 2, 3, 4, 100]) {
      const error = await failure(convert(csv, {}, pieceBytes));
      expect(error).toBeInstanceOf(InvalidInputError);
      expect((error as Error).message).toMatch(message);
    }
  });
});
