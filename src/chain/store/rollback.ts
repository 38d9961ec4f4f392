import { type Change, type Reader } from './database.js';
import { orphansKey, storePrefix, versionKey } from './keys.js';
import type { Multistore } from './multistore.js';
import { type TreeNode, child, decodeOldLeaf } from './tree/node.js';

/**
 * What takes the last block back: its nodes go, the leaves that it replaced become the latest values again. In this
 * order, for a key may be both removed and restored. @throws DatabaseError where a node cannot be read.
 */
export function* takeBack(database: Reader, trees: Multistore, version: number): Iterable<Change> {
  for (const [store, root] of trees.rootsAt(version)) if (root !== undefined) yield* withoutNew(trees, store, root, version);
  for (const [store, nodes] of trees.orphansAt(version)) {
    const keys = trees.nodeKeys(store);
    for (const node of nodes) {
      const key = keys.of(node.version, node.nonce);
      const stored = database.get(key);
      const leaf = stored === undefined ? undefined : decodeOldLeaf(stored);
      if (leaf === undefined) continue;
      yield { key: storePrefix(store) + leaf.key, value: leaf.value };
      yield { key, value: undefined };
    }
  }
  yield { key: versionKey(version), value: undefined };
  yield { key: orphansKey(version), value: undefined };
}

/** Removes what the block made. Below a node of an older block everything is older. */
function* withoutNew(trees: Multistore, store: string, node: TreeNode, version: number): Iterable<Change> {
  if (node.version !== version) return;
  if (node.height === 0) {
    yield { key: storePrefix(store) + node.key, value: undefined };
    return;
  }
  trees.loader(store)(node);
  const left = child(node.left);
  const right = child(node.right);
  yield { key: trees.nodeKeys(store).of(node.version, node.nonce), value: undefined };
  yield* withoutNew(trees, store, left, version);
  yield* withoutNew(trees, store, right, version);
}
