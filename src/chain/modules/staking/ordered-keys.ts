import { compareBytes, equalBytes, readU64be, u64be } from '../../../protocol/bytes.js';
import type { Context, QueryContext } from '../../module.js';
import { type Place, Table } from '../collections.js';

const BYTES = { encode: (bytes: Uint8Array) => ({ finish: () => bytes }), decode: (bytes: Uint8Array) => bytes };

const SIZE = 0;
const NODE = 1;
const POSITION = 2;

/**
 * A set of keys of which the smallest are found without iteration: a binary heap in the store, with the place of every
 * key beside it. A change reads and writes O(log size) small entries. Kind 0 of its prefix holds the size, kind 1 the
 * nodes by index, kind 2 the index by key.
 */
export class OrderedKeys {
  readonly #table: Table<Uint8Array>;

  constructor(place: Place) {
    this.#table = new Table(place, BYTES);
  }

  size(ctx: QueryContext): bigint {
    const size = this.#table.get(ctx, SIZE);
    return size === undefined ? 0n : readU64be(size);
  }

  has(ctx: QueryContext, key: Uint8Array): boolean {
    return this.#table.get(ctx, POSITION, key) !== undefined;
  }

  /** The smallest key. */
  first(ctx: QueryContext): Uint8Array | undefined {
    return this.#table.get(ctx, NODE, 0n);
  }

  /** The `count` smallest keys, in ascending order. Reads about twice as many nodes. */
  smallest(ctx: QueryContext, count: number): Uint8Array[] {
    const size = this.size(ctx);
    const out: Uint8Array[] = [];
    // Nodes whose parents are taken, the smallest last.
    const frontier: { index: bigint; key: Uint8Array }[] = [];
    const offer = (index: bigint): void => {
      if (index >= size) return;
      const node = { index, key: this.#at(ctx, index) };
      const before = frontier.findIndex(({ key }) => compareBytes(key, node.key) < 0);
      if (before < 0) frontier.push(node);
      else frontier.splice(before, 0, node);
    };
    offer(0n);
    while (out.length < count) {
      const next = frontier.pop();
      if (next === undefined) break;
      out.push(next.key);
      offer(2n * next.index + 1n);
      offer(2n * next.index + 2n);
    }
    return out;
  }

  /** Does nothing for a key that is there. */
  add(ctx: Context, key: Uint8Array): void {
    if (this.has(ctx, key)) return;
    const size = this.size(ctx);
    this.#table.set(ctx, u64be(size + 1n), SIZE);
    this.#settle(ctx, size, key, size + 1n);
  }

  /** Does nothing for a key that is not there. */
  remove(ctx: Context, key: Uint8Array): void {
    const index = this.#position(ctx, key);
    if (index === undefined) return;
    const last = this.size(ctx) - 1n;
    const moved = this.#at(ctx, last);
    this.#table.delete(ctx, NODE, last);
    this.#table.delete(ctx, POSITION, key);
    if (last === 0n) this.#table.delete(ctx, SIZE);
    else this.#table.set(ctx, u64be(last), SIZE);
    if (index !== last) this.#settle(ctx, index, moved, last);
  }

  /** As `remove` and `add`, with fewer writes. */
  replace(ctx: Context, before: Uint8Array, after: Uint8Array): void {
    const index = this.#position(ctx, before);
    if (index === undefined || equalBytes(before, after) || this.has(ctx, after)) {
      if (!equalBytes(before, after)) this.remove(ctx, before);
      this.add(ctx, after);
      return;
    }
    this.#table.delete(ctx, POSITION, before);
    this.#settle(ctx, index, after, this.size(ctx));
  }

  #position(ctx: QueryContext, key: Uint8Array): bigint | undefined {
    const index = this.#table.get(ctx, POSITION, key);
    return index === undefined ? undefined : readU64be(index);
  }

  #at(ctx: QueryContext, index: bigint): Uint8Array {
    const key = this.#table.get(ctx, NODE, index);
    if (key === undefined) throw new Error(`ordered keys: node ${index} is missing`);
    return key;
  }

  #put(ctx: Context, index: bigint, key: Uint8Array): void {
    this.#table.set(ctx, key, NODE, index);
    this.#table.set(ctx, u64be(index), POSITION, key);
  }

  /** Puts `key` where the order wants it, beginning at `start`, whose node is free. */
  #settle(ctx: Context, start: bigint, key: Uint8Array, size: bigint): void {
    let index = start;
    while (index > 0n) {
      const parent = (index - 1n) / 2n;
      const above = this.#at(ctx, parent);
      if (compareBytes(above, key) <= 0) break;
      this.#put(ctx, index, above);
      index = parent;
    }
    if (index === start) index = this.#sink(ctx, start, key, size);
    this.#put(ctx, index, key);
  }

  #sink(ctx: Context, start: bigint, key: Uint8Array, size: bigint): bigint {
    let index = start;
    for (;;) {
      let child = 2n * index + 1n;
      if (child >= size) return index;
      let below = this.#at(ctx, child);
      if (child + 1n < size) {
        const right = this.#at(ctx, child + 1n);
        if (compareBytes(right, below) < 0) {
          child += 1n;
          below = right;
        }
      }
      if (compareBytes(below, key) >= 0) return index;
      this.#put(ctx, index, below);
      index = child;
    }
  }
}
