import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareTime, formatRfc3339, parseRfc3339, timeFromMs, timeToMs } from '../../../src/protocol/rfc3339.js';

describe('times in text', () => {
  it('agree with the calendar of the platform', () => {
    const year1 = Date.parse('0001-01-01T00:00:00Z');
    const year9999 = Date.parse('9999-12-31T23:59:59Z');
    fc.assert(
      fc.property(fc.integer({ min: year1 / 1000, max: Math.floor(year9999 / 1000) }), (seconds) => {
        const text = formatRfc3339({ seconds: BigInt(seconds), nanos: 0 });
        expect(Date.parse(text)).toBe(seconds * 1000);
        expect(parseRfc3339(text)).toEqual({ seconds: BigInt(seconds), nanos: 0 });
      }),
      { numRuns: 500 },
    );
  });

  it('keep nanoseconds, without zeros at the end', () => {
    expect(parseRfc3339('2026-11-24T00:10:09.190100031Z')).toEqual({ seconds: 1795479009n, nanos: 190100031 });
    expect(formatRfc3339({ seconds: 1795479009n, nanos: 190100000 })).toBe('2026-11-24T00:10:09.1901Z');
    expect(formatRfc3339({ seconds: -1n, nanos: 5 })).toBe('1969-12-31T23:59:59.000000005Z');
  });

  it('count offsets from UTC', () => {
    expect(parseRfc3339('2026-01-01T02:30:00+02:30')).toEqual(parseRfc3339('2026-01-01T00:00:00Z'));
    expect(parseRfc3339('2025-12-31t23:00:00-01:00')).toEqual(parseRfc3339('2026-01-01T00:00:00z'));
  });

  it.each([
    '', 'now', '2026-01-01', '2026-01-01T00:00:00', '2026-13-01T00:00:00Z', '2026-00-01T00:00:00Z', '2026-02-29T00:00:00Z', '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z', '2026-01-00T00:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01T00:60:00Z', '2026-01-01T00:00:60Z', '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00.1234567890Z', '0000-01-01T00:00:00Z',
  ])('refuse %s', (text) => {
    expect(() => parseRfc3339(text)).toThrow(/expected a time like/);
  });

  it('accept leap days', () => {
    expect(formatRfc3339(parseRfc3339('2000-02-29T12:00:00Z'))).toBe('2000-02-29T12:00:00Z');
    expect(formatRfc3339(parseRfc3339('2028-02-29T12:00:00Z'))).toBe('2028-02-29T12:00:00Z');
  });

  it('are compared and counted in milliseconds', () => {
    const a = { seconds: 1n, nanos: 999_999_999 };
    expect(compareTime(a, { seconds: 2n, nanos: 0 })).toBeLessThan(0);
    expect(compareTime({ seconds: 2n, nanos: 0 }, a)).toBeGreaterThan(0);
    expect(compareTime(a, { ...a })).toBe(0);
    expect(compareTime(a, { ...a, nanos: 1 })).toBeGreaterThan(0);
    expect(timeToMs(a)).toBe(2000n);
    expect(timeToMs({ seconds: 2n, nanos: 0 })).toBe(2000n);
    expect(timeFromMs(1234n)).toEqual({ seconds: 1n, nanos: 234_000_000 });
  });
});
