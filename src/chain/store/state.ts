import { equalBytes, toHex } from '../../protocol/bytes.js';
import { InvalidInputError } from '../../protocol/errors.js';
import { Branch } from './branch.js';
import type { Change, Database, FrozenDatabase, Key, Reader } from './database.js';
import { type Commits, type LastCommit, journalled, noteCommit, noteLast, noteRollback, readCommits, RESTORING } from './last-commit.js';
import { Multistore, type PreparedVersion, appHashOf, damaged } from './multistore.js';
import { takeBack } from './rollback.js';
import { StateVersion } from './state-version.js';
import { ValueCache } from './value-cache.js';
import type { Roots } from './versions.js';

export type { LastCommit } from './last-commit.js';

export interface StateOptions {
  /** Blocks whose state can be read, the last one included; at least 2. */
  readonly keepVersions?: number;
  /** Inner nodes of the trees that stay in memory between blocks, some 400 bytes each. */
  readonly cachedNodes?: number;
  /** Values that stay in memory. */
  readonly cachedBytes?: number;
}

/** Proofs are asked for soon; a full block replaces some megabytes of nodes, which stay on the disk that long. */
const KEEP_VERSIONS = 100;
const CACHED_NODES = 16_384;
const CACHED_BYTES = 4 * 1024 * 1024;
/** Versions that one block drops at most, where many are to go since fewer are to be kept than before. */
const DROPS_PER_BLOCK = 4n;

/** The committed state: one database, the last commit in it, the kept versions before it, and the way to the next one. */
export class StateStore implements Reader {
  readonly #database: Database;
  readonly #trees: Multistore;
  readonly #values: ValueCache;
  readonly #keepVersions: bigint;
  #commits: Commits | undefined;
  /** Whether the database holds a part of a snapshot, of which nothing may be seen. */
  #isRestoring = false;

  /** @throws DatabaseError DATABASE_CORRUPT where blocks are missing, DATABASE_FORMAT for another version's. */
  constructor(database: Database, options: StateOptions = {}) {
    const { keepVersions = KEEP_VERSIONS, cachedNodes = CACHED_NODES, cachedBytes = CACHED_BYTES } = options;
    checkKeep(keepVersions);
    this.#database = database;
    this.#trees = new Multistore(database, cachedNodes);
    this.#values = new ValueCache(cachedBytes);
    this.#keepVersions = BigInt(keepVersions);
    this.#open();
  }

  /** Nothing before the first commit. */
  get last(): LastCommit | undefined {
    return this.#commits?.last;
  }

  /** Height of the oldest block whose state can be read; nothing before the first commit. */
  get oldestHeight(): bigint | undefined {
    return this.#commits?.oldestHeight;
  }

