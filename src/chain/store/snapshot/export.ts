import type { Reader } from '../database.js';
import { NodeKeys, storePrefix, versionKey } from '../keys.js';
import { damaged } from '../multistore.js';
import { type TreeNode, child, loadInner } from '../tree/node.js';
import { decodeRoots, storeNames } from '../versions.js';
import { encodeInnerNode, encodeLeaf, encodeStoreHead } from './format.js';

/**
 * The stream of a snapshot in small pieces. Holds one path of the tree in memory.
 * @param database of the moment after block `height`. @throws DatabaseError where something cannot be read.
 */
export function* exportState(database: Reader, height: number): Iterable<Uint8Array> {
  const roots = decodeRoots(database.get(versionKey(height)) ?? new Uint8Array());
  if (roots === undefined) throw damaged(`the roots of version ${height} are missing or unreadable`);
  for (const store of storeNames(roots)) {
    const root = roots.get(store);
    yield encodeStoreHead(store, root?.size ?? 0);
    if (root !== undefined) yield* new TreeExport(database, store).nodes(root);
  }
}

class TreeExport {
  readonly #database: Reader;
  readonly #keys: NodeKeys;
  readonly #prefix: string;

  constructor(database: Reader, store: string) {
    this.#database = database;
    this.#keys = new NodeKeys(store);
    this.#prefix = storePrefix(store);
  }

  /** Children before parents. */
  *nodes(root: TreeNode): Iterable<Uint8Array> {
    const stack = [{ node: root, isOpen: false }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { node } = top;
      if (node.height > 0 && !top.isOpen) {
        this.#load(node);
        top.isOpen = true;
        stack.push({ node: child(node.right), isOpen: false }, { node: child(node.left), isOpen: false });
        node.left = undefined;
        node.right = undefined;
        continue;
      }
      stack.pop();
      if (node.height > 0) yield encodeInnerNode(node);
      else {
        const value = this.#database.get(this.#prefix + node.key);
        if (value === undefined) throw damaged('a value that a snapshot needs is missing');
        yield encodeLeaf(node, value);
      }
    }
  }

  #load(node: TreeNode): void {
    const stored = this.#database.get(this.#keys.of(node.version, node.nonce));
    if (stored === undefined || !loadInner(node, stored)) throw damaged(`node ${node.nonce} of version ${node.version} is unreadable`);
  }
}
