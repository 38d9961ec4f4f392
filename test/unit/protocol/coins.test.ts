import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MAX_AMOUNT, coin, coins, formatAmount, oneCoin, parseAmount, positiveCoin } from '../../../src/protocol/coins.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';

const amounts = fc.bigInt({ min: 0n, max: MAX_AMOUNT });

describe('amounts', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(amounts, (amount) => {
        expect(parseAmount(amount.toString())).toBe(amount);
      }),
      { numRuns: 300 },
    );
    expect(parseAmount(coin(MAX_AMOUNT).amount)).toBe(MAX_AMOUNT);
  });

  it.each(['', '-1', '+1', '1.5', '1e3', '0x10', ' 1', '1 ', '01', '00', 'ten', '٣', '1uremes', '9'.repeat(40)])('refuse %j', (text) => {
    expect(() => parseAmount(text)).toThrow(InvalidInputError);
  });

  it('end below 2^127', () => {
    expect(() => parseAmount((MAX_AMOUNT + 1n).toString())).toThrow('at most 170141183460469231731687303715884105727');
    expect(() => coin(MAX_AMOUNT + 1n)).toThrow(InvalidInputError);
    expect(() => coin(-1n)).toThrow(InvalidInputError);
  });
});

describe('coins', () => {
  it('are shown with their denom, and zero as no coin', () => {
    expect(formatAmount(5n)).toBe('5uremes');
    expect(coins(0n)).toEqual([]);
    expect(coins(7n)).toEqual([{ denom: 'uremes', amount: '7' }]);
  });

  it('must be exactly one, positive and ours', () => {
    expect(oneCoin([{ denom: 'uremes', amount: '7' }], 'amount')).toBe(7n);
    expect(() => oneCoin([], 'amount')).toThrow('amount: expected exactly one coin of uremes, got 0');
    expect(() => oneCoin([coin(1n), coin(1n)], 'amount')).toThrow('got 2');
    expect(() => oneCoin([{ denom: 'uatom', amount: '7' }], 'bond')).toThrow('bond: expected denom uremes, got "uatom"');
    expect(() => oneCoin([coin(0n)], 'amount')).toThrow('above 0');
    expect(() => oneCoin([{ denom: 'uremes', amount: '-7' }], 'amount')).toThrow(InvalidInputError);
    expect(() => positiveCoin(undefined, 'fee')).toThrow('fee: expected a coin of uremes, got none');
  });
});
