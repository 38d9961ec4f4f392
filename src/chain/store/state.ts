import { concatBytes, equalBytes, readU64be, toHex, u64be } from '../../protocol/bytes.js';
import { Branch } from './branch.js';
import type { Commitment } from './commitment.js';
import { type Change, type Database, DatabaseError, type Key, type Reader, keyOf } from './database.js';

/** The last block whose changes are on the disk. */
export interface LastCommit {
  readonly height: bigint;
  /** Block time, whole seconds since 1970. */
  readonly timeSeconds: bigint;
  readonly appHash: Uint8Array;
}

/** Database keys that are no part of the state; each begins with 0x00. */
const META = {
  /** -> format u8 | height u64be | time u64be | first height u64be | app hash(32) */
  last: '\x00l',
  /** height u64be -> app hash(32), for the last `JOURNAL_BLOCKS` heights */
  journal: '\x00j',
} as const;

const FORMAT = 1;
const LAST_BYTES = 1 + 8 + 8 + 8 + 32;

/**
 * LevelDB skips a damaged record of its log and goes on with the next one, so that a block in the middle could be lost
 * without a word. Each block therefore leaves an entry, and on opening none may be missing. The log holds about
 * 2 MiB, and even an empty block takes some 200 bytes of it.
 */
const JOURNAL_BLOCKS = 16_384n;

const journalKey = (height: bigint): Key => META.journal + keyOf(u64be(height));

/** The committed state: one database, the last commit in it, and the way to the next one. */
export class StateStore implements Reader {
  readonly commitment: Commitment;
  readonly #database: Database;
  #last: LastCommit | undefined;
  /** Height of the first block ever committed. */
  #firstHeight: bigint | undefined;

  /** @throws DatabaseError DATABASE_CORRUPT where blocks are missing, DATABASE_FORMAT for another version's. */
  constructor(database: Database, commitment: Commitment) {
    this.#database = database;
    this.commitment = commitment;
    const stored = readLast(database);
    if (stored === undefined) return;
    checkJournal(database, stored.last, stored.firstHeight);
    this.#last = stored.last;
    this.#firstHeight = stored.firstHeight;
  }

  /** Nothing before the first commit. */
  get last(): LastCommit | undefined {
    return this.#last;
  }

  get(key: Key): Uint8Array | undefined {
    return this.#database.get(key);
  }

  branch(): Branch {
    return new Branch(this);
  }

  /** Writes a block: its changes, height, time and app hash, in one atomic and durable batch. */
  async commit(last: LastCommit, changes: readonly Change[]): Promise<void> {
    const firstHeight = this.#firstHeight ?? last.height;
    await this.#database.write(withMeta(last, firstHeight, changes));
    this.#database.reveal();
    this.#last = last;
    this.#firstHeight = firstHeight;
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

/** The meta keys sort before every key of the state. */
function* withMeta(last: LastCommit, firstHeight: bigint, changes: readonly Change[]): Iterable<Change> {
  const { height, timeSeconds, appHash } = last;
  if (height > JOURNAL_BLOCKS) yield { key: journalKey(height - JOURNAL_BLOCKS), value: undefined };
  yield { key: journalKey(height), value: appHash };
  yield { key: META.last, value: concatBytes(Uint8Array.of(FORMAT), u64be(height), u64be(timeSeconds), u64be(firstHeight), appHash) };
  yield* changes;
}

function readLast(database: Database): { last: LastCommit; firstHeight: bigint } | undefined {
  const value = database.get(META.last);
  if (value === undefined) return undefined;
  if (value[0] !== FORMAT || value.length !== LAST_BYTES) {
    throw new DatabaseError({
      code: 'DATABASE_FORMAT',
      message: `expected a database of format ${FORMAT}, got format ${value[0] ?? 'none'} in ${value.length} bytes`,
      hint: 'it was written by another version of r3mes: use that version, or start in a new folder',
    });
  }
  const last = { height: readU64be(value, 1), timeSeconds: readU64be(value, 9), appHash: value.slice(25) };
  return { last, firstHeight: readU64be(value, 17) };
}

function checkJournal(database: Database, last: LastCommit, firstHeight: bigint): void {
  const oldest = last.height - JOURNAL_BLOCKS + 1n;
  const first = oldest > firstHeight ? oldest : firstHeight;
  for (let height = last.height; height >= first; height--) {
    const entry = database.get(journalKey(height));
    if (entry === undefined || (height === last.height && !equalBytes(entry, last.appHash))) {
      throw new DatabaseError({
        code: 'DATABASE_CORRUPT',
        message:
          entry === undefined
            ? `the state is damaged: it stands at height ${last.height}, but the changes of block ${height} are missing`
            : `the state is damaged: height ${last.height} has app hash ${toHex(last.appHash)} and ${toHex(entry)}`,
        hint: 'restore the folder from a backup, or delete it and let the node rebuild it from its blocks',
      });
    }
  }
}
