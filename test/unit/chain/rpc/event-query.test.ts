import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { matches, parseQuery, toAttributes } from '../../../../src/chain/rpc/event-query.js';
import { InvalidInputError } from '../../../../src/protocol/errors.js';

describe('parseQuery', () => {
  it('reads what cosmjs, Keplr and people write', () => {
    expect(parseQuery("tm.event='Tx' AND tx.hash='AB'")).toEqual([
      { name: 'tm.event', operator: '=', value: 'Tx' },
      { name: 'tx.hash', operator: '=', value: 'AB' },
    ]);
    expect(parseQuery(' tx.height > 5 AND tx.height<=10 ')).toEqual([
      { name: 'tx.height', operator: '>', value: 5n },
      { name: 'tx.height', operator: '<=', value: 10n },
    ]);
    expect(parseQuery("a.b EXISTS AND c.d CONTAINS 'x y' AND e.f = 'it has AND in it'")).toEqual([
      { name: 'a.b', operator: 'EXISTS', value: undefined },
      { name: 'c.d', operator: 'CONTAINS', value: 'x y' },
      { name: 'e.f', operator: '=', value: 'it has AND in it' },
    ]);
  });

  it.each([
    ['', /no name/],
    ['foo', /none of = <.*, but its end/],
    ["foo='bar", /never closed at character 5/],
    ["'a'='b'", /no name.*"a"/],
    ['a=b', /no 'text' or number after =, but "b"/],
    ['a=', /no 'text' or number after =, but its end/],
    ["a<'b'", /no number to compare with, but "b"/],
    ["a='b' OR c='d'", /no AND between two conditions, but "OR"/],
    ["a='b' AND", /no name.*its end/],
    ['a CONTAINS 5', /no 'text' after CONTAINS, but "5"/],
    ['t > TIME 2026-01-01T00:00:00Z', /times cannot be searched/],
    [Array.from({ length: 17 }, (_, i) => `a=${i}`).join(' AND '), /more than 16 conditions/],
    ['a'.repeat(513), /more than 512 characters/],
  ])('refuses %s', (query, message) => {
    expect(() => parseQuery(query)).toThrow(message);
    expect(() => parseQuery(query)).toThrow(InvalidInputError);
  });

  it('takes any text without failing in another way', () => {
    const word = fc.constantFrom('a', '=', "'", 'AND', ' ', '5', 'EXISTS', '<', '>=', 'CONTAINS', 'é');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (parts) => {
        try {
          expect(parseQuery(parts.join('')).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('matches', () => {
  const attributes = toAttributes([
    ['t.who', 'alice'],
    ['t.who', 'bob'],
    ['t.n', '15'],
    ['t.coins', '5uremes'],
  ]);
  it.each([
    ["t.who='bob'", true],
    ["t.who='eve'", false],
    ["t.who='alice' AND t.who='bob'", true],
    ['t.n=15', true],
    ['t.n=16', false],
    ['t.n<16 AND t.n>14 AND t.n>=15 AND t.n<=15', true],
    ['t.n<15', false],
    ['t.n>15', false],
    ['t.coins>1', false],
    ['t.n EXISTS', true],
    ['t.m EXISTS', false],
    ["t.coins CONTAINS 'reme'", true],
    ["t.coins CONTAINS 'x'", false],
    ["t.none='x'", false],
  ])('%s', (query, expected) => {
    expect(matches(parseQuery(query), attributes)).toBe(expected);
  });
});
