import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Counter, HeightQueue, NumberList, Table, TextSet, type KeyPart } from '../../../../src/chain/modules/collections.js';
import { compareBytes, toHex } from '../../../../src/protocol/bytes.js';
import { Beacon } from '../../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { contextAt } from './kit.js';

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const u32 = fc.nat(0xffffffff);

/** The bytes of a key, as they reach the store. */
function keyBytes(...key: readonly KeyPart[]): Uint8Array {
  let seen: Uint8Array | undefined;
  const reader = { get: (bytes: Uint8Array) => void (seen = bytes) };
  new Counter({ store: 'x', prefix: 7 }).get({ block: contextAt(1n).block, reader: () => reader }, ...key);
  if (seen === undefined) throw new Error('nothing was read');
  return seen;
}

describe('keys', () => {
  it('begin with the prefix of their collection and sort as their numbers do', () => {
    expect(toHex(keyBytes(1n, 2, 'ab', Uint8Array.of(9)))).toBe('07' + '0000000000000001' + '00000002' + '00000002' + '6162' + '00000001' + '09');
    fc.assert(
      fc.property(u64, u64, u32, u32, (a, b, c, d) => {
        const byNumber = a < b ? -1 : a > b ? 1 : c - d;
        expect(Math.sign(compareBytes(keyBytes(a, c), keyBytes(b, d)))).toBe(Math.sign(byNumber));
      }),
      { numRuns: 300 },
    );
  });

  it('of texts and bytes carry their lengths: no two keys of a form are the same', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), (a, b, c, d) => {
        expect(toHex(keyBytes(a, b)) === toHex(keyBytes(c, d))).toBe(a === c && b === d);
      }),
      { numRuns: 300 },
    );
  });

  it('refuse numbers that do not fit', () => {
    for (const part of [-1n, 1n << 64n, -1, 1.5, 2 ** 32]) expect(() => keyBytes(part)).toThrow(/expected an unsigned (64|32)-bit integer/);
  });
});

describe('a table and a counter', () => {
  it('keep one value a key and forget what is deleted or zero', () => {
    const ctx = contextAt(1n);
    const table = new Table({ store: 'x', prefix: 1 }, Beacon);
    table.set(ctx, { height: 5n, value: Uint8Array.of(1) }, 'a');
    expect(table.get(ctx, 'a')).toEqual({ height: 5n, value: Uint8Array.of(1) });
    expect(table.get(ctx, 'b')).toBeUndefined();
    table.delete(ctx, 'a');
    expect(table.get(ctx, 'a')).toBeUndefined();

    const counter = new Counter({ store: 'x', prefix: 2 });
    expect(counter.add(ctx, 7n, 'a')).toBe(7n);
    expect(counter.add(ctx, -7n, 'a')).toBe(0n);
    expect(ctx.branch.changes().filter((c) => c.value !== undefined)).toEqual([]);
    expect(() => counter.add(ctx, -1n, 'a')).toThrow(/unsigned 64-bit/);
  });
});

describe('a list of numbers', () => {
  it('gives back what was pushed, in order, apart by key', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b'), u64), { maxLength: 30 }), (pushes) => {
        const ctx = contextAt(1n);
        const list = new NumberList({ store: 'x', prefix: 1 });
        for (const [key, value] of pushes) list.push(ctx, value, key);
        for (const key of ['a', 'b']) {
          const expected = pushes.filter(([k]) => k === key).map(([, value]) => value);
          expect(list.values(ctx, key)).toEqual(expected);
          expect(list.length(ctx, key)).toBe(BigInt(expected.length));
          expect(list.at(ctx, 0n, key)).toBe(expected[0]);
        }
        list.clear(ctx, 'a');
        expect(list.values(ctx, 'a')).toEqual([]);
        expect(list.values(ctx, 'b')).toHaveLength(pushes.filter(([k]) => k === 'b').length);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a set of texts', () => {
  it('holds what a set of the language holds, whatever is added and removed', () => {
    const step = fc.tuple(fc.boolean(), fc.constantFrom('a', 'bb', 'ccc', 'd', 'ë', ''));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ctx = contextAt(1n);
        const set = new TextSet({ store: 'x', prefix: 1 });
        const model = new Set<string>();
        for (const [isAdded, text] of steps) {
          if (isAdded) {
            set.add(ctx, text, 1);
            model.add(text);
          } else {
            set.remove(ctx, text, 1);
            model.delete(text);
          }
          expect(set.values(ctx, 1).sort()).toEqual([...model].sort());
          expect(set.size(ctx, 1)).toBe(BigInt(model.size));
          for (const one of ['a', 'bb', '']) expect(set.has(ctx, one, 1)).toBe(model.has(one));
        }
        for (const text of model) set.remove(ctx, text, 1);
        // An empty set leaves nothing behind.
        expect(ctx.branch.changes().filter((c) => c.value !== undefined)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a queue by height', () => {
  it('gives once what was pushed for a height', () => {
    const ctx = contextAt(1n);
    const queue = new HeightQueue({ store: 'x', prefix: 1 });
    queue.push(ctx, 5n, 1n);
    queue.push(ctx, 5n, 2n);
    queue.push(ctx, 6n, 3n);
    expect(queue.drain(ctx, 4n)).toEqual([]);
    expect(queue.drain(ctx, 5n)).toEqual([1n, 2n]);
    expect(queue.drain(ctx, 5n)).toEqual([]);
    expect(queue.drain(ctx, 6n)).toEqual([3n]);
    expect(ctx.branch.changes().filter((c) => c.value !== undefined)).toEqual([]);
  });
});
