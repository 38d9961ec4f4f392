import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { jsonlRows, renderRow, txtPieces } from '../../../src/dataset/rows.js';
import type { TextRow } from '../../../src/dataset/rows.js';
import { utf8Only } from '../../../src/dataset/utf8.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';
import { collect, failure, streamOf } from '../storage/helpers.js';

function inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Uint8Array> {
  return streamOf(...Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes)));
}

async function rowsOf(text: string, pieceBytes = 5): Promise<TextRow[]> {
  const rows: TextRow[] = [];
  for await (const row of jsonlRows(inPieces(Buffer.from(text), pieceBytes))) rows.push(row);
  return rows;
}

async function txtOf(text: string | Buffer, pieceBytes = 5): Promise<string> {
  let all = '';
  for await (const piece of txtPieces(inPieces(Buffer.from(text), pieceBytes))) all += piece;
  return all;
}

describe('renderRow', () => {
  it('is the written-down template', () => {
    expect(renderRow({ text: ' as it is ' })).toBe(' as it is ');
    expect(renderRow({ instruction: 'Add.', input: '1 2', output: '3' })).toBe('Instruction: Add.\nInput: 1 2\nOutput: 3');
    expect(renderRow({ instruction: 'Greet.', output: 'Hello' })).toBe('Instruction: Greet.\nOutput: Hello');
    expect(renderRow({ instruction: 'Greet.', input: '', output: 'Hello' })).toBe('Instruction: Greet.\nOutput: Hello');
  });
});

describe('jsonlRows', () => {
  it('reads both kinds of rows, blank lines, CRLF, a byte-order mark, and no line feed at the end', async () => {
    const text = '\ufeff{"text":"a\\nb","category":"x"}\r\n\n{"instruction":"i","input":null,"output":"o","more":[1]}\n  \n{"text":"t","instruction":"i","output":"o"}';
    for (const pieceBytes of [1, 2, 7, 1000]) {
      expect(await rowsOf(text, pieceBytes)).toEqual([
        { row: 1, text: 'a\nb' },
        { row: 3, text: 'Instruction: i\nOutput: o' },
        { row: 5, text: 't' },
      ]);
    }
  });

  it('gives back any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'binary' })), fc.integer({ min: 1, max: 50 }), async (texts, pieceBytes) => {
        const jsonl = texts.map((text) => `${JSON.stringify({ text })}\n`).join('');
        expect((await rowsOf(jsonl, pieceBytes)).map((r) => r.text)).toEqual(texts);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['no JSON', '{"text":"a"}\n{"text":', /row 2 is no JSON/],
    ['CSV', 'text,category\n', /row 1 is no JSON/],
    ['a list', '["a"]\n', /row 1: expected a JSON object, got \["a"\]/],
    ['null', 'null\n', /row 1: expected a JSON object/],
    ['no known member', '{"a":1}\n', /row 1: expected "text", or "instruction" and "output", got the members \["a"\]/],
    ['no output', '\n{"instruction":"x"}\n', /row 2: expected "text"/],
    ['a number as text', '{"text":1}\n', /row 1: expected "text" to be a string, got number/],
    ['a list as input', '{"instruction":"i","output":"o","input":[]}\n', /row 1: expected "input" to be a string, got object/],
    ['half a surrogate pair', '{"text":"a\\ud800"}\n', /row 1: "text" holds half of a surrogate pair/],
  ])('refuses %s', async (_, text, message) => {
    const error = await failure(rowsOf(text));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toMatch(message);
  });

  it('names row and byte of bad UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"text":"a"}\n{"text":"'), Buffer.from([0xfe]), Buffer.from('"}\n')]);
    const reading = (async () => {
      const rows: TextRow[] = [];
      for await (const row of jsonlRows(inPieces(bytes, 4))) rows.push(row);
      return rows;
    })();
    expect(await failure(reading)).toMatchObject({ message: expect.stringContaining('byte 0xfe in row 2 at byte 22') as string });
  });

  it('stops at a line without end', async () => {
    const endless = (async function* () {
      yield await Promise.resolve(Buffer.from('{"text":"a"}\n'));
      for (;;) yield Buffer.alloc(1 << 20, 'x');
    })();
    const reading = (async () => {
      for await (const row of jsonlRows(endless)) expect(row.row).toBe(1);
    })();
    expect(await failure(reading)).toMatchObject({ message: expect.stringContaining('row 2 is longer than 16777216 bytes') as string });
  });
});

describe('txtPieces', () => {
  it('keeps a text but for the byte-order mark at its start and CRLF', async () => {
    for (const pieceBytes of [1, 2, 3, 100]) {
      expect(await txtOf('\ufeffone\r\ntwo\rthree\n\r\r\nfour \ufeff\t\r', pieceBytes)).toBe('one\ntwo\rthree\n\r\nfour \ufeff\t\r');
    }
    expect(await txtOf('\ufeff')).toBe('');
    // Two bytes of a byte-order mark are no mark.
    expect(await failure(txtOf(Buffer.from([0xef, 0xbb])))).toMatchObject({ message: expect.stringContaining('byte 0xef in row 1 at byte 0') as string });
  });
});

describe('utf8Only', () => {
  it('passes any text through in pieces that end between characters', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }).filter((s) => !s.startsWith('\ufeff')), fc.integer({ min: 1, max: 6 }), async (text, pieceBytes) => {
        const pieces: Buffer[] = [];
        for await (const piece of utf8Only(inPieces(Buffer.from(text), pieceBytes), 'line')) pieces.push(Buffer.from(piece));
        expect(pieces.map((p) => p.toString('utf8')).join('')).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it('accepts exactly what a strict decoder accepts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0x41, 0x0a, 0x80, 0xbf, 0xc2, 0xc3, 0xe0, 0xe2, 0xed, 0xa0, 0x82, 0xac, 0xf0, 0x9f, 0xf4, 0x90, 0xff), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (list, pieceBytes) => {
          const bytes = Buffer.from(list);
          let valid = true;
          try {
            new TextDecoder('utf-8', { fatal: true }).decode(bytes);
          } catch {
            valid = false;
          }
          const passing = collect(utf8Only(inPieces(bytes, pieceBytes), 'line'));
          if (valid) expect((await passing).equals(bytes)).toBe(true);
          else expect(await failure(passing)).toBeInstanceOf(InvalidInputError);
        },
      ),
      { numRuns: 500 },
    );
  });
});
