import { ByteReader, HASH_BYTES, type HashText, uvarintBytes, writeUvarint } from './encoding.js';

/**
 * A node of the tree. A leaf is complete as it stands: its value lies elsewhere. An inner node whose children are not
 * in memory is a stub: `key` is then the least key below it, which the left child needs once it is read.
 */
export class TreeNode {
  /** Of a leaf its own key; of an inner node the least key of its right subtree, or of all of it where it is a stub. */
  key: string;
  /** 0 for a leaf. */
  height: number;
  /** Leaves below. */
  size: number;
  /** Block that made the node. */
  version: number;
  /** Number within the store and version, from 1 in preorder; 0 until the block is sealed. */
  nonce: number;
  /** Empty until the block is sealed, for an inner node. */
  hash: HashText;
  left: TreeNode | undefined;
  right: TreeNode | undefined;
  /** Whether it was passed since the cache last looked. */
  used = true;

  constructor(key: string, height: number, size: number, version: number, nonce: number, hash: HashText) {
    this.key = key;
    this.height = height;
    this.size = size;
    this.version = version;
    this.nonce = nonce;
    this.hash = hash;
    this.left = undefined;
    this.right = undefined;
  }
}

/** A node that must be there: an inner node has two children once it is loaded. */
export function child(node: TreeNode | undefined): TreeNode {
  if (node === undefined) throw new Error('a tree node was used before it was loaded');
  return node;
}

/** Bytes that point to a node: version, number, height, hash. Its size follows from what surrounds it. */
function referenceBytes(node: TreeNode): number {
  return uvarintBytes(node.version) + uvarintBytes(node.nonce) + 1 + HASH_BYTES;
}

function writeReference(out: Buffer, at: number, node: TreeNode): number {
  at = writeUvarint(out, at, node.version);
  at = writeUvarint(out, at, node.nonce);
  out[at++] = node.height;
  return at + out.write(node.hash, at, 'latin1');
}

function readReference(reader: ByteReader, size: number, key: string): TreeNode {
  const version = reader.uvarint();
  const nonce = reader.uvarint();
  const height = reader.byte();
  return new TreeNode(key, height, size, version, nonce, reader.text(HASH_BYTES));
}

/** What lies on the disk of an inner node: height, size of the left subtree, key, both children. */
export function encodeInner(node: TreeNode): Uint8Array {
  const left = child(node.left);
  const right = child(node.right);
  const out = Buffer.allocUnsafe(
    1 + uvarintBytes(left.size) + uvarintBytes(node.key.length) + node.key.length + referenceBytes(left) + referenceBytes(right),
  );
  out[0] = node.height;
  let at = writeUvarint(out, 1, left.size);
  at = writeUvarint(out, at, node.key.length);
  at += out.write(node.key, at, 'latin1');
  writeReference(out, writeReference(out, at, left), right);
  return out;
}

/** Turns a stub into a node with children. @returns false where the bytes are no such node. */
export function loadInner(stub: TreeNode, bytes: Uint8Array): boolean {
  const reader = new ByteReader(bytes);
  const height = reader.byte();
  const leftSize = reader.uvarint();
  const key = reader.text(reader.uvarint());
  const left = readReference(reader, leftSize, stub.key);
  const right = readReference(reader, stub.size - leftSize, key);
  if (reader.failed || reader.left !== 0 || height !== stub.height || leftSize < 1 || right.size < 1) return false;
  stub.key = key;
  stub.left = left;
  stub.right = right;
  return true;
}

/** The least key below a node, whether or not its children are in memory. */
export function leastKey(node: TreeNode): string {
  let at = node;
  while (at.left !== undefined) at = at.left;
  return at.key;
}

/** A replaced leaf's value, kept for the versions that still have it: 0, key, value. */
export function encodeOldLeaf(key: string, value: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(1 + uvarintBytes(key.length) + key.length + value.length);
  out[0] = 0;
  let at = writeUvarint(out, 1, key.length);
  at += out.write(key, at, 'latin1');
  out.set(value, at);
  return out;
}

/** Nothing for an inner node. */
export function decodeOldLeaf(bytes: Uint8Array): { key: string; value: Uint8Array } | undefined {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== 0) return undefined;
  const key = reader.text(reader.uvarint());
  return { key, value: reader.bytes(reader.left) };
}
