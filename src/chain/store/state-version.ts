import type { Key, Reader } from './database.js';
import { storeOf, storePrefix } from './keys.js';
import type { Multistore } from './multistore.js';
import { decodeOldLeaf, type TreeNode } from './tree/node.js';
import { findLeaf } from './tree/read.js';
import type { Roots } from './versions.js';

/** The state after one block, the last one or an older one that is still kept. Read it before the next commit. */
export class StateVersion implements Reader {
  readonly roots: Roots;
  readonly #database: Reader;
  readonly #trees: Multistore;

  /** @param database the flat values of the last block, and the old leaves. */
  constructor(database: Reader, trees: Multistore, roots: Roots) {
    this.#database = database;
    this.#trees = trees;
    this.roots = roots;
  }

  /** @throws DatabaseError where a node cannot be read. */
  get(key: Key): Uint8Array | undefined {
    const store = storeOf(key);
    const root = this.roots.get(store);
    const leaf = root === undefined ? undefined : findLeaf(root, key.slice(storePrefix(store).length), this.#trees.loader(store));
    return leaf === undefined ? undefined : this.valueOf(store, leaf);
  }

  /** Value of a leaf of this version. */
  valueOf(store: string, leaf: TreeNode): Uint8Array | undefined {
    // What a later block replaced lies under the leaf's number; what none did is the latest value.
    const old = this.#database.get(this.#trees.nodeKeys(store).of(leaf.version, leaf.nonce));
    return old === undefined ? this.#database.get(storePrefix(store) + leaf.key) : decodeOldLeaf(old)?.value;
  }

  load(store: string, node: TreeNode): void {
    this.#trees.loader(store)(node);
  }
}

