import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bitmapHas, bitmapOf, isBitmapFor } from '../../../src/protocol/bitmap.js';
import { compareBytes, concatBytes, equalBytes, fromHex, readU64be, toHex, u32be, u64be, utf8 } from '../../../src/protocol/bytes.js';
import { ChainError, InvalidInputError, R3mesError } from '../../../src/protocol/errors.js';
import { sha256, taggedHash } from '../../../src/protocol/hash.js';

describe('bytes', () => {
  it('round-trips hexadecimal and 64-bit integers', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (bytes, n) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(readU64be(u64be(n))).toBe(n);
      }),
      { numRuns: 200 },
    );
  });

  it('orders big-endian integers as numbers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (a, b) => {
        expect(Math.sign(compareBytes(u64be(a), u64be(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
      { numRuns: 200 },
    );
  });

  it('compares and joins', () => {
    expect(equalBytes(concatBytes(utf8('ab'), utf8('c')), utf8('abc'))).toBe(true);
    expect(compareBytes(utf8('a'), utf8('ab'))).toBeLessThan(0);
  });

  it('refuses what does not fit', () => {
    expect(() => fromHex('0g')).toThrow(/hexadecimal/);
    expect(() => fromHex('abc')).toThrow(/hexadecimal/);
    expect(() => u64be(-1n)).toThrow(/got -1/);
    expect(() => u64be(1n << 64n)).toThrow(/64-bit/);
    expect(() => u32be(2 ** 32)).toThrow(/32-bit/);
    expect(() => u32be(0.5)).toThrow(/32-bit/);
  });
});

describe('taggedHash', () => {
  it('is SHA-256 over length-prefixed tag and fields', () => {
    const expected = sha256(
      concatBytes(u32be(12), utf8('r3mes/v1/tag'), u32be(1), utf8('x'), u32be(8), u64be(5n), u32be(2), Uint8Array.of(1, 2)),
    );
    expect(taggedHash('tag', 'x', 5n, Uint8Array.of(1, 2))).toEqual(expected);
  });

  it('keeps fields apart', () => {
    expect(taggedHash('t', 'ab', 'c')).not.toEqual(taggedHash('t', 'a', 'bc'));
    expect(taggedHash('t', 'a')).not.toEqual(taggedHash('t', 'a', ''));
  });
});

describe('bitmaps', () => {
  it('round-trip and have one form', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 70 }), (bits) => {
        const map = bitmapOf(bits);
        expect(isBitmapFor(map, bits.length)).toBe(true);
        expect(bits.map((_, i) => bitmapHas(map, i))).toEqual(bits);
        if (bits.length % 8 !== 0) {
          const spoiled = map.slice();
          spoiled[spoiled.length - 1]! |= 0x80;
          expect(isBitmapFor(spoiled, bits.length)).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
    expect(isBitmapFor(new Uint8Array(2), 8)).toBe(false);
    expect(bitmapHas(new Uint8Array(), 3)).toBe(false);
  });
});

describe('errors', () => {
  it('carry code, hint and cause', () => {
    const cause = new Error('x');
    const e = new R3mesError({ code: 'A', message: 'm', hint: 'h', retryable: true, cause });
    expect([e.code, e.message, e.hint, e.retryable, e.cause]).toEqual(['A', 'm', 'h', true, cause]);
    expect(new InvalidInputError('m').code).toBe('INVALID_INPUT');
    expect(new InvalidInputError('m', 'do').hint).toBe('do');
    const c = new ChainError('training', 3, 'WINDOW_CLOSED', 'm', 'h');
    expect([c.codespace, c.abciCode, c.code, c.hint]).toEqual(['training', 3, 'WINDOW_CLOSED', 'h']);
  });
});
