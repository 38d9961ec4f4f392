import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { curve, nativeCurve } from '../../../../src/chain/app/curve.js';
import { portableCurve } from '../../../../src/chain/app/portable-curve.js';
import { isPubkey, verifySignature } from '../../../../src/chain/app/signature.js';
import { concatBytes, fromHex, toHex } from '../../../../src/protocol/bytes.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { testAccount } from '../../../app/harness.js';

const { Point } = secp256k1;
const ORDER = Point.Fn.ORDER;
const FIELD = Point.Fp.ORDER;
const HALF = ORDER >> 1n;
const bytes32 = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'));
const number = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

function sign(name: string, digest: Uint8Array): { pubkey: Uint8Array; r: bigint; s: bigint } {
  const { privkey, pubkey } = testAccount(name);
  const signature = secp256k1.sign(digest, privkey, { prehash: false, lowS: true, format: 'compact' });
  return { pubkey, r: number(signature.subarray(0, 32)), s: number(signature.subarray(32)) };
}

/** A key whose signature over any digest has the given r and s, with R = (x, even y). */
function keyFor(x: bigint, r: bigint, s: bigint, digest: Uint8Array): Uint8Array {
  const point = Point.fromBytes(concatBytes(Uint8Array.of(2), bytes32(x)));
  const inverse = Point.Fn.inv(r);
  const z = number(digest) % ORDER;
  const key = point.multiply(Point.Fn.mul(s, inverse)).add(Point.BASE.multiplyUnsafe(Point.Fn.mul(Point.Fn.neg(z), inverse)));
  return key.toBytes(true);
}

const native = nativeCurve();
if (native === undefined) console.warn('skipped: secp256k1 has no native build for this machine, so there is nothing to hold the portable curve against');

/** What both say, which must be one thing. */
function verdict(pubkey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const portable = verifySignature(pubkey, digest, signature, portableCurve);
  if (native !== undefined) expect(verifySignature(pubkey, digest, signature, native)).toBe(portable);
  return portable;
}

const digests = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.constantFrom(bytes32(0n), bytes32(1n), bytes32(ORDER - 1n), bytes32(ORDER), bytes32(ORDER + 1n), bytes32(2n ** 256n - 1n)),
);
const edges = fc.constantFrom(0n, 1n, 2n, HALF - 1n, HALF, HALF + 1n, ORDER - 1n, ORDER, ORDER + 1n, FIELD - 1n, FIELD, 2n ** 256n - 1n);
const scalars = fc.oneof(edges, fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }));

describe('the curve', () => {
  it('is the native one where there is one', () => {
    expect(curve.name).toBe(native === undefined ? 'portable' : 'native');
  });

  it('accepts a signature with low s only, in both implementations', () => {
    fc.assert(
      fc.property(digests, fc.nat(20), (digest, account) => {
        const { pubkey, r, s } = sign(`signer ${account}`, digest);
        const of = (value: bigint) => concatBytes(bytes32(r), bytes32(value));
        expect(verdict(pubkey, digest, of(s))).toBe(true);
        expect(verdict(pubkey, digest, of(ORDER - s))).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('gives the same verdict on a signature, a digest or a key with any bit changed', () => {
    fc.assert(
      fc.property(digests, fc.nat(20), fc.nat(33 * 8 + 32 * 8 + 64 * 8 - 1), (digest, account, bit) => {
        const { pubkey, r, s } = sign(`signer ${account}`, digest);
        const all = concatBytes(pubkey, digest, bytes32(r), bytes32(s));
        all[bit >> 3] = all[bit >> 3]! ^ (1 << (bit & 7));
        // Over a digest of zero a signature is by a key and its negative, which differ in the key's first bit.
        const isBoth = number(digest) % ORDER === 0n && bit === 0;
        expect(verdict(all.subarray(0, 33), all.subarray(33, 65), all.subarray(65))).toBe(isBoth);
      }),
      { numRuns: 200 },
    );
  });

  it('gives the same verdict on numbers at every edge, and on bytes that are no key or no signature', () => {
    const keys = fc.oneof(
      fc.nat(20).map((account) => testAccount(`signer ${account}`).pubkey),
      fc.tuple(fc.nat(7), scalars).map(([first, x]) => concatBytes(Uint8Array.of(first), bytes32(x))),
      fc.uint8Array({ maxLength: 66 }),
    );
    const signatures = fc.oneof(
      fc.tuple(scalars, scalars).map(([r, s]) => concatBytes(bytes32(r), bytes32(s))),
      fc.uint8Array({ maxLength: 66 }),
    );
    fc.assert(
      fc.property(keys, fc.oneof(digests, fc.uint8Array({ maxLength: 34 })), signatures, (pubkey, digest, signature) => {
        verdict(pubkey, digest, signature);
        if (native !== undefined) expect(isPubkey(pubkey, native)).toBe(isPubkey(pubkey, portableCurve));
      }),
      { numRuns: 500 },
    );
  });

  it('accepts what keys are made for: any r and s that are points and numbers in range', () => {
    fc.assert(
      fc.property(digests, fc.bigInt({ min: 1n, max: ORDER - 1n }), fc.oneof(fc.constantFrom(1n, 2n, HALF - 1n, HALF), fc.bigInt({ min: 1n, max: HALF })), (digest, secret, s) => {
        const { x } = Point.BASE.multiply(secret).toAffine();
        fc.pre(x % ORDER !== 0n);
        expect(verdict(keyFor(x, x % ORDER, s, digest), digest, concatBytes(bytes32(x % ORDER), bytes32(s)))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('takes r for both of its points where its x is above the order', () => {
    const digest = sha256(Uint8Array.of(1));
    let found = 0;
    for (let r = 1n; found < 5; r++) {
      const x = ORDER + r;
      if (!secp256k1.utils.isValidPublicKey(concatBytes(Uint8Array.of(2), bytes32(x)), true)) continue;
      found++;
      expect(verdict(keyFor(x, r, HALF, digest), digest, concatBytes(bytes32(r), bytes32(HALF)))).toBe(true);
    }
  });
});
