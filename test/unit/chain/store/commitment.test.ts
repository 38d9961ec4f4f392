import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { chainedCommitment } from '../../../../src/chain/store/commitment.js';
import type { Change } from '../../../../src/chain/store/database.js';
import { concatBytes, toHex, u32be, u64be, utf8 } from '../../../../src/protocol/bytes.js';
import { sha256 } from '../../../../src/protocol/hash.js';

const { empty } = chainedCommitment;
const root = (changes: readonly Change[], height = 1n, previous = empty): string => toHex(chainedCommitment.next(previous, height, changes));

const anyChanges = fc.array(
  fc.record({ key: fc.string({ maxLength: 4, unit: 'binary-ascii' }), value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }) }),
  { maxLength: 4 },
);

describe('the chained commitment', () => {
  it('is the hash that docs/protocol.md describes', () => {
    const changes = [
      { key: '\x01\x01ak', value: utf8('v') },
      { key: '\x01\x01al', value: undefined },
    ];
    const prefixed = (bytes: Uint8Array): Uint8Array => concatBytes(u32be(bytes.length), bytes);
    const encoded = concatBytes(
      concatBytes(Uint8Array.of(1), prefixed(utf8('\x01\x01ak')), prefixed(utf8('v'))),
      concatBytes(Uint8Array.of(0), prefixed(utf8('\x01\x01al'))),
    );
    const expected = sha256(concatBytes(...[utf8('r3mes/v1/state'), empty, u64be(3n), u64be(2n), encoded].map(prefixed)));
    expect(root(changes, 3n)).toBe(toHex(expected));
  });

  it('differs for any two histories', () => {
    fc.assert(
      fc.property(anyChanges, anyChanges, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(root(a) === root(b)).toBe(same);
      }),
      { numRuns: 500 },
    );
    expect(root([], 1n)).not.toBe(root([], 2n));
    expect(root([], 1n)).not.toBe(root([], 1n, new Uint8Array(32).fill(1)));
    expect(root([{ key: 'a', value: new Uint8Array() }])).not.toBe(root([{ key: 'a', value: undefined }]));
  });
});
