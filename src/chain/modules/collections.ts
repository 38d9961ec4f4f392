/**
 * Typed views on a module's store: tables, counters, lists, sets and queues by height. They hold no state of their own,
 * so one instance serves every block and every query.
 */
import { readU64be, u64be, utf8, writeU32be, writeU64be } from '../../protocol/bytes.js';
import type { Context, QueryContext } from '../module.js';

/** Keys are made of 64-bit integers (bigint), 32-bit integers (number), text and bytes; the last two carry their length. */
export type KeyPart = bigint | number | string | Uint8Array;

export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** Where a collection lives: the module's store and one byte that no other collection of the module uses. */
export interface Place {
  readonly store: string;
  readonly prefix: number;
}

function sizeOf(part: Exclude<KeyPart, string>): number {
  if (typeof part === 'bigint') return 8;
  return typeof part === 'number' ? 4 : 4 + part.length;
}

/** One array, written once: every access to the state begins here. */
function encodeKey(prefix: number, parts: readonly KeyPart[]): Uint8Array {
  const plain = parts.map((part) => (typeof part === 'string' ? utf8(part) : part));
  let length = 1;
  for (const part of plain) length += sizeOf(part);
  const key = new Uint8Array(length);
  key[0] = prefix;
  let at = 1;
  for (const part of plain) {
    if (typeof part === 'bigint') writeU64be(key, at, part);
    else if (typeof part === 'number') writeU32be(key, at, part);
    else {
      writeU32be(key, at, part.length);
      key.set(part, at + 4);
    }
    at += sizeOf(part);
  }
  return key;
}

abstract class Collection {
  constructor(private readonly place: Place) {}

  protected read(ctx: QueryContext, key: readonly KeyPart[]): Uint8Array | undefined {
    return ctx.reader(this.place.store).get(encodeKey(this.place.prefix, key));
  }

  protected write(ctx: Context, key: readonly KeyPart[], value: Uint8Array): void {
    ctx.store(this.place.store).set(encodeKey(this.place.prefix, key), value);
  }

  protected erase(ctx: Context, key: readonly KeyPart[]): void {
    ctx.store(this.place.store).delete(encodeKey(this.place.prefix, key));
  }
}

/** One message a key. */
export class Table<T> extends Collection {
  constructor(
    place: Place,
    private readonly codec: Codec<T>,
  ) {
    super(place);
  }

  get(ctx: QueryContext, ...key: readonly KeyPart[]): T | undefined {
    const bytes = this.read(ctx, key);
    return bytes === undefined ? undefined : this.codec.decode(bytes);
  }

  set(ctx: Context, value: T, ...key: readonly KeyPart[]): void {
    this.write(ctx, key, this.codec.encode(value).finish());
  }

  delete(ctx: Context, ...key: readonly KeyPart[]): void {
    this.erase(ctx, key);
  }
}

/** One unsigned 64-bit number a key; 0 where nothing was written. */
export class Counter extends Collection {
  get(ctx: QueryContext, ...key: readonly KeyPart[]): bigint {
    const bytes = this.read(ctx, key);
    return bytes === undefined ? 0n : readU64be(bytes);
  }

  set(ctx: Context, value: bigint, ...key: readonly KeyPart[]): void {
    if (value === 0n) this.erase(ctx, key);
    else this.write(ctx, key, u64be(value));
  }

  /** Adds and returns the sum. */
  add(ctx: Context, amount: bigint, ...key: readonly KeyPart[]): bigint {
    const sum = this.get(ctx, ...key) + amount;
    this.set(ctx, sum, ...key);
    return sum;
  }
}

/** Append-only numbers a key, in order of appending. Uses its prefix with kind 0 for the length and 1 for the items. */
export class NumberList extends Collection {
  length(ctx: QueryContext, ...key: readonly KeyPart[]): bigint {
    const bytes = this.read(ctx, [0, ...key]);
    return bytes === undefined ? 0n : readU64be(bytes);
  }

