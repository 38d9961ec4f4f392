import { equalBytes } from '../../../protocol/bytes.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import { sha256 } from '../../../protocol/hash.js';
import type { Reader } from '../database.js';
import type { StateStore } from '../state.js';
import { SNAPSHOT_FORMAT } from './format.js';
import { StateImport } from './import.js';
import type { SnapshotInfo } from './snapshot-store.js';

const HASH_BYTES = 32;

/** What became of a chunk. */
export type ChunkAnswer =
  | { readonly kind: 'accepted' }
  /** All of it is there, and its root is the app hash that was asked for. */
  | { readonly kind: 'finished' }
  /** This chunk must be asked for again; `badSender` gave other bytes than the snapshot has. */
  | { readonly kind: 'again'; readonly chunk: number; readonly badSender?: string }
  /** The snapshot is none of the state behind the app hash; nothing of it is left. */
  | { readonly kind: 'rejected'; readonly why: string };

/** Why an offered snapshot is none of ours; nothing where it may be one. */
export function refusalOfSnapshot({ height, format, chunks, hash, metadata }: SnapshotInfo): 'format' | 'metadata' | undefined {
  if (format !== SNAPSHOT_FORMAT) return 'format';
  const fits = height > 0n && chunks > 0 && metadata.length === chunks * HASH_BYTES && equalBytes(hash, sha256(metadata));
  return fits ? undefined : 'metadata';
}

/** Fills an empty state from the chunks of a snapshot, in their order. */
export class SnapshotRestore {
  readonly #state: StateStore;
  readonly #snapshot: SnapshotInfo;
  readonly #appHash: Uint8Array;
  readonly #import = new StateImport();
  #next = 0;

  private constructor(state: StateStore, snapshot: SnapshotInfo, appHash: Uint8Array) {
    this.#state = state;
    this.#snapshot = snapshot;
    this.#appHash = appHash;
  }

  /**
   * @param snapshot not refused by `refusalOfSnapshot`. @param appHash after the snapshot's height, as the light client
   * knows it: all else comes from peers. @throws Error where the state is not empty.
   */
  static async begin(state: StateStore, snapshot: SnapshotInfo, appHash: Uint8Array): Promise<SnapshotRestore> {
    await state.beginRestore();
    return new SnapshotRestore(state, snapshot, appHash);
  }

  /** @param timeOf the time of the last block, as the state holds it. @throws DatabaseError only. */
  async apply(index: number, chunk: Uint8Array, sender: string, timeOf: (state: Reader) => bigint | undefined): Promise<ChunkAnswer> {
    if (index > this.#next) return { kind: 'again', chunk: this.#next };
    const expected = this.#snapshot.metadata.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    if (!equalBytes(sha256(chunk), expected)) return { kind: 'again', chunk: index, badSender: sender };
    if (index < this.#next) return { kind: 'accepted' };
    try {
      await this.#state.restore(this.#import.add(chunk));
      this.#next++;
      if (this.#next < this.#snapshot.chunks) return { kind: 'accepted' };
      await this.#state.finishRestore(this.#snapshot.height, this.#import.finish(), this.#appHash, timeOf);
      return { kind: 'finished' };
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      await this.#state.abandonRestore();
      return { kind: 'rejected', why: error.message };
    }
  }

  /** Leaves an empty state. */
  abandon(): Promise<void> {
    return this.#state.abandonRestore();
  }
}
