/** The trees of all stores: from a block's changes to its app hash and to what is written of it. */
import { DatabaseError, type Change, type Key, type Reader } from './database.js';
import { NodeKeys, orphansKey, storeOf, storePrefix, versionKey } from './keys.js';
import { simpleMerkleRoot } from './simple-merkle.js';
import { NodeCache } from './tree/cache.js';
import { type Load, TreeEdit } from './tree/edit.js';
import { hashBytes } from './tree/encoding.js';
import { type TreeNode, encodeInner, encodeOldLeaf, loadInner } from './tree/node.js';
import { type NodeId, type Roots, decodeOrphans, decodeRoots, encodeOrphans, encodeRoots, rootHash, storeNames } from './versions.js';

/** A block's trees, which are not yet the latest ones. */
export interface PreparedVersion {
  readonly version: number;
  readonly roots: Roots;
  readonly appHash: Uint8Array;
  readonly changes: readonly Change[];
  /** New inner nodes of each store that changed, in order of their numbers. */
  readonly created: ReadonlyMap<string, readonly TreeNode[]>;
  /** Nodes that are in no tree of this version or a later one. */
  readonly orphans: ReadonlyMap<string, readonly TreeNode[]>;
}

/** Root over the stores' roots, as the Cosmos SDK makes it of its commit info. */
export function appHashOf(roots: Roots): Uint8Array {
  return simpleMerkleRoot(storeNames(roots).map((name) => ({ name, hash: rootHash(roots.get(name)) })));
}

export function damaged(what: string): DatabaseError {
  return new DatabaseError({
    code: 'DATABASE_CORRUPT',
    message: `the state is damaged: ${what}`,
    hint: 'restore the folder from a backup, or delete it and let the node rebuild it from its blocks',
  });
}

/** A key of the state without its store's prefix, as a string of its own: a slice would keep the whole one alive. */
function withoutPrefix(key: Key, prefixLength: number): string {
  if (key.length > scratch.length) scratch = Buffer.allocUnsafeSlow(key.length * 2);
  return scratch.toString('latin1', prefixLength, scratch.write(key, 'latin1'));
}

let scratch = Buffer.allocUnsafeSlow(512);

export class Multistore {
  readonly #database: Reader;
  readonly #cache: NodeCache;
  readonly #keys = new Map<string, NodeKeys>();
  readonly #loads = new Map<string, Load>();
  #latest: Roots = new Map();

  /** @param cachedNodes how many inner nodes may stay in memory between blocks, some 400 bytes each. */
  constructor(database: Reader, cachedNodes: number) {
    this.#database = database;
    this.#cache = new NodeCache(cachedNodes);
  }

  get latest(): Roots {
    return this.#latest;
  }

  /** Makes the trees after block `version` the latest ones. @throws DatabaseError DATABASE_CORRUPT */
  open(version: number): void {
    this.#latest = this.rootsAt(version);
  }

  /** @throws DatabaseError DATABASE_CORRUPT where the version is not there: ask for kept versions only. */
  rootsAt(version: number): Roots {
    const stored = this.#database.get(versionKey(version));
    const roots = stored === undefined ? undefined : decodeRoots(stored);
    if (roots === undefined) throw damaged(`the roots of version ${version} are ${stored === undefined ? 'missing' : 'unreadable'}`);
    return roots;
  }

  nodeKeys(store: string): NodeKeys {
    let keys = this.#keys.get(store);
    if (keys === undefined) this.#keys.set(store, (keys = new NodeKeys(store)));
    return keys;
  }

  /** How nodes of a store come into memory. It throws DatabaseError where one cannot be read. */
  loader(store: string): Load {
    const known = this.#loads.get(store);
    if (known !== undefined) return known;
    const keys = this.nodeKeys(store);
    const load: Load = (node) => {
      node.used = true;
      if (node.left !== undefined || node.height === 0) return;
      const stored = this.#database.get(keys.of(node.version, node.nonce));
      if (stored === undefined || !loadInner(node, stored)) {
        throw damaged(`node ${node.nonce} of version ${node.version} of store ${store} is ${stored === undefined ? 'missing' : 'unreadable'}`);
      }
      this.#cache.add(node);
    };
    this.#loads.set(store, load);
    return load;
  }

