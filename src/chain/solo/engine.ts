/**
 * The solo engine: consensus of one validator, in process, for one machine. It drives the application through the same
 * ABCI calls in the same order as CometBFT, and keeps its crash contract: block stored → FinalizeBlock → results stored →
 * Commit.
 */
import { R3mesError } from '../../protocol/errors.js';
import {
  CheckTxType,
  type RequestQuery,
  type ResponseCheckTx,
  type ResponseFinalizeBlock,
  type ResponseInfo,
  ResponseProcessProposal_ProposalStatus as ProposalStatus,
  type ResponseQuery,
} from '../../protocol/gen/tendermint/abci/types.js';
import type { Timestamp } from '../../protocol/gen/google/protobuf/timestamp.js';
import { Block } from '../../protocol/gen/tendermint/types/block.js';
import type { BlockID } from '../../protocol/gen/tendermint/types/types.js';
import type { GenesisDoc } from '../../protocol/genesis-doc.js';
import { sha256 } from '../../protocol/hash.js';
import { compareTime, timeFromMs, timeToMs } from '../../protocol/rfc3339.js';
import type { IncludedTx } from '../../protocol/tx-response.js';
import type { Application } from '../abci/application.js';
import { withTxService } from '../abci/tx-service.js';
import {
  BLOCK_PROTOCOL,
  type ChainState,
  buildBlock,
  checkResults,
  contractBroken,
  finalizeRequest,
  isFirst,
  lastCommit,
  maxDataBytes,
  prepareRequest,
  processRequest,
  signCommit,
  updatedParams,
} from './block-builder.js';
import { BlockStore } from './block-store.js';
import { blockId, resultsHash } from './hashing.js';
import { DEFAULT_MEMPOOL_LIMITS, Mempool, type MempoolLimits, takeFitting, txSizeInBlock } from './mempool.js';
import { Mutex } from './mutex.js';
import { orderByRole } from './ordering.js';
import { COMET_VERSION, handshake, hashOfGenesis, saveResults } from './replay.js';
import { IntervalSealing, type ReadyAnswer, ReadySealing, type Sealing, type SealingPolicy } from './sealing.js';
import type { ValidatorKey } from './validator-key.js';

export interface SoloOptions {
  readonly app: Application;
  readonly genesis: GenesisDoc;
  readonly validatorKey: ValidatorKey;
  /** Folder of the block database. */
  readonly directory: string;
  readonly sealing: SealingPolicy;
  readonly mempool?: Partial<MempoolLimits>;
  /** The last block that is sealed; `finished` resolves after it. */
  readonly stopAtHeight?: bigint;
  /** Called for every block after its commit, in order. */
  readonly onBlock?: (height: bigint, results: ResponseFinalizeBlock) => void;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
}

/** A committed block, as listeners get it. */
export interface SealedBlock {
  readonly block: Block;
  readonly id: BlockID;
  readonly results: ResponseFinalizeBlock;
}

export interface BroadcastResult {
  readonly hash: Uint8Array;
  readonly response: ResponseCheckTx;
}

export class SoloEngine {
  readonly genesis: GenesisDoc;
  readonly validatorKey: ValidatorKey;
  readonly store: BlockStore;
  readonly mempool: Mempool;
  /** Resolves when the engine has stopped, after `stop` or at `stopAtHeight`; rejects when it cannot go on. */
  readonly finished: Promise<void>;
  readonly #options: SoloOptions;
  readonly #app: Application;
  readonly #sealing: Sealing;
  readonly #ready: ReadySealing | undefined;
  /** ABCI calls go one at a time. */
  readonly #calls = new Mutex();
  /** No transaction is checked between FinalizeBlock and the recheck: its check would be on a state that is passing away. */
  readonly #checks = new Mutex();
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(sealed: SealedBlock) => void>();
  #state: ChainState;
  #failure: unknown;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };
  #loop: Promise<void> | undefined;

  private constructor(options: SoloOptions, store: BlockStore, state: ChainState) {
    const { sealing } = options;
    this.#options = options;
    this.#app = withTxService(options.app, (hash) => Promise.resolve(this.#findTx(hash)));
    this.genesis = options.genesis;
    this.validatorKey = options.validatorKey;
    this.store = store;
    this.mempool = new Mempool({ ...DEFAULT_MEMPOOL_LIMITS, ...options.mempool });
    this.#state = state;
    this.#ready = sealing.kind === 'ready' ? new ReadySealing(sealing.roles, sealing.timeoutMs, () => this.#state.height, state.initialHeight) : undefined;
    this.#sealing = sealing.kind === 'interval' ? new IntervalSealing(sealing.intervalMs) : (this.#ready as ReadySealing);
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever cares awaits it; until then a failure must not end the process by itself.
    this.finished.catch(() => undefined);
  }

