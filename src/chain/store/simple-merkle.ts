/** The tree over the stores' roots: leaves in order of names, each the name and SHA-256 of the store's root behind their lengths. */
import { concatBytes } from '../../protocol/bytes.js';
import { merkleProof, merkleRoot } from '../../protocol/merkle.js';
import { HASH_BYTES, type HashText, hashBytes } from './tree/encoding.js';

export interface StoreHash {
  readonly name: string;
  readonly hash: HashText;
}

export const hashOf = (text: HashText): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

function leafOf({ name, hash }: StoreHash): Uint8Array {
  const text = Buffer.from(name, 'latin1');
  return concatBytes(Uint8Array.of(text.length), text, Uint8Array.of(HASH_BYTES), hashOf(hashBytes(hashOf(hash))));
}

/** @param stores in order of names. */
export function simpleMerkleRoot(stores: readonly StoreHash[]): Uint8Array {
  return merkleRoot(stores.map(leafOf));
}

/** Hashes beside the path from store number `index` to the root, and on which side of it they stand. */
export function simpleMerklePath(stores: readonly StoreHash[], index: number): { hash: Uint8Array; isLeft: boolean }[] {
  const hashes = merkleProof(stores.map(leafOf), index);
  const isLeft: boolean[] = [];
  for (let at = index, count = stores.length; count > 1; ) {
    let split = 1;
    while (split * 2 < count) split *= 2;
    const goesRight = at >= split;
    isLeft.unshift(goesRight);
    if (goesRight) at -= split;
    count = goesRight ? count - split : split;
  }
  return hashes.map((hash, i) => ({ hash, isLeft: isLeft[i] === true }));
}
