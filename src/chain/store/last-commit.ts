/** What the database notes of the last block and of the ones before it. */
import { concatBytes, equalBytes, readU64be, toHex, u64be } from '../../protocol/bytes.js';
import { type Change, type Database, DatabaseError, type Key, keyOf } from './database.js';

/** The last block whose changes are on the disk. */
export interface LastCommit {
  readonly height: bigint;
  /** Block time, whole seconds since 1970. */
  readonly timeSeconds: bigint;
  readonly appHash: Uint8Array;
}

/** The last commit and what is kept behind it. */
export interface Commits {
  readonly last: LastCommit;
  /** Height of the first block that this database ever held. */
  readonly firstHeight: bigint;
  /** Height of the oldest block whose state can still be read. */
  readonly oldestHeight: bigint;
}

/** Database keys that are no part of the state; each begins with 0x00. */
const META = {
  /** -> format u8 | height u64be | time u64be | first height u64be | oldest height u64be | app hash(32) */
  last: '\x00l',
  /** height u64be -> app hash(32) | time u64be, for the last `JOURNAL_BLOCKS` heights */
  journal: '\x00j',
  /** there while a snapshot is being restored: all that the database holds is then a part of it */
  restoring: '\x00r',
} as const;

/** What marks a database that holds a part of a snapshot. */
export const RESTORING = { key: META.restoring, value: Uint8Array.of(1) } as const;

const FORMAT = 2;
const LAST_BYTES = 1 + 4 * 8 + 32;

/**
 * LevelDB skips a damaged record of its log and goes on with the next one, so that a block in the middle could be lost
 * without a word. Each block therefore leaves an entry, and on opening none may be missing. The log holds about
 * 2 MiB, and even an empty block takes some 200 bytes of it.
 */
const JOURNAL_BLOCKS = 16_384n;

const journalKey = (height: bigint): Key => META.journal + keyOf(u64be(height));

/** What is noted when a block is written. */
export function* noteCommit(commits: Commits): Iterable<Change> {
  const { height, timeSeconds, appHash } = commits.last;
  if (height > JOURNAL_BLOCKS) yield { key: journalKey(height - JOURNAL_BLOCKS), value: undefined };
  yield { key: journalKey(height), value: concatBytes(appHash, u64be(timeSeconds)) };
  yield noteLast(commits);
}

/** The record of the last commit alone. */
export function noteLast({ last, firstHeight, oldestHeight }: Commits): Change {
  const { height, timeSeconds, appHash } = last;
  const numbers = [height, timeSeconds, firstHeight, oldestHeight].map(u64be);
  return { key: META.last, value: concatBytes(Uint8Array.of(FORMAT), ...numbers, appHash) };
}

/** What is noted when the last block is taken back and `commits` remain. */
export function* noteRollback(from: bigint, commits: Commits): Iterable<Change> {
  yield { key: journalKey(from), value: undefined };
  yield noteLast(commits);
}

/** A block of the journal, where it is in there. */
export function journalled(database: Database, height: bigint): LastCommit | undefined {
  const entry = database.get(journalKey(height));
  return entry === undefined ? undefined : { height, timeSeconds: readU64be(entry, 32), appHash: entry.slice(0, 32) };
}

/** Nothing before the first commit. @throws DatabaseError DATABASE_CORRUPT where blocks are missing, DATABASE_FORMAT for another version's. */
export function readCommits(database: Database): Commits | undefined {
  const value = database.get(META.last);
  if (value === undefined) return undefined;
  if (value[0] !== FORMAT || value.length !== LAST_BYTES) {
    throw new DatabaseError({
      code: 'DATABASE_FORMAT',
      message: `expected a database of format ${FORMAT}, got format ${value[0] ?? 'none'} in ${value.length} bytes`,
      hint: 'it was written by another version of r3mes: use that version, or start in a new folder',
    });
  }
  const last = { height: readU64be(value, 1), timeSeconds: readU64be(value, 9), appHash: value.slice(33) };
  const commits = { last, firstHeight: readU64be(value, 17), oldestHeight: readU64be(value, 25) };
  checkJournal(database, commits);
  return commits;
}

function checkJournal(database: Database, { last, firstHeight }: Commits): void {
  const oldest = last.height - JOURNAL_BLOCKS + 1n;
  const first = oldest > firstHeight ? oldest : firstHeight;
  for (let height = last.height; height >= first; height--) {
    const entry = database.get(journalKey(height));
    if (entry === undefined || (height === last.height && !equalBytes(entry.subarray(0, 32), last.appHash))) {
      throw new DatabaseError({
        code: 'DATABASE_CORRUPT',
        message:
          entry === undefined
            ? `the state is damaged: it stands at height ${last.height}, but the changes of block ${height} are missing`
            : `the state is damaged: height ${last.height} has app hash ${toHex(last.appHash)} and ${toHex(entry.subarray(0, 32))}`,
        hint: 'restore the folder from a backup, or delete it and let the node rebuild it from its blocks',
      });
    }
  }
}