  /**
   * Opens the block database and brings the application to its height, replaying blocks as need be. Seals nothing yet.
   * @throws R3mesError as `handshake` and the database do.
   */
  static async open(options: SoloOptions): Promise<SoloEngine> {
    const store = await BlockStore.open(options.directory);
    try {
      const { app, genesis, validatorKey: key, directory } = options;
      return new SoloEngine(options, store, await handshake({ app, store, genesis, key, directory }));
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Height of the newest committed block; 0 before the first one. */
  get height(): bigint {
    return isFirst(this.#state) ? 0n : this.#state.height;
  }

  get state(): ChainState {
    return this.#state;
  }

  /** Begins to seal blocks. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Finishes the block at hand, if any, seals no other and closes the block database. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    // A check under way still reads the database.
    await this.#checks.run(() => Promise.resolve());
    await this.store.close();
    this.#settle.resolve();
  }

  /** Hears of every block after its commit. @returns a function that ends it. */
  subscribe(listener: (sealed: SealedBlock) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Has a transaction checked and, if the application accepts it, keeps it for a block. One account's transactions must
   * be given one after the other: each is checked on top of those before it.
   * @throws R3mesError TX_TOO_LARGE, TX_IN_CACHE, MEMPOOL_FULL, or NODE_STOPPED.
   */
  async broadcast(tx: Uint8Array): Promise<BroadcastResult> {
    this.#requireRunning();
    const hash = this.mempool.reserve(tx);
    try {
      return await this.#checks.run(async () => {
        this.#requireRunning();
        if (this.store.txPosition(hash) !== undefined) {
          throw new R3mesError({ code: 'TX_IN_CACHE', message: 'tx already exists in cache' });
        }
        this.#requireFits(BigInt(txSizeInBlock(tx)), maxDataBytes(this.#state.params), 'bytes');
        const response = await this.#calls.run(() => this.#app.checkTx({ tx, type: CheckTxType.NEW }));
        if (response.code === 0) this.#requireFits(response.gasWanted, this.#state.params.block?.maxGas ?? -1n, 'gas');
        if (response.code === 0) this.mempool.admit({ tx, hash, gasWanted: response.gasWanted });
        return { hash, response };
      });
    } finally {
      this.mempool.drop(hash);
    }
  }

  query(request: RequestQuery): Promise<ResponseQuery> {
    return this.#calls.run(() => this.#app.query(request));
  }

  #findTx(hash: Uint8Array): IncludedTx | undefined {
    const position = this.store.txPosition(hash);
    if (position === undefined || position.height > this.height) return undefined;
    const block = this.store.block(position.height);
    const tx = block?.data?.txs[position.index];
    const result = this.store.results(position.height)?.txResults[position.index];
    return tx === undefined || result === undefined ? undefined : { tx, height: position.height, timeSeconds: block?.header?.time?.seconds, result };
  }

  info(): Promise<ResponseInfo> {
    return this.#calls.run(() => this.#app.info({ version: COMET_VERSION, blockVersion: BLOCK_PROTOCOL, p2pVersion: 0n, abciVersion: '' }));
  }

  /** The roles' side of a devnet. @throws R3mesError NO_ROLES where blocks are sealed by interval. */
  get roles(): { join(role: string): ReadyAnswer; leave(role: string): ReadyAnswer; ready(role: string, height: bigint): ReadyAnswer } {
    if (this.#ready !== undefined) return this.#ready;
    throw new R3mesError({ code: 'NO_ROLES', message: 'this node seals blocks by interval and waits for no roles' });
  }

  async #run(): Promise<void> {
    const { stopAtHeight } = this.#options;
    try {
      while (stopAtHeight === undefined || this.height < stopAtHeight) {
        await this.#sealing.due(this.#stopping.signal);
        if (this.#stopping.signal.aborted) return;
        await this.#seal();
      }
      this.#settle.resolve();
    } catch (error) {
      this.#failure = error;
      this.#settle.reject(error);
    }
  }

  async #seal(): Promise<void> {
    const state = this.#state;
    const { validatorKey: key, store } = this;
    const time = this.#nextTime(state);
    const commit = lastCommit(state, time, key);
    const prepare = prepareRequest(state, this.#reap(state), commit, time, key);
    const { txs } = await this.#calls.run(() => this.#app.prepareProposal(prepare));
    const size = txs.reduce((sum, tx) => sum + BigInt(txSizeInBlock(tx)), 0n);
    if (size > prepare.maxTxBytes) throw contractBroken(`PrepareProposal answered ${size} bytes of transactions, more than ${prepare.maxTxBytes}`);

    const block = buildBlock(state, txs, commit, time, key);
    const encoded = Block.encode(block).finish();
    const id = blockId(block, encoded);
    const height = state.height + 1n;
    const { status } = await this.#calls.run(() => this.#app.processProposal(processRequest(block, id, state.power)));
    if (status !== ProposalStatus.ACCEPT) {
      throw contractBroken(`it refused its own proposal for block ${height} with ${txs.length} transactions`);
    }
    const seenCommit = signCommit(state.chainId, height, id, this.#commitTime(time), key);
    const first = isFirst(state) ? { genesisHash: hashOfGenesis(this.genesis), params: state.params } : undefined;
    await store.saveBlock({ block, encoded, id, seenCommit }, first);

    const results = await this.#checks.run(() => this.#execute(state, block, id, txs));
    this.#options.onBlock?.(height, results);
    for (const listener of this.#listeners) listener({ block, id, results });
  }

  /** From FinalizeBlock to the recheck; afterwards the block is part of the chain. */
  async #execute(state: ChainState, block: Block, id: BlockID, txs: readonly Uint8Array[]): Promise<ResponseFinalizeBlock> {
    const height = state.height + 1n;
    const results = await this.#calls.run(() => this.#app.finalizeBlock(finalizeRequest(block, id, state.power)));
    checkResults(results, txs.length, height);
    await saveResults(this.store, height, txs, results);
    await this.#calls.run(() => this.#app.commit());
    this.#state = {
      ...state,
      height,
      lastBlockId: id,
      lastBlockTime: block.header?.time ?? state.lastBlockTime,
      appHash: results.appHash,
      lastResultsHash: resultsHash(results.txResults),
      appVersion: results.consensusParamUpdates?.version?.app ?? state.appVersion,
      params: updatedParams(state.params, results.consensusParamUpdates) ?? state.params,
    };
    await this.#recheck(txs);
    return results;
  }

  /** Drops what the block included, and what it made invalid. */
  async #recheck(included: readonly Uint8Array[]): Promise<void> {
    for (const tx of included) this.mempool.remove(sha256(tx));
    for (const { tx, hash } of this.mempool.entries()) {
      const { code } = await this.#calls.run(() => this.#app.checkTx({ tx, type: CheckTxType.RECHECK }));
      if (code !== 0) this.mempool.remove(hash);
    }
  }

  #reap(state: ChainState): Uint8Array[] {
    const { sealing } = this.#options;
    const entries = this.mempool.entries();
    const ordered = sealing.kind === 'ready' && sealing.deterministicOrder !== undefined ? orderByRole(entries, sealing.roles) : entries;
    return takeFitting(ordered, maxDataBytes(state.params), state.params.block?.maxGas ?? -1n);
  }

