/** What a block leaves beside its nodes: the roots of all stores, and which nodes it replaced. */
import { ByteReader, EMPTY_HASH, HASH_BYTES, type HashText, uvarintBytes, writeUvarint } from './tree/encoding.js';
import { TreeNode, leastKey } from './tree/node.js';

/** Roots of all stores by name, nothing for a store that became empty. A store is there from its first write on. */
export type Roots = ReadonlyMap<string, TreeNode | undefined>;

export interface NodeId {
  readonly version: number;
  readonly nonce: number;
}

/** Names of stores in order of bytes. */
export function storeNames(stores: ReadonlyMap<string, unknown>): string[] {
  return [...stores.keys()].sort();
}

export function rootHash(root: TreeNode | undefined): HashText {
  return root?.hash ?? EMPTY_HASH;
}

class ByteWriter {
  #out = Buffer.allocUnsafe(1024);
  #at = 0;

  uvarint(value: number): void {
    this.#reserve(uvarintBytes(value));
    this.#at = writeUvarint(this.#out, this.#at, value);
  }

  /** Bytes without their length. */
  text(value: string): void {
    this.#reserve(value.length);
    this.#at += this.#out.write(value, this.#at, 'latin1');
  }

  finish(): Uint8Array {
    return this.#out.subarray(0, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafe((this.#at + bytes) * 2);
    this.#out.copy(larger, 0, 0, this.#at);
    this.#out = larger;
  }
}

/** Number of stores, then per store: name, size and, unless it is empty, version, number, height, hash and least key. */
export function encodeRoots(roots: Roots): Uint8Array {
  const out = new ByteWriter();
  out.uvarint(roots.size);
  for (const name of storeNames(roots)) {
    out.uvarint(name.length);
    out.text(name);
    const root = roots.get(name);
    out.uvarint(root?.size ?? 0);
    if (root === undefined) continue;
    out.uvarint(root.version);
    out.uvarint(root.nonce);
    out.uvarint(root.height);
    out.text(root.hash);
    const least = leastKey(root);
    out.uvarint(least.length);
    out.text(least);
  }
  return out.finish();
}

/** Nothing where the bytes are no such record. */
export function decodeRoots(bytes: Uint8Array): Roots | undefined {
  const reader = new ByteReader(bytes);
  const roots = new Map<string, TreeNode | undefined>();
  const count = reader.uvarint();
  for (let i = 0; i < count && !reader.failed; i++) {
    const name = reader.text(reader.uvarint());
    const size = reader.uvarint();
    if (size === 0) {
      roots.set(name, undefined);
      continue;
    }
    const version = reader.uvarint();
    const nonce = reader.uvarint();
    const height = reader.uvarint();
    const hash = reader.text(HASH_BYTES);
    roots.set(name, new TreeNode(reader.text(reader.uvarint()), height, size, version, nonce, hash));
  }
  return reader.failed || reader.left !== 0 ? undefined : roots;
}

/** Per store: name, number of nodes, and of each its version and number. */
export function encodeOrphans(orphans: ReadonlyMap<string, readonly NodeId[]>): Uint8Array {
  const out = new ByteWriter();
  for (const name of storeNames(orphans)) {
    const nodes = orphans.get(name) ?? [];
    out.uvarint(name.length);
    out.text(name);
    out.uvarint(nodes.length);
    for (const { version, nonce } of nodes) {
      out.uvarint(version);
      out.uvarint(nonce);
    }
  }
  return out.finish();
}

/** Nothing where the bytes are no such record. */
export function decodeOrphans(bytes: Uint8Array): Map<string, NodeId[]> | undefined {
  const reader = new ByteReader(bytes);
  const orphans = new Map<string, NodeId[]>();
  while (reader.left > 0 && !reader.failed) {
    const nodes: NodeId[] = [];
    orphans.set(reader.text(reader.uvarint()), nodes);
    const count = reader.uvarint();
    for (let i = 0; i < count && !reader.failed; i++) nodes.push({ version: reader.uvarint(), nonce: reader.uvarint() });
  }
  return reader.failed ? undefined : orphans;
}
