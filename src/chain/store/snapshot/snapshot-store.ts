import { mkdir, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { concatBytes } from '../../../protocol/bytes.js';
import { sha256 } from '../../../protocol/hash.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { FrozenDatabase } from '../database.js';
import { exportState } from './export.js';
import { CHUNK_BYTES, SNAPSHOT_FORMAT } from './format.js';

export interface SnapshotSettings {
  /** One folder a snapshot lies in here; made where it is missing. */
  readonly directory: string;
  /** A snapshot of every height that this divides; 0 for none. */
  readonly interval: number;
  /** Snapshots that stay, from the newest on; at least 1. */
  readonly keepRecent: number;
}

export interface SnapshotInfo {
  readonly height: bigint;
  readonly format: number;
  readonly chunks: number;
  /** SHA-256 of `metadata`. */
  readonly hash: Uint8Array;
  /** SHA-256 of every chunk, one after the other. */
  readonly metadata: Uint8Array;
}

const HASH_BYTES = 32;
const METADATA = 'metadata';
const PART = '.part';
/** CometBFT takes no more from one peer. */
const MAX_LISTED = 10;
/** Blocks come first: a snapshot works this long at a time, then leaves the process alone for as long. */
const WORK_MS = 4;
const PAUSE_MS = 8;

/** The snapshots that this node can give to others, on the disk. */
export class SnapshotStore {
  readonly #settings: SnapshotSettings;
  #snapshots: SnapshotInfo[];
  #running: Promise<void> | undefined;
  #isClosed = false;

  private constructor(settings: SnapshotSettings, snapshots: SnapshotInfo[]) {
    this.#settings = settings;
    this.#snapshots = snapshots;
  }

  /** Removes what an interrupted one left. @throws InvalidInputError for settings out of range. */
  static async open(settings: SnapshotSettings): Promise<SnapshotStore> {
    const { directory, interval, keepRecent } = settings;
    if (!Number.isSafeInteger(interval) || interval < 0) throw new InvalidInputError(`expected a snapshot interval of 0 or more blocks, got ${interval}`);
    if (!Number.isSafeInteger(keepRecent) || keepRecent < 1) throw new InvalidInputError(`expected to keep 1 snapshot or more, got ${keepRecent}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const snapshots: SnapshotInfo[] = [];
    for (const name of await readdir(directory)) {
      const folder = path.join(directory, name);
      if (name.endsWith(PART)) await rm(folder, { recursive: true, force: true });
      else if (/^[0-9]{1,18}$/.test(name)) snapshots.push(infoOf(BigInt(name), await readFile(path.join(folder, METADATA))));
    }
    snapshots.sort((a, b) => (a.height > b.height ? -1 : 1));
    return new SnapshotStore(settings, snapshots);
  }

  /** Newest first. */
  list(): readonly SnapshotInfo[] {
    return this.#snapshots.slice(0, MAX_LISTED);
  }

  /** Nothing where there is no such chunk. */
  async load(height: bigint, format: number, chunk: number): Promise<Uint8Array | undefined> {
    const info = this.#snapshots.find((snapshot) => snapshot.height === height && snapshot.format === format);
    if (info === undefined || !Number.isInteger(chunk) || chunk < 0 || chunk >= info.chunks) return undefined;
    return readFile(path.join(this.#folder(height), `${chunk}`)).catch(() => undefined);
  }

  /** Whether a snapshot is to be taken now: at this height, and no other one is still being taken. */
  isDue(height: bigint): boolean {
    const { interval } = this.#settings;
    return interval > 0 && height % BigInt(interval) === 0n && this.#running === undefined && !this.#isClosed;
  }

  /**
   * Takes one in the background; ask `isDue` before. @param database of the moment after block `height`; closed at the end.
   * @returns when it is done, or was given up since the store was closed. Rejects where it cannot be written or read.
   */
  take(height: bigint, database: FrozenDatabase): Promise<void> {
    const taking = this.#take(height, database).finally(async () => {
      this.#running = undefined;
      await database.close();
    });
    // Whoever closes waits for the end, not for its outcome: that is the caller's.
    this.#running = taking.catch(() => undefined);
    return taking;
  }

  /** Gives up what is being taken. Before the database is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  #folder(height: bigint): string {
    return path.join(this.#settings.directory, `${height}`);
  }

  async #take(height: bigint, database: FrozenDatabase): Promise<void> {
    const part = this.#folder(height) + PART;
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { mode: 0o700 });
    const hashes: Uint8Array[] = [];
    for await (const chunk of this.#chunks(height, database)) {
      hashes.push(sha256(chunk));
      const file = await open(path.join(part, `${hashes.length - 1}`), 'wx', 0o600);
      await file.writeFile(chunk);
      await file.sync();
      await file.close();
    }
    if (this.#isClosed) {
      await rm(part, { recursive: true, force: true });
      return;
    }
    const metadata = concatBytes(...hashes);
    await writeFile(path.join(part, METADATA), metadata, { mode: 0o600, flush: true });
    await rm(this.#folder(height), { recursive: true, force: true });
    await rename(part, this.#folder(height));
    this.#snapshots = [infoOf(height, metadata), ...this.#snapshots.filter((snapshot) => snapshot.height !== height)];
    for (const old of this.#snapshots.splice(this.#settings.keepRecent)) await rm(this.#folder(old.height), { recursive: true, force: true });
  }

  /** The stream in chunks of equal length, the last one shorter; ends early where the store is closed. The chunk is reused. */
  async *#chunks(height: bigint, database: FrozenDatabase): AsyncIterable<Uint8Array> {
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let filled = 0;
    let untilMs = performance.now() + WORK_MS;
    for (const piece of exportState(database, Number(height))) {
      for (let at = 0; at < piece.length; ) {
        const bytes = piece.subarray(at, at + CHUNK_BYTES - filled);
        chunk.set(bytes, filled);
        filled += bytes.length;
        at += bytes.length;
        if (filled < CHUNK_BYTES) continue;
        yield chunk;
        filled = 0;
      }
      if (performance.now() < untilMs) continue;
      await sleep(PAUSE_MS);
      if (this.#isClosed) return;
      untilMs = performance.now() + WORK_MS;
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  }
}

function infoOf(height: bigint, metadata: Uint8Array): SnapshotInfo {
  return { height, format: SNAPSHOT_FORMAT, chunks: metadata.length / HASH_BYTES, hash: sha256(metadata), metadata: new Uint8Array(metadata) };
}
