import type { Key } from './database.js';

/** What a value takes beside its bytes: two map entries' worth of pointers, the array and its header. */
const ENTRY_BYTES = 200;

/**
 * The values that were read or written last, up to about `limitBytes`. Two generations: when the young one holds half
 * of the limit, the old one goes and the young one grows old; what is read again becomes young.
 */
export class ValueCache {
  readonly #halfBytes: number;
  #young = new Map<Key, Uint8Array>();
  #old = new Map<Key, Uint8Array>();
  #youngBytes = 0;

  constructor(limitBytes: number) {
    this.#halfBytes = limitBytes / 2;
  }

  get(key: Key): Uint8Array | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Uint8Array): void {
    this.#young.set(key, value);
    this.#youngBytes += key.length + value.length + ENTRY_BYTES;
    if (this.#youngBytes < this.#halfBytes) return;
    this.#old = this.#young;
    this.#clearYoung();
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#old = new Map();
    this.#clearYoung();
  }

  #clearYoung(): void {
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}
