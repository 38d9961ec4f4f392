import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromHex, toHex } from '../../../src/protocol/bytes.js';
import { merkleLeaf, merkleProof, merkleRoot, possessionRoot, verifyMerkleProof } from '../../../src/protocol/merkle.js';

/** MTH of RFC 6962 section 2.1, written from its recursive definition. */
function reference(leaves: readonly Uint8Array[]): Buffer {
  const h = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  if (leaves.length === 0) return h();
  if (leaves.length === 1) return h(Uint8Array.of(0), leaves[0]!);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return h(Uint8Array.of(1), reference(leaves.slice(0, k)), reference(leaves.slice(k)));
}

/** Certificate Transparency's published test leaves and the roots over their first n. */
const CT_LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(fromHex);
const CT_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leavesArb = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 40 });

describe('Merkle tree of RFC 6962', () => {
  it.each(CT_ROOTS.map((root, i) => ({ root, count: i + 1 })))('gives the published root of $count leaves', ({ root, count }) => {
    expect(toHex(merkleRoot(CT_LEAVES.slice(0, count)))).toBe(root);
  });

  it('equals the recursive definition, and every proof verifies', () => {
    fc.assert(
      fc.property(leavesArb, fc.nat(), (leaves, n) => {
        const root = merkleRoot(leaves);
        expect(toHex(root)).toBe(reference(leaves).toString('hex'));
        const index = n % leaves.length;
        const proof = merkleProof(leaves, index);
        expect(verifyMerkleProof(root, leaves[index]!, index, leaves.length, proof)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses another leaf, index, count, or a changed, longer or shorter proof', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uint8Array({ maxLength: 8 }), { minLength: 2, maxLength: 20, selector: toHex }), fc.nat(), (leaves, n) => {
        const index = n % leaves.length;
        const root = merkleRoot(leaves);
        const proof = merkleProof(leaves, index);
        const other = (index + 1) % leaves.length;
        expect(verifyMerkleProof(root, leaves[other]!, index, leaves.length, proof)).toBe(false);
        expect(verifyMerkleProof(root, leaves[index]!, other, leaves.length, proof)).toBe(false);
        expect(verifyMerkleProof(root, leaves[index]!, index, leaves.length, [...proof, root])).toBe(false);
        expect(verifyMerkleProof(root, leaves[index]!, index, leaves.length, proof.slice(1))).toBe(false);
        expect(verifyMerkleProof(root, leaves[index]!, index, leaves.length, [proof[0]!.subarray(1), ...proof.slice(1)])).toBe(false);
        expect(verifyMerkleProof(root, leaves[index]!, leaves.length, leaves.length, proof)).toBe(false);
        const changed = proof.map((p) => p.slice());
        changed[0]![0]! ^= 1;
        expect(verifyMerkleProof(root, leaves[index]!, index, leaves.length, changed)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('says which leaf was asked for', () => {
    expect(() => merkleProof([new Uint8Array()], 1)).toThrow(/below 1, got 1/);
  });

  it('takes possession roots over 256-byte leaves, the last one shorter', () => {
    const payload = new Uint8Array(600).map((_, i) => i & 0xff);
    expect(possessionRoot(payload)).toEqual(merkleRoot([payload.subarray(0, 256), payload.subarray(256, 512), payload.subarray(512)]));
    expect(possessionRoot(new Uint8Array(5))).toEqual(merkleLeaf(new Uint8Array(5)));
  });
});
