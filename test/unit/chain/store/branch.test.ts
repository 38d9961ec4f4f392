import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Branch, BranchStore, StoreReader } from '../../../../src/chain/store/branch.js';
import { type Reader, keyOf } from '../../../../src/chain/store/database.js';
import { compareBytes, utf8 } from '../../../../src/protocol/bytes.js';

const EMPTY: Reader = { get: () => undefined };
const key = (text: string): Uint8Array => utf8(text);

describe('a branch', () => {
  it('shows its own changes over those of its parents, and keeps them to itself', () => {
    const block = new Branch(EMPTY);
    new BranchStore(block, 'bank').set(key('a'), key('1'));
    const tx = new Branch(block);
    const bank = new BranchStore(tx, 'bank');
    expect(bank.get(key('a'))).toEqual(key('1'));
    bank.set(key('a'), key('2'));
    bank.delete(key('b'));
    expect(bank.get(key('a'))).toEqual(key('2'));
    expect(new StoreReader(block, 'bank').get(key('a'))).toEqual(key('1'));
    bank.delete(key('a'));
    expect(bank.get(key('a'))).toBeUndefined();
    tx.mergeInto(block);
    expect(new StoreReader(block, 'bank').get(key('a'))).toBeUndefined();
  });

  it('merges into its own parent only', () => {
    const block = new Branch(EMPTY);
    expect(() => new Branch(EMPTY).mergeInto(block)).toThrow('its own parent only');
  });

  it('keeps stores apart, whatever their names and keys', () => {
    const branch = new Branch(EMPTY);
    new BranchStore(branch, 'a').set(key('bc'), key('1'));
    expect(new BranchStore(branch, 'ab').get(key('c'))).toBeUndefined();
    for (const name of ['', 'Bank', 'bank/x', 'a'.repeat(33), 'é']) expect(() => new BranchStore(branch, name)).toThrow('bad store name');
  });

  it('gives its changes in the order of their bytes, stores by length of name, then name', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'bank', 'auth'), fc.uint8Array({ maxLength: 6 })), { maxLength: 50 }), (writes) => {
        const branch = new Branch(EMPTY);
        for (const [store, id] of writes) new BranchStore(branch, store).set(id, id);
        const keys = branch.changes().map((change) => Buffer.from(change.key, 'latin1'));
        expect(keys).toEqual([...keys].sort(compareBytes));
        expect(new Set(keys.map((bytes) => keyOf(bytes))).size).toBe(keys.length);
      }),
      { numRuns: 200 },
    );
  });

  it('is what a plain map would be, over any nesting of branches that are merged or dropped', () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('set' as const), id: fc.nat(5), value: fc.nat(9) }),
      fc.record({ op: fc.constant('delete' as const), id: fc.nat(5) }),
      fc.record({ op: fc.constantFrom('open' as const, 'merge' as const, 'drop' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const branches = [new Branch(EMPTY)];
        const models = [new Map<number, number>()];
        for (const s of steps) {
          const branch = branches.at(-1)!;
          const model = models.at(-1)!;
          const store = new BranchStore(branch, 'm');
          if (s.op === 'set') {
            store.set(Uint8Array.of(s.id), Uint8Array.of(s.value));
            model.set(s.id, s.value);
          } else if (s.op === 'delete') {
            store.delete(Uint8Array.of(s.id));
            model.delete(s.id);
          } else if (s.op === 'open') {
            branches.push(new Branch(branch));
            models.push(new Map(model));
          } else if (branches.length > 1) {
            branches.pop();
            const top = models.pop()!;
            if (s.op === 'merge') {
              branch.mergeInto(branches.at(-1)!);
              models[models.length - 1] = top;
            }
          }
          const seen = new BranchStore(branches.at(-1)!, 'm');
          for (let id = 0; id <= 5; id++) expect(seen.get(Uint8Array.of(id))?.[0]).toBe(models.at(-1)!.get(id));
        }
      }),
      { numRuns: 200 },
    );
  });
});
