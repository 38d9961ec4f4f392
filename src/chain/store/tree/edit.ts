/** A block's changes of one tree, as IAVL makes them: nodes of older blocks are copied, those of this block changed in place. */
import { type HashText, innerHash, leafHash } from './encoding.js';
import { TreeNode, child } from './node.js';

/** Brings the children of an inner node into memory. */
export type Load = (node: TreeNode) => void;

export class TreeEdit {
  root: TreeNode | undefined;
  /** Nodes of older blocks that this one no longer has. */
  readonly orphans: TreeNode[] = [];
  readonly #load: Load;
  readonly #version: number;
  /** Set by the recursion of `remove`: the new least key of the right subtree that the removed leaf began. */
  #newLeast: string | undefined;

  constructor(root: TreeNode | undefined, version: number, load: Load) {
    this.root = root;
    this.#version = version;
    this.#load = load;
  }

  /** A key that is set again gets a new leaf even for the same value. */
  set(key: string, valueHash: HashText): void {
    const leaf = new TreeNode(key, 0, 1, this.#version, 0, leafHash(this.#version, key, valueHash));
    this.root = this.root === undefined ? leaf : this.#set(this.root, leaf);
  }

  /** Nothing happens where the key is not there. */
  remove(key: string): void {
    if (this.root === undefined || !this.#has(this.root, key)) return;
    this.#newLeast = undefined;
    this.root = this.#remove(this.root, key);
  }

  /** Numbers and hashes the new nodes. @returns the inner ones in order of numbers; their children are complete. */
  seal(): TreeNode[] {
    const created: TreeNode[] = [];
    let nonce = 0;
    const visit = (node: TreeNode): void => {
      if (node.nonce !== 0) return;
      node.nonce = ++nonce;
      if (node.height === 0) return;
      created.push(node);
      const left = child(node.left);
      const right = child(node.right);
      visit(left);
      visit(right);
      node.hash = innerHash(node.height, node.size, node.version, left.hash, right.hash);
    };
    if (this.root !== undefined) visit(this.root);
    return created;
  }

  #has(node: TreeNode, key: string): boolean {
    while (node.height > 0) {
      this.#load(node);
      node = child(key < node.key ? node.left : node.right);
    }
    return node.key === key;
  }

  /** The node itself where this block made it, else a copy. */
  #own(node: TreeNode): TreeNode {
    if (node.nonce === 0) return node;
    this.#load(node);
    node.used = false;
    this.orphans.push(node);
    const copy = new TreeNode(node.key, node.height, node.size, this.#version, 0, '');
    copy.left = node.left;
    copy.right = node.right;
    return copy;
  }

  #set(node: TreeNode, leaf: TreeNode): TreeNode {
    if (node.height === 0) {
      if (leaf.key === node.key) {
        this.#drop(node);
        return leaf;
      }
      return leaf.key < node.key ? this.#pair(leaf, node) : this.#pair(node, leaf);
    }
    const own = this.#own(node);
    if (leaf.key < own.key) own.left = this.#set(child(own.left), leaf);
    else own.right = this.#set(child(own.right), leaf);
    measure(own);
    return this.#balance(own);
  }

  #pair(left: TreeNode, right: TreeNode): TreeNode {
    const node = new TreeNode(right.key, 1, 2, this.#version, 0, '');
    node.left = left;
    node.right = right;
    return node;
  }

  /** @returns what takes the node's place; nothing for the leaf itself. */
  #remove(node: TreeNode, key: string): TreeNode | undefined {
    if (node.height === 0) {
      this.#drop(node);
      return undefined;
    }
    const own = this.#own(node);
    if (key < own.key) {
      const left = this.#remove(child(own.left), key);
      if (left === undefined) {
        this.#newLeast = own.key;
        return own.right;
      }
      own.left = left;
    } else {
      const right = this.#remove(child(own.right), key);
      if (right === undefined) return own.left;
      own.right = right;
      if (this.#newLeast !== undefined) {
        own.key = this.#newLeast;
        this.#newLeast = undefined;
      }
    }
    measure(own);
    return this.#balance(own);
  }

  #drop(leaf: TreeNode): void {
    if (leaf.nonce !== 0) this.orphans.push(leaf);
  }

  #balance(node: TreeNode): TreeNode {
    const left = child(node.left);
    const right = child(node.right);
    const balance = left.height - right.height;
    if (balance > 1) {
      if (this.#balanceOf(left) < 0) node.left = this.#rotateLeft(this.#own(left));
      return this.#rotateRight(node);
    }
    if (balance < -1) {
      if (this.#balanceOf(right) > 0) node.right = this.#rotateRight(this.#own(right));
      return this.#rotateLeft(node);
    }
    return node;
  }

  #balanceOf(node: TreeNode): number {
    this.#load(node);
    return child(node.left).height - child(node.right).height;
  }

  #rotateRight(node: TreeNode): TreeNode {
    const top = this.#own(child(node.left));
    node.left = top.right;
    top.right = node;
    measure(node);
    measure(top);
    return top;
  }

  #rotateLeft(node: TreeNode): TreeNode {
    const top = this.#own(child(node.right));
    node.right = top.left;
    top.left = node;
    measure(node);
    measure(top);
    return top;
  }
}

function measure(node: TreeNode): void {
  const left = child(node.left);
  const right = child(node.right);
  node.height = (left.height > right.height ? left.height : right.height) + 1;
  node.size = left.size + right.size;
}
