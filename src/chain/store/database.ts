import { R3mesError } from '../../protocol/errors.js';

/** A key of the database: each UTF-16 unit is one byte, so that strings sort as their bytes do and serve as map keys. */
export type Key = string;

/** What one block does to one key; no value means that the key goes. */
export interface Change {
  readonly key: Key;
  readonly value: Uint8Array | undefined;
}

export interface Reader {
  /** The value must not be changed by whoever gets it. */
  get(key: Key): Uint8Array | undefined;
}

/**
 * Where the state lives. `get` is synchronous and sees what was written up to the last `reveal` (or, until the first one,
 * what was there on opening), whatever is on its way to the disk meanwhile: a query never meets half a block.
 */
export interface Database extends Reader {
  /** All or nothing, and on the disk when it returns; `changes` are in ascending order of keys. */
  write(changes: Iterable<Change>): Promise<void>;
  /** Lets `get` see what was written. Apart from `write`, so that it happens in the same moment as what follows from it. */
  reveal(): void;
  /** What `get` sees now, for as long as it is open, whatever is written afterwards. Not while a write is under way. */
  freeze(): FrozenDatabase;
  /** Gives the space of what was deleted back to the disk. */
  compact(): Promise<void>;
  /** Removes everything; not at once, should the process be killed meanwhile. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface FrozenDatabase extends Reader {
  close(): Promise<void>;
}

/** The database cannot be used: locked, damaged, disk full. Never a reason to refuse a transaction: the node stops. */
export class DatabaseError extends R3mesError {
  override readonly name = 'DatabaseError';
}

export function keyOf(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function bytesOf(key: Key): Buffer {
  return Buffer.from(key, 'latin1');
}
