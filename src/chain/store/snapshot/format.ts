/**
 * The bytes of a snapshot: per store, in order of names, its name, the number of its leaves and its nodes, children before
 * parents. A leaf is 0, version, key, value; an inner node its height and version, for everything else follows. Numbers of
 * nodes are left out, so that every node of the network makes the same bytes. The stream is cut into chunks of equal length.
 */
import { uvarintBytes, writeUvarint } from '../tree/encoding.js';
import type { TreeNode } from '../tree/node.js';

export const SNAPSHOT_FORMAT = 1;
/** Below CometBFT's 10 MB for a chunk on the wire, and small beside the memory of a node. */
export const CHUNK_BYTES = 2 * 1024 * 1024;

export function encodeStoreHead(name: string, leaves: number): Uint8Array {
  const out = Buffer.allocUnsafe(1 + name.length + uvarintBytes(leaves));
  out[0] = name.length;
  writeUvarint(out, 1 + out.write(name, 1, 'latin1'), leaves);
  return out;
}

export function encodeLeaf({ version, key }: TreeNode, value: Uint8Array): Uint8Array {
  const head = 1 + uvarintBytes(version) + uvarintBytes(key.length) + key.length + uvarintBytes(value.length);
  const out = Buffer.allocUnsafe(head + value.length);
  out[0] = 0;
  let at = writeUvarint(out, 1, version);
  at = writeUvarint(out, at, key.length);
  at += out.write(key, at, 'latin1');
  out.set(value, writeUvarint(out, at, value.length));
  return out;
}

export function encodeInnerNode({ height, version }: TreeNode): Uint8Array {
  const out = Buffer.allocUnsafe(1 + uvarintBytes(version));
  out[0] = height;
  writeUvarint(out, 1, version);
  return out;
}
