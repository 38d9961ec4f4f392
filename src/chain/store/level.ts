import { mkdir } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

import { ClassicLevel } from 'classic-level';

import { type Change, type Database, DatabaseError, type FrozenDatabase, type Key, bytesOf } from './database.js';

type Level = ClassicLevel<Uint8Array, Uint8Array>;
type LevelSnapshot = ReturnType<Level['snapshot']>;

interface ReadOptions {
  readonly keyEncoding: 'view';
  readonly valueEncoding: 'view';
  readonly snapshot: LevelSnapshot;
}

/** Open files are mapped into memory: at the default of 1000 random reads let the process grow to several hundred MB. */
const MAX_OPEN_FILES = 64;
/** Half of LevelDB's defaults: the whole node is to stay below 100 MB, and a block is far smaller than either. */
const CACHE_BYTES = 4 * 1024 * 1024;
const WRITE_BUFFER_BYTES = 2 * 1024 * 1024;
/** LevelDB maps up to 64 files at a time, however few it may hold open: of the smallest size that it knows. */
const FILE_BYTES = 1024 * 1024;
const CHECKSUM_BYTES = 4;
/** Up to here a view of every length is kept. */
const MAX_HEAD_BYTES = 512;

/**
 * LevelDB in `directory`. Values carry a CRC-32 over key and value, since LevelDB itself checks no block on reading: a
 * flipped bit on the disk must become an error, not another app hash.
 */
export class LevelDatabase implements Database {
  readonly #level: Level;
  readonly #directory: string;
  #snapshot: LevelSnapshot;
  #closing: Promise<void> = Promise.resolve();
  #options: ReadOptions;
  #scratch = Buffer.allocUnsafeSlow(4096);
  #heads: (Buffer | undefined)[] = [];

  private constructor(level: Level, directory: string) {
    this.#level = level;
    this.#directory = directory;
    this.#snapshot = level.snapshot();
    this.#options = { keyEncoding: 'view', valueEncoding: 'view', snapshot: this.#snapshot };
  }

  /** Creates the directory if need be. @throws DatabaseError DATABASE_LOCKED, DATABASE_CORRUPT or DATABASE_UNUSABLE. */
  static async open(directory: string): Promise<LevelDatabase> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const level: Level = new ClassicLevel(directory, {
        keyEncoding: 'view',
        valueEncoding: 'view',
        maxOpenFiles: MAX_OPEN_FILES,
        cacheSize: CACHE_BYTES,
        writeBufferSize: WRITE_BUFFER_BYTES,
        maxFileSize: FILE_BYTES,
      });
      await level.open();
      return new LevelDatabase(level, directory);
    } catch (error) {
      throw translate(error, directory);
    }
  }

  get(key: Key): Uint8Array | undefined {
    return this.#get(key, this.#options);
  }

  #get(key: Key, options: ReadOptions): Uint8Array | undefined {
    const keyBytes = bytesOf(key);
    let stored: Uint8Array | undefined;
    try {
      stored = this.#level.getSync(keyBytes, options);
    } catch (error) {
      throw translate(error, this.#directory);
    }
    if (stored === undefined) return undefined;
    const at = stored.length - CHECKSUM_BYTES;
    if (at < 0 || readChecksum(stored, at) !== checksum(keyBytes, stored.subarray(0, at))) {
      throw corrupt(this.#directory, `the value of key ${keyBytes.toString('hex')} does not match its checksum`);
    }
    // A plain Uint8Array as from memory: a Buffer's `slice` and `toString` do other things.
    return new Uint8Array(stored.buffer, stored.byteOffset, at);
  }

  async write(changes: Iterable<Change>): Promise<void> {
    try {
      // A chained batch copies into native memory at once: a tenth of the time of an array of operations.
      const batch = this.#level.batch();
      for (const { key, value } of changes) {
        const entry = this.#entry(key, value?.length ?? 0);
        const keyBytes = this.#head(key.length);
        if (value === undefined) {
          batch.del(keyBytes);
          continue;
        }
        entry.set(value, key.length);
        const end = key.length + value.length;
        // One after the other, key and value have the checksum that they have one by one.
        entry.writeUInt32BE(crc32(this.#head(end)), end);
        batch.put(keyBytes, entry.subarray(key.length, end + CHECKSUM_BYTES));
      }
      await batch.write({ sync: true });
    } catch (error) {
      throw translate(error, this.#directory);
    }
  }

  /** Room for a key, which is there already, a value and its checksum; the batch copies all of it before the next one. */
  #entry(key: Key, valueBytes: number): Buffer {
    const bytes = key.length + valueBytes + CHECKSUM_BYTES;
    if (bytes > this.#scratch.length) {
      this.#scratch = Buffer.allocUnsafeSlow(bytes * 2);
      this.#heads = [];
    }
    this.#scratch.write(key, 0, 'latin1');
    return this.#scratch;
  }

  /** The first bytes of that room; lengths come again and again, and a view costs more than what it is used for. */
  #head(bytes: number): Buffer {
    if (bytes > MAX_HEAD_BYTES) return this.#scratch.subarray(0, bytes);
    return (this.#heads[bytes] ??= this.#scratch.subarray(0, bytes));
  }

  reveal(): void {
    const previous = this.#snapshot;
    this.#snapshot = this.#level.snapshot();
    this.#options = { ...this.#options, snapshot: this.#snapshot };
    this.#closing = previous.close();
  }

  freeze(): FrozenDatabase {
    const options: ReadOptions = { ...this.#options, snapshot: this.#level.snapshot() };
    return { get: (key) => this.#get(key, options), close: () => options.snapshot.close() };
  }

  async compact(): Promise<void> {
    try {
      await this.#level.compactRange(Uint8Array.of(0), Uint8Array.of(0xff), { keyEncoding: 'view' });
    } catch (error) {
      throw translate(error, this.#directory);
    }
  }

  async clear(): Promise<void> {
    try {
      await this.#level.clear();
      this.reveal();
    } catch (error) {
      throw translate(error, this.#directory);
    }
  }

  async close(): Promise<void> {
    await this.#closing;
    await this.#level.close();
  }
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key));
}

function readChecksum(stored: Uint8Array, at: number): number {
  return new DataView(stored.buffer, stored.byteOffset).getUint32(at);
}

export function corrupt(directory: string, what: string, cause?: unknown): DatabaseError {
  return new DatabaseError({
    code: 'DATABASE_CORRUPT',
    message: `database ${directory} is damaged: ${what}`,
    hint: 'restore the folder from a backup, or delete it and let the node rebuild it from its blocks',
    cause,
  });
}

/** LevelDB's own words for what went wrong lie one cause deeper than the error that classic-level throws. */
function translate(error: unknown, directory: string): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const codes: string[] = [];
  let message = String(error);
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string') codes.push(e.code);
    message = e.message;
  }
  if (codes.includes('LEVEL_LOCKED')) {
    return new DatabaseError({
      code: 'DATABASE_LOCKED',
      message: `database ${directory} is in use by another process`,
      hint: 'stop the other node first, or choose another folder with --home',
      retryable: true,
      cause: error,
    });
  }
  if (codes.includes('LEVEL_CORRUPTION') || /corrupt|missing files|does not exist \(create_if_missing|CURRENT file/i.test(message)) {
    return corrupt(directory, message, error);
  }
  return new DatabaseError({
    code: 'DATABASE_UNUSABLE',
    message: `database ${directory} cannot be used: ${message}`,
    hint: 'check that the folder can be written to and that the disk is not full',
    cause: error,
  });
}
