import type * as abci from '../../protocol/gen/tendermint/abci/types.js';
import {
  ResponseApplySnapshotChunk_Result as ChunkResult,
  ResponseOfferSnapshot_Result as OfferResult,
} from '../../protocol/gen/tendermint/abci/types.js';
import { type SnapshotStore, SnapshotRestore, refusalOfSnapshot } from '../store/snapshot/index.js';
import type { StateStore } from '../store/state.js';
import { readBlockTime } from './chain-info.js';
import type { Report } from './executor.js';

/** The part of ABCI that gives snapshots of the state to other nodes, and starts an empty one from theirs. */
export class StateSync {
  readonly #store: StateStore;
  readonly #snapshots: SnapshotStore | undefined;
  readonly #report: Report;
  #restore: SnapshotRestore | undefined;

  /** @param snapshots nothing where this node gives none. */
  constructor(store: StateStore, snapshots: SnapshotStore | undefined, report: Report) {
    this.#store = store;
    this.#snapshots = snapshots;
    this.#report = report;
  }

  /** Starts a snapshot of the block that was just committed, where one is due; blocks do not wait for it. */
  afterCommit(height: bigint): void {
    if (this.#snapshots?.isDue(height) !== true) return;
    this.#snapshots.take(height, this.#store.freeze()).catch((error: unknown) => this.#report(`no snapshot of height ${height} could be taken`, error));
  }

  list(): abci.ResponseListSnapshots {
    return { snapshots: [...(this.#snapshots?.list() ?? [])] };
  }

  /** No bytes where there is no such chunk. */
  async load({ height, format, chunk }: abci.RequestLoadSnapshotChunk): Promise<abci.ResponseLoadSnapshotChunk> {
    return { chunk: (await this.#snapshots?.load(height, format, chunk)) ?? new Uint8Array() };
  }

  /** @throws DatabaseError only. */
  async offer({ snapshot, appHash }: abci.RequestOfferSnapshot): Promise<abci.ResponseOfferSnapshot> {
    if (this.#store.last !== undefined) {
      this.#report(`a snapshot was offered, but this state stands at height ${this.#store.last.height} already`);
      return { result: OfferResult.ABORT };
    }
    if (snapshot === undefined) return { result: OfferResult.REJECT };
    const refusal = refusalOfSnapshot(snapshot);
    if (refusal !== undefined) return { result: refusal === 'format' ? OfferResult.REJECT_FORMAT : OfferResult.REJECT };
    this.#restore = await SnapshotRestore.begin(this.#store, snapshot, appHash);
    return { result: OfferResult.ACCEPT };
  }

  /** @throws DatabaseError only. */
  async apply({ index, chunk, sender }: abci.RequestApplySnapshotChunk): Promise<abci.ResponseApplySnapshotChunk> {
    const answer = await this.#restore?.apply(index, chunk, sender, readBlockTime);
    switch (answer?.kind) {
      case undefined:
        return result(ChunkResult.ABORT);
      case 'again': {
        const { badSender } = answer;
        if (badSender !== undefined) this.#report(`snapshot chunk ${index} of peer ${badSender} has another hash than announced: asking another peer`);
        return { result: ChunkResult.RETRY, refetchChunks: [answer.chunk], rejectSenders: badSender === undefined ? [] : [badSender] };
      }
      case 'rejected':
        this.#restore = undefined;
        this.#report(`the snapshot is refused: ${answer.why}`);
        return result(ChunkResult.REJECT_SNAPSHOT);
      case 'finished':
        this.#restore = undefined;
        return result(ChunkResult.ACCEPT);
      case 'accepted':
        return result(ChunkResult.ACCEPT);
    }
  }
}

function result(value: ChunkResult): abci.ResponseApplySnapshotChunk {
  return { result: value, refetchChunks: [], rejectSenders: [] };
}
