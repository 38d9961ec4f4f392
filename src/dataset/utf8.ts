import { isUtf8 } from 'node:buffer';

import { InvalidInputError } from '../protocol/errors.js';

/** How the rows of a file are counted for messages: by lines, or by lines outside quotes, as CSV has them. */
export type RowKind = 'line' | 'csv';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Counts rows as bytes go by: a line ends with LF, CRLF or CR. The first is row 1, so a CSV header is row 1. */
class RowCounter {
  private ended = 0;
  private quoted = false;
  private afterCr = false;

  constructor(private readonly kind: RowKind) {}

  get row(): number {
    return this.ended + 1;
  }

  count(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === QUOTE && this.kind === 'csv') this.quoted = !this.quoted;
      else if (byte === CR && !this.quoted) this.ended++;
      else if (byte === LF && !this.quoted && !this.afterCr) this.ended++;
      this.afterCr = byte === CR;
    }
  }
}

/**
 * Passes UTF-8 through, without a byte-order mark at its start, in pieces that end between characters.
 * @throws InvalidInputError names row and byte offset (from the start of the file, 0 is the first byte) of what is no UTF-8.
 */
export async function* utf8Only(source: AsyncIterable<Uint8Array>, kind: RowKind): AsyncGenerator<Buffer> {
  const rows = new RowCounter(kind);
  let pending = Buffer.alloc(0);
  let offset = 0;
  for await (const piece of source) {
    let bytes = pending.length > 0 ? Buffer.concat([pending, piece]) : Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    if (offset === 0) {
      if (bytes.length < BOM.length && BOM.subarray(0, bytes.length).equals(bytes)) {
        pending = Buffer.from(bytes);
        continue;
      }
      if (bytes.subarray(0, BOM.length).equals(BOM)) {
        bytes = bytes.subarray(BOM.length);
        offset = BOM.length;
      }
    }
    const end = endOfLastCharacter(bytes);
    const whole = bytes.subarray(0, end);
    if (!isUtf8(whole)) throw notUtf8(whole, offset, rows);
    rows.count(whole);
    offset += end;
    // Copied, because the source may use its buffer again.
    pending = Buffer.from(bytes.subarray(end));
    if (end > 0) yield whole;
  }
  if (pending.length > 0) throw notUtf8(pending, offset, rows);
}

function lengthFromLead(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte >= 0xf0) return 4;
  return byte >= 0xe0 ? 3 : 2;
}

/** Where the last character that is complete ends; only a sequence cut off by the end of the piece stays behind. */
function endOfLastCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) return lengthFromLead(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function notUtf8(bytes: Buffer, offset: number, rows: RowCounter): InvalidInputError {
  let bad = 0;
  while (bad < bytes.length) {
    const length = lengthFromLead(bytes[bad] ?? 0);
    if (bad + length > bytes.length || !isUtf8(bytes.subarray(bad, bad + length))) break;
    bad += length;
  }
  rows.count(bytes.subarray(0, bad));
  const seen = (bytes[bad] ?? 0).toString(16);
  return new InvalidInputError(
    `expected UTF-8, got the byte 0x${seen} in row ${rows.row} at byte ${offset + bad} of the file`,
    'convert the file first, e.g. iconv -f WINDOWS-1254 -t UTF-8 IN > OUT',
  );
}
