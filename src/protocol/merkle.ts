/**
 * Merkle trees of RFC 6962: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), the left subtree holds the
 * largest power of two of leaves that is smaller than their number. The tree of nothing is SHA-256 of nothing.
 */
import { equalBytes } from './bytes.js';
import { InvalidInputError } from './errors.js';
import { sha256 } from './hash.js';

const EMPTY_ROOT = sha256(new Uint8Array());

/** Bytes of payload behind one leaf of a possession tree (docs/protocol.md). */
export const POSSESSION_LEAF_BYTES = 256;

export function merkleLeaf(data: Uint8Array): Uint8Array {
  const input = new Uint8Array(data.length + 1);
  input.set(data, 1);
  return sha256(input);
}

function merkleNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + left.length + right.length);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + left.length);
  return sha256(input);
}

function splitPoint(count: number): number {
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
}

/** Grows a root leaf by leaf in O(log n) memory; complete subtrees wait on a stack. */
export class MerkleAccumulator {
  readonly #stack: { hash: Uint8Array; leaves: number }[] = [];

  /** Appends the hash of the next leaf (see `merkleLeaf`). */
  push(leafHash: Uint8Array): void {
    let node = { hash: leafHash, leaves: 1 };
    for (let top = this.#stack.at(-1); top?.leaves === node.leaves; top = this.#stack.at(-1)) {
      this.#stack.pop();
      node = { hash: merkleNode(top.hash, node.hash), leaves: top.leaves * 2 };
    }
    this.#stack.push(node);
  }

  root(): Uint8Array {
    let node = this.#stack.at(-1)?.hash;
    if (node === undefined) return EMPTY_ROOT;
    for (let i = this.#stack.length - 2; i >= 0; i--) {
      const left = this.#stack[i];
      if (left !== undefined) node = merkleNode(left.hash, node);
    }
    return node;
  }
}

export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new MerkleAccumulator();
  for (const leaf of leaves) tree.push(merkleLeaf(leaf));
  return tree.root();
}

function rootOfHashes(hashes: readonly Uint8Array[]): Uint8Array {
  const tree = new MerkleAccumulator();
  for (const h of hashes) tree.push(h);
  return tree.root();
}

/** Sibling hashes from the leaf up. @throws InvalidInputError for an index outside the tree. */
export function merkleProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
    throw new InvalidInputError(`expected a leaf index below ${leaves.length}, got ${index}`);
  }
  const walk = (hashes: readonly Uint8Array[], at: number): Uint8Array[] => {
    if (hashes.length <= 1) return [];
    const k = splitPoint(hashes.length);
    return at < k
      ? [...walk(hashes.slice(0, k), at), rootOfHashes(hashes.slice(k))]
      : [...walk(hashes.slice(k), at - k), rootOfHashes(hashes.slice(0, k))];
  };
  return walk(leaves.map(merkleLeaf), index);
}

/** Whether `leaf` is number `index` of the `count` leaves below `root`. */
export function verifyMerkleProof(
  root: Uint8Array,
  leaf: Uint8Array,
  index: number,
  count: number,
  proof: readonly Uint8Array[],
): boolean {
  if (!Number.isInteger(index) || index < 0 || index >= count) return false;
  // Sides from the leaf up, found by walking from the root down.
  const leftSides: boolean[] = [];
  for (let at = index, n = count; n > 1; ) {
    const k = splitPoint(n);
    const isLeft = at < k;
    leftSides.unshift(isLeft);
    if (isLeft) n = k;
    else {
      at -= k;
      n -= k;
    }
  }
  if (proof.length !== leftSides.length) return false;
  let hash = merkleLeaf(leaf);
  for (const [i, sibling] of proof.entries()) {
    if (sibling.length !== 32) return false;
    hash = leftSides[i] === true ? merkleNode(hash, sibling) : merkleNode(sibling, hash);
  }
  return equalBytes(hash, root);
}

/** Root over 256-byte leaves of a payload, the last one shorter: what a proof of possession opens. */
export function possessionRoot(payload: Uint8Array): Uint8Array {
  const tree = new MerkleAccumulator();
  for (let at = 0; at < payload.length; at += POSSESSION_LEAF_BYTES) {
    tree.push(merkleLeaf(payload.subarray(at, at + POSSESSION_LEAF_BYTES)));
  }
  return tree.root();
}
