import type { KvReader, KvStore } from './kv.js';
import { type Change, type Key, type Reader, keyOf } from './database.js';
import { storePrefix } from './keys.js';

/**
 * Changes that are not written yet, over a parent that does not know of them. Drop the branch and nothing happened;
 * `merge` hands them to the parent. A block's branch stands on the committed state, a transaction's on the block's.
 */
export class Branch implements Reader {
  /** `null` marks a deleted key. */
  readonly #changes = new Map<Key, Uint8Array | null>();
  readonly #parent: Reader;

  constructor(parent: Reader) {
    this.#parent = parent;
  }

  get(key: Key): Uint8Array | undefined {
    const changed = this.#changes.get(key);
    return changed === undefined ? this.#parent.get(key) : (changed ?? undefined);
  }

  set(key: Key, value: Uint8Array): void {
    this.#changes.set(key, value);
  }

  delete(key: Key): void {
    this.#changes.set(key, null);
  }

  /** Hands the changes to `parent`, which must be the branch that this one stands on. */
  mergeInto(parent: Branch): void {
    if (parent !== this.#parent) throw new Error('a branch merges into its own parent only');
    for (const [key, value] of this.#changes) parent.#changes.set(key, value);
  }

  /** All changes over the committed state, those of parents that are branches too, in ascending order of keys. */
  changes(): Change[] {
    const all = this.#parent instanceof Branch ? this.#parent.#merged(this.#changes) : this.#changes;
    return [...all.keys()].sort().map((key) => ({ key, value: all.get(key) ?? undefined }));
  }

  #merged(later: ReadonlyMap<Key, Uint8Array | null>): ReadonlyMap<Key, Uint8Array | null> {
    const all = new Map([...this.#changes, ...later]);
    return this.#parent instanceof Branch ? this.#parent.#merged(all) : all;
  }
}

/** One module's part of the state, for reading. */
export class StoreReader implements KvReader {
  readonly #state: Reader;
  readonly #prefix: Key;

  constructor(state: Reader, name: string) {
    this.#state = state;
    this.#prefix = storePrefix(name);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#state.get(this.#prefix + keyOf(key));
  }
}

/** One module's part of the state, on a branch. */
export class BranchStore extends StoreReader implements KvStore {
  readonly #branch: Branch;
  readonly #branchPrefix: Key;

  constructor(branch: Branch, name: string) {
    super(branch, name);
    this.#branch = branch;
    this.#branchPrefix = storePrefix(name);
  }

  /** Keeps `value` itself: whoever sets it must not change it afterwards. */
  set(key: Uint8Array, value: Uint8Array): void {
    this.#branch.set(this.#branchPrefix + keyOf(key), value);
  }

  delete(key: Uint8Array): void {
    this.#branch.delete(this.#branchPrefix + keyOf(key));
  }
}