  at(ctx: QueryContext, index: bigint, ...key: readonly KeyPart[]): bigint | undefined {
    const bytes = this.read(ctx, [1, ...key, index]);
    return bytes === undefined ? undefined : readU64be(bytes);
  }

  push(ctx: Context, value: bigint, ...key: readonly KeyPart[]): void {
    const length = this.length(ctx, ...key);
    this.write(ctx, [1, ...key, length], u64be(value));
    this.write(ctx, [0, ...key], u64be(length + 1n));
  }

  values(ctx: QueryContext, ...key: readonly KeyPart[]): bigint[] {
    const length = this.length(ctx, ...key);
    const out: bigint[] = [];
    for (let i = 0n; i < length; i++) {
      const value = this.at(ctx, i, ...key);
      if (value !== undefined) out.push(value);
    }
    return out;
  }

  clear(ctx: Context, ...key: readonly KeyPart[]): void {
    const length = this.length(ctx, ...key);
    for (let i = 0n; i < length; i++) this.erase(ctx, [1, ...key, i]);
    this.erase(ctx, [0, ...key]);
  }
}

/** A set of texts a key. Removal moves the last item into the gap: order is history, so whoever needs one sorts. */
export class TextSet extends Collection {
  size(ctx: QueryContext, ...key: readonly KeyPart[]): bigint {
    const bytes = this.read(ctx, [0, ...key]);
    return bytes === undefined ? 0n : readU64be(bytes);
  }

  at(ctx: QueryContext, index: bigint, ...key: readonly KeyPart[]): string | undefined {
    const bytes = this.read(ctx, [1, ...key, index]);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
  }

  has(ctx: QueryContext, value: string, ...key: readonly KeyPart[]): boolean {
    return this.read(ctx, [2, ...key, value]) !== undefined;
  }

  add(ctx: Context, value: string, ...key: readonly KeyPart[]): void {
    if (this.has(ctx, value, ...key)) return;
    const size = this.size(ctx, ...key);
    this.write(ctx, [1, ...key, size], utf8(value));
    this.write(ctx, [2, ...key, value], u64be(size));
    this.write(ctx, [0, ...key], u64be(size + 1n));
  }

  remove(ctx: Context, value: string, ...key: readonly KeyPart[]): void {
    const at = this.read(ctx, [2, ...key, value]);
    if (at === undefined) return;
    const index = readU64be(at);
    const last = this.size(ctx, ...key) - 1n;
    const moved = this.at(ctx, last, ...key);
    if (moved !== undefined && index !== last) {
      this.write(ctx, [1, ...key, index], utf8(moved));
      this.write(ctx, [2, ...key, moved], u64be(index));
    }
    this.erase(ctx, [1, ...key, last]);
    this.erase(ctx, [2, ...key, value]);
    if (last === 0n) this.erase(ctx, [0, ...key]);
    else this.write(ctx, [0, ...key], u64be(last));
  }

  values(ctx: QueryContext, ...key: readonly KeyPart[]): string[] {
    const size = this.size(ctx, ...key);
    const out: string[] = [];
    for (let i = 0n; i < size; i++) {
      const value = this.at(ctx, i, ...key);
      if (value !== undefined) out.push(value);
    }
    return out;
  }
}

/** Numbers that become due at a height. */
export class HeightQueue {
  readonly #lists: NumberList;

  constructor(place: Place) {
    this.#lists = new NumberList(place);
  }

  push(ctx: Context, height: bigint, value: bigint): void {
    this.#lists.push(ctx, value, height);
  }

  /** What is due at `height`, in order of pushing; it is gone from the queue. */
  drain(ctx: Context, height: bigint): bigint[] {
    const values = this.#lists.values(ctx, height);
    if (values.length > 0) this.#lists.clear(ctx, height);
    return values;
  }
}
