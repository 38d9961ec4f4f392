/** Walks through a tree of one version. */
import type { Load } from './edit.js';
import { type TreeNode, child } from './node.js';

/** Nodes from the root down to a leaf. */
export interface Path {
  readonly leaf: TreeNode;
  readonly inner: readonly TreeNode[];
}

/** The path to the leaf where `key` lies, or where it would be set. */
export function pathTo(root: TreeNode, key: string, load: Load): Path {
  const inner: TreeNode[] = [];
  let node = root;
  while (node.height > 0) {
    load(node);
    inner.push(node);
    node = child(key < node.key ? node.left : node.right);
  }
  return { leaf: node, inner };
}

export function findLeaf(root: TreeNode, key: string, load: Load): TreeNode | undefined {
  const { leaf } = pathTo(root, key, load);
  return leaf.key === key ? leaf : undefined;
}

/** The keys on both sides of one that is not there. */
export function neighbours(root: TreeNode, key: string, load: Load): { before: string | undefined; after: string | undefined } {
  const { leaf, inner } = pathTo(root, key, load);
  // Only the first leaf of the tree can lie behind a key that leads to it.
  if (leaf.key > key) return { before: undefined, after: leaf.key };
  const turnedLeft = inner.findLast((node) => key < node.key);
  return { before: leaf.key, after: turnedLeft?.key };
}
