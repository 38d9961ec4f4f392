import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromHex, toHex } from '../../../src/protocol/bytes.js';
import { vrfProve, vrfPublicKey, vrfVerify } from '../../../src/protocol/vrf.js';

interface Vectors {
  valid: { name: string; secret: string; publicKey: string; alpha: string; proof: string; output: string }[];
  invalid: { name: string; publicKey: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/vrf/rfc9381-edwards25519-sha512-tai.json', import.meta.url), 'utf8'),
) as Vectors;

describe('VRF', () => {
  it.each(vectors.valid)('reproduces RFC 9381 $name', (v) => {
    expect(toHex(vrfPublicKey(fromHex(v.secret)))).toBe(v.publicKey);
    const made = vrfProve(fromHex(v.secret), fromHex(v.alpha));
    expect(toHex(made.proof)).toBe(v.proof);
    expect(toHex(made.output)).toBe(v.output);
    expect(toHex(vrfVerify(fromHex(v.publicKey), fromHex(v.alpha), fromHex(v.proof)) ?? new Uint8Array())).toBe(v.output);
  });

  it.each(vectors.invalid)('refuses a $name', (v) => {
    const proof = fromHex(vectors.valid[0]!.proof);
    expect(vrfVerify(fromHex(v.publicKey), new Uint8Array(), proof)).toBeUndefined();
  });

  it('refuses every proof with one bit changed, another input and another key', () => {
    const secret = new Uint8Array(32).fill(7);
    const key = vrfPublicKey(secret);
    const alpha = Uint8Array.of(1, 2, 3);
    const { proof } = vrfProve(secret, alpha);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: proof.length * 8 - 1 }), (bit) => {
        const changed = proof.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(vrfVerify(key, alpha, changed)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
    expect(vrfVerify(key, Uint8Array.of(1, 2), proof)).toBeUndefined();
    expect(vrfVerify(vrfPublicKey(new Uint8Array(32).fill(8)), alpha, proof)).toBeUndefined();
  });

  it('refuses s that is not reduced, wrong lengths and secrets of another size', () => {
    const secret = new Uint8Array(32).fill(9);
    const { proof } = vrfProve(secret, new Uint8Array());
    const unreduced = proof.slice();
    unreduced.fill(0xff, 48);
    expect(vrfVerify(vrfPublicKey(secret), new Uint8Array(), unreduced)).toBeUndefined();
    expect(vrfVerify(vrfPublicKey(secret), new Uint8Array(), proof.subarray(1))).toBeUndefined();
    expect(vrfVerify(new Uint8Array(31), new Uint8Array(), proof)).toBeUndefined();
    expect(() => vrfProve(new Uint8Array(31), new Uint8Array())).toThrow(/32 bytes, got 31/);
  });
});
