import type { Change, Database, FrozenDatabase, Key } from './database.js';

/** A database for tests and simulations: the same rules, nothing on disk. */
export class MemoryDatabase implements Database {
  readonly #values = new Map<Key, Uint8Array>();
  readonly #written: Change[] = [];

  get(key: Key): Uint8Array | undefined {
    return this.#values.get(key);
  }

  write(changes: Iterable<Change>): Promise<void> {
    // Copies, so that whoever changes a value after writing it is found out here as it would be on disk.
    for (const { key, value } of changes) this.#written.push({ key, value: value?.slice() });
    return Promise.resolve();
  }

  reveal(): void {
    for (const { key, value } of this.#written.splice(0)) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
  }

  freeze(): FrozenDatabase {
    const values = new Map(this.#values);
    return { get: (key) => values.get(key), close: () => Promise.resolve() };
  }

  compact(): Promise<void> {
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.#values.clear();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Every key and value in order of keys, for comparing two databases. */
  entries(): [Key, Uint8Array][] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