  #nextTime(state: ChainState): Timestamp {
    const { sealing } = this.#options;
    if (sealing.kind === 'ready' && sealing.deterministicOrder !== undefined) {
      const number = state.height + 1n - state.initialHeight + 1n;
      const { seconds, nanos } = this.genesis.genesisTime;
      return { seconds: seconds + number * sealing.deterministicOrder.blockSeconds, nanos };
    }
    const earliest = isFirst(state) ? state.lastBlockTime : timeFromMs(timeToMs(state.lastBlockTime) + 1n);
    const now = this.#now();
    return compareTime(now, earliest) < 0 ? earliest : now;
  }

  /** When the validator signs for a block of this time: after it, and not by the clock where nothing may depend on that. */
  #commitTime(blockTime: Timestamp): Timestamp {
    const { sealing } = this.#options;
    if (sealing.kind === 'ready' && sealing.deterministicOrder !== undefined) {
      return { seconds: blockTime.seconds + sealing.deterministicOrder.blockSeconds, nanos: blockTime.nanos };
    }
    const earliest = timeFromMs(timeToMs(blockTime) + 1n);
    const now = this.#now();
    return compareTime(now, earliest) < 0 ? earliest : now;
  }

  #now(): Timestamp {
    return timeFromMs(BigInt((this.#options.nowMs ?? Date.now)()));
  }

  /** What no block can hold would wait for ever, and everything behind it. */
  #requireFits(amount: bigint, limit: bigint, unit: string): void {
    if (limit < 0n || amount <= limit) return;
    throw new R3mesError({ code: 'TX_TOO_LARGE', message: `Tx too large. A block has room for ${limit} ${unit}, but it takes ${amount}` });
  }

  #requireRunning(): void {
    if (this.#failure === undefined && !this.#stopping.signal.aborted) return;
    const why = this.#failure instanceof Error ? `: ${this.#failure.message}` : '';
    throw new R3mesError({ code: 'NODE_STOPPED', message: `this node takes no transactions any more${why}`, hint: 'start it again' });
  }
}