  /** The state after a kept block; nothing for another one. @throws DatabaseError DATABASE_CORRUPT */
  at(height: bigint): StateVersion | undefined {
    if (this.#commits === undefined || height < this.#commits.oldestHeight || height > this.#commits.last.height) return undefined;
    const roots = height === this.#commits.last.height ? this.#trees.latest : this.#trees.rootsAt(Number(height));
    return new StateVersion(this.#database, this.#trees, roots);
  }

  /** @returns nothing while a snapshot is half restored. */
  get(key: Key): Uint8Array | undefined {
    if (this.#isRestoring) return undefined;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const stored = this.#database.get(key);
    if (stored !== undefined) this.#values.set(key, stored);
    return stored;
  }

  branch(): Branch {
    return new Branch(this);
  }

  /** The state that a block's changes, in ascending order of keys, make; nothing is written. */
  prepare(height: bigint, changes: readonly Change[]): PreparedVersion {
    return this.#trees.prepare(Number(height), changes);
  }

  /** Writes a block: its changes, trees, height, time and app hash, in one atomic and durable batch. */
  async commit(timeSeconds: bigint, prepared: PreparedVersion): Promise<void> {
    const height = BigInt(prepared.version);
    const before = this.#commits;
    const dropped = before === undefined ? 0n : min(max(height - this.#keepVersions + 1n - before.oldestHeight, 0n), DROPS_PER_BLOCK);
    const commits = {
      last: { height, timeSeconds, appHash: prepared.appHash },
      firstHeight: before?.firstHeight ?? height,
      oldestHeight: (before?.oldestHeight ?? height) + dropped,
    };
    if (this.#isRestoring) await this.abandonRestore();
    await this.#database.write(this.#batch(commits, prepared, before?.oldestHeight ?? height));
    this.#database.reveal();
    this.#trees.accept(prepared);
    for (const { key, value } of prepared.changes) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
    this.#commits = commits;
  }

  /**
   * Goes back to the state after a kept block, as if no later one had ever been. One batch a block: whoever is killed
   * meanwhile stands at one of the blocks between.
   * @throws InvalidInputError for a height that is not kept.
   */
  async rollbackTo(height: bigint): Promise<void> {
    const kept = this.#commits;
    if (kept === undefined || height < kept.oldestHeight || height > kept.last.height) {
      const range = kept === undefined ? 'there is no block yet' : `this state holds the blocks ${kept.oldestHeight} to ${kept.last.height}`;
      throw new InvalidInputError(`expected the height of a kept block, got ${height}: ${range}`);
    }
    for (let from = kept.last.height; from > height; from--) {
      const last = journalled(this.#database, from - 1n);
      if (last === undefined) throw damaged(`block ${from - 1n} is missing in the journal`);
      const commits = { ...kept, last };
      await this.#database.write(chain(noteRollback(from, commits), takeBack(this.#database, this.#trees, Number(from))));
      this.#database.reveal();
      this.#values.clear();
      this.#open();
    }
  }

  /** Drops the versions before the last `keepVersions` (at least 2) and gives their space back. @returns how many were dropped. */
  async prune(keepVersions = Number(this.#keepVersions)): Promise<number> {
    checkKeep(keepVersions);
    let dropped = 0;
    for (let commits = this.#commits; commits !== undefined && commits.last.height - commits.oldestHeight >= keepVersions; commits = this.#commits) {
      const next = { ...commits, oldestHeight: commits.oldestHeight + 1n };
      await this.#database.write(chain([noteLast(next)], this.#trees.dropOldest(Number(commits.oldestHeight))));
      this.#database.reveal();
      this.#commits = next;
      dropped++;
    }
    await this.#database.compact();
    return dropped;
  }

  /** The database as it is now, for a snapshot. Right after a commit. */
  freeze(): FrozenDatabase {
    return this.#database.freeze();
  }

  /** Makes room for a snapshot: what an earlier one left goes. @throws Error where a block was committed. */
  async beginRestore(): Promise<void> {
    if (this.#commits !== undefined) throw new Error('a snapshot is restored into an empty state only');
    await this.abandonRestore();
    this.#isRestoring = true;
    await this.restore([RESTORING]);
  }

  /** Writes a part of a snapshot. */
  async restore(changes: Iterable<Change>): Promise<void> {
    await this.#database.write(changes);
    this.#database.reveal();
  }

  /**
   * Makes the restored trees the state after block `height`, at once.
   * @throws InvalidInputError where their root is not `appHash`, or there is no time in them; nothing is changed then.
   */
  async finishRestore(height: bigint, roots: Roots, appHash: Uint8Array, timeOf: (state: Reader) => bigint | undefined): Promise<void> {
    const found = appHashOf(roots);
    if (!equalBytes(found, appHash)) throw new InvalidInputError(`expected a snapshot of app hash ${toHex(appHash)}, got one of ${toHex(found)}`);
    const timeSeconds = timeOf(this.#database);
    if (timeSeconds === undefined) throw new InvalidInputError('the snapshot does not hold the time of its block');
    const commits = { last: { height, timeSeconds, appHash }, firstHeight: height, oldestHeight: height };
    await this.restore(chain(noteCommit(commits), this.#trees.restoredRecords(Number(height), roots), [{ ...RESTORING, value: undefined }]));
    this.#isRestoring = false;
    this.#open();
  }

  /** Leaves an empty state. */
  async abandonRestore(): Promise<void> {
    await this.#database.clear();
    this.#values.clear();
    this.#isRestoring = false;
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #open(): void {
    this.#commits = readCommits(this.#database);
    if (this.#commits === undefined) {
      this.#isRestoring = this.#database.get(RESTORING.key) !== undefined;
      return;
    }
    const { height, appHash } = this.#commits.last;
    this.#trees.open(Number(height));
    if (!equalBytes(appHashOf(this.#trees.latest), appHash)) throw damaged(`the roots of height ${height} are not those of its app hash`);
  }

  /** The meta keys sort before every key of the state. */
  *#batch(commits: Commits, prepared: PreparedVersion, oldestBefore: bigint): Iterable<Change> {
    yield* noteCommit(commits);
    yield* prepared.changes;
    yield* this.#trees.records(prepared, (key) => this.#values.get(key) ?? this.#database.get(key));
    for (let oldest = oldestBefore; oldest < commits.oldestHeight; oldest++) yield* this.#trees.dropOldest(Number(oldest));
  }
}

function checkKeep(keepVersions: number): void {
  if (!Number.isSafeInteger(keepVersions) || keepVersions < 2) throw new InvalidInputError(`expected to keep 2 versions or more, got ${keepVersions}`);
}

function* chain(...parts: readonly Iterable<Change>[]): Iterable<Change> {
  for (const part of parts) yield* part;
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
