import { concatBytes, readU64be, u64be } from '../../protocol/bytes.js';
import type { Context, QueryContext } from '../module.js';
import { type Codec, Counter, Table } from './collections.js';

interface Entry {
  /** Seconds since 1970. */
  readonly time: bigint;
  readonly id: bigint;
}

const ENTRY: Codec<Entry> = {
  encode: ({ time, id }) => ({ finish: () => concatBytes(u64be(time), u64be(id)) }),
  decode: (bytes) => ({ time: readU64be(bytes, 0), id: readU64be(bytes, 8) }),
};

const isBefore = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.id < b.id);

/**
 * Numbers that become due at a time: a binary heap, so that a block looks at what is due and at nothing else. Due numbers
 * come out by time, then by number. Nothing is taken out early: whoever drains it looks whether a number is still meant.
 */
export class TimeQueue {
  readonly #size: Counter;
  readonly #heap: Table<Entry>;

  /** @param size, heap two prefixes of the store that nothing else uses. */
  constructor(store: string, size: number, heap: number) {
    this.#size = new Counter({ store, prefix: size });
    this.#heap = new Table({ store, prefix: heap }, ENTRY);
  }

  push(ctx: Context, time: bigint, id: bigint): void {
    const entry = { time, id };
    let index = this.#size.add(ctx, 1n) - 1n;
    while (index > 0n) {
      const parent = (index - 1n) / 2n;
      const above = this.#at(ctx, parent);
      if (!isBefore(entry, above)) break;
      this.#heap.set(ctx, above, index);
      index = parent;
    }
    this.#heap.set(ctx, entry, index);
  }

  /** What is due at `now` or before; it is gone from the queue. */
  drain(ctx: Context, now: bigint): bigint[] {
    const due: bigint[] = [];
    while (this.#size.get(ctx) > 0n) {
      const first = this.#at(ctx, 0n);
      if (first.time > now) break;
      due.push(first.id);
      this.#removeFirst(ctx);
    }
    return due;
  }

  #removeFirst(ctx: Context): void {
    const size = this.#size.get(ctx) - 1n;
    const moved = this.#at(ctx, size);
    this.#heap.delete(ctx, size);
    this.#size.set(ctx, size);
    if (size === 0n) return;
    let index = 0n;
    for (;;) {
      let child = 2n * index + 1n;
      if (child >= size) break;
      let below = this.#at(ctx, child);
      if (child + 1n < size) {
        const other = this.#at(ctx, child + 1n);
        if (isBefore(other, below)) {
          child += 1n;
          below = other;
        }
      }
      if (!isBefore(below, moved)) break;
      this.#heap.set(ctx, below, index);
      index = child;
    }
    this.#heap.set(ctx, moved, index);
  }

  #at(ctx: QueryContext, index: bigint): Entry {
    const entry = this.#heap.get(ctx, index);
    if (entry === undefined) throw new Error(`time queue: no entry ${index}`);
    return entry;
  }
}
