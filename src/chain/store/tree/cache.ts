import { type TreeNode, leastKey } from './node.js';

/**
 * Which inner nodes have their children in memory, over all stores: at most `limit` after `trim`. A clock: the oldest
 * goes, unless it was passed since it was last looked at. A node that goes becomes a stub and can be read again.
 */
export class NodeCache {
  readonly #limit: number;
  #queue: TreeNode[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(node: TreeNode): void {
    this.#queue.push(node);
  }

  trim(): void {
    const queue = this.#queue;
    let head = 0;
    for (let node = queue[0]; node !== undefined && queue.length - head > this.#limit; node = queue[++head]) {
      if (node.used) {
        node.used = false;
        queue.push(node);
        continue;
      }
      node.key = leastKey(node);
      node.left = undefined;
      node.right = undefined;
    }
    this.#queue = queue.slice(head);
  }
}