  /** The trees that `changes`, in ascending order of keys, make of the latest ones. Nothing else changes. */
  prepare(version: number, changes: readonly Change[]): PreparedVersion {
    const roots = new Map(this.#latest);
    const created = new Map<string, readonly TreeNode[]>();
    const orphans = new Map<string, readonly TreeNode[]>();
    for (let at = 0; at < changes.length; ) {
      const name = storeOf(changes[at]?.key ?? '');
      const prefix = storePrefix(name);
      const edit = new TreeEdit(roots.get(name), version, this.loader(name));
      const start = at;
      for (let change = changes[at]; change?.key.startsWith(prefix) === true; change = changes[++at]) {
        const key = withoutPrefix(change.key, prefix.length);
        if (change.value === undefined) edit.remove(key);
        else edit.set(key, hashBytes(change.value));
      }
      if (at === start) throw new Error('a change belongs to no store');
      created.set(name, edit.seal());
      orphans.set(name, edit.orphans);
      roots.set(name, edit.root);
    }
    return { version, roots, appHash: appHashOf(roots), changes, created, orphans };
  }

  /** What is written of a version, beside its changes. @param valueOf the value of a key before this block. */
  *records({ version, roots, created, orphans }: PreparedVersion, valueOf: (key: Key) => Uint8Array | undefined): Iterable<Change> {
    for (const [name, nodes] of orphans) {
      const keys = this.nodeKeys(name);
      const prefix = storePrefix(name);
      for (const node of nodes) {
        if (node.height > 0) continue;
        const value = valueOf(prefix + node.key);
        if (value === undefined) throw damaged(`the value of key ${Buffer.from(node.key, 'latin1').toString('hex')} of store ${name} is missing`);
        yield { key: keys.of(node.version, node.nonce), value: encodeOldLeaf(node.key, value) };
      }
    }
    for (const [name, nodes] of created) {
      const keys = this.nodeKeys(name);
      for (const node of nodes) yield { key: keys.of(version, node.nonce), value: encodeInner(node) };
    }
    yield { key: versionKey(version), value: encodeRoots(roots) };
    yield { key: orphansKey(version), value: encodeOrphans(orphans) };
  }

  /** What is written of a version that came from a snapshot, beside its nodes and values. */
  *restoredRecords(version: number, roots: Roots): Iterable<Change> {
    yield { key: versionKey(version), value: encodeRoots(roots) };
    yield { key: orphansKey(version), value: encodeOrphans(new Map()) };
  }

  /** Makes a prepared version the latest, once it is on the disk. */
  accept({ roots, created }: PreparedVersion): void {
    this.#latest = roots;
    for (const nodes of created.values()) for (const node of nodes) this.#cache.add(node);
    this.#cache.trim();
  }

  /** Nodes that a kept block replaced, by store. @throws DatabaseError DATABASE_CORRUPT */
  orphansAt(version: number): ReadonlyMap<string, readonly NodeId[]> {
    const stored = this.#database.get(orphansKey(version));
    const orphans = stored === undefined ? undefined : decodeOrphans(stored);
    if (orphans === undefined) throw damaged(`what block ${version} replaced is ${stored === undefined ? 'missing' : 'unreadable'}`);
    return orphans;
  }

  /** What goes when the oldest kept version is no longer `oldest` but the next one. @throws DatabaseError DATABASE_CORRUPT */
  *dropOldest(oldest: number): Iterable<Change> {
    yield { key: versionKey(oldest), value: undefined };
    for (const [name, nodes] of this.orphansAt(oldest + 1)) {
      const keys = this.nodeKeys(name);
      for (const { version, nonce } of nodes) yield { key: keys.of(version, nonce), value: undefined };
    }
    yield { key: orphansKey(oldest + 1), value: undefined };
  }
}
