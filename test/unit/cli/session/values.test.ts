import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { gasPriceMicro, parseArgument, parseGas, parseMoney, parseSubject, parseTxHash } from '../../../../src/cli/session/values.js';
import { remes } from '../../../../src/cli/devnet/names.js';
import { MAX_AMOUNT } from '../../../../src/protocol/coins.js';
import { SubjectKind } from '../../../../src/protocol/gen/remes/remes/v1/challenge.js';

describe('amounts', () => {
  it.each([
    ['1500000', 1_500_000n],
    ['1500000uremes', 1_500_000n],
    ['1.5remes', 1_500_000n],
    ['1.5REMES', 1_500_000n],
    ['0.000001remes', 1n],
    ['0', 0n],
    ['1remes', 1_000_000n],
    [`${MAX_AMOUNT}`, MAX_AMOUNT],
  ])('reads %s', (text, amount) => expect(parseMoney(text)).toBe(amount));

  it.each(['', '-1', '1.5', '01', '1.0000001remes', '.5remes', '1.remes', '1e3', '1 remes', '1,5remes', 'remes', '0x1', 'NaN', '1.5uremes', '1remesremes', `${MAX_AMOUNT + 1n}`, `${MAX_AMOUNT}remes`])(
    'refuses %j',
    (text) => expect(() => parseMoney(text)).toThrow(/expected an amount/),
  );

  it('reads back what is shown', () => {
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 30n), (amount) => parseMoney(remes(amount).replace(' ', '')) === amount));
  });
});

describe('other values', () => {
  it('reads subjects, hashes, gas and prices', () => {
    expect(parseSubject('gradient/12')).toEqual({ kind: SubjectKind.GRADIENT, id: 12n });
    expect(parseSubject('12')).toEqual({ kind: SubjectKind.GRADIENT, id: 12n });
    expect(parseSubject('aggregation:3')).toEqual({ kind: SubjectKind.AGGREGATION, id: 3n });
    expect(parseTxHash(`0x${'ab'.repeat(32)}`)).toBe('AB'.repeat(32));
    expect(parseGas('auto')).toBe('auto');
    expect(parseGas('200000')).toBe(200_000n);
    expect(gasPriceMicro('0.0025uremes')).toBe(2500n);
    expect(gasPriceMicro('3uremes')).toBe(3_000_000n);
  });

  it.each([
    [() => parseSubject('window/3'), /expected a subject, got "window\/3"/],
    [() => parseSubject('gradient/'), /expected a subject/],
    [() => parseTxHash('ab'), /expected a hash of 64 hexadecimal digits/],
    [() => parseGas('0'), /expected auto or a gas limit above 0/],
    [() => parseArgument('AMOUNT', 'x', parseMoney), /AMOUNT: expected an amount/],
  ])('refuses %#', (parse, message) => expect(parse).toThrow(message));
});
