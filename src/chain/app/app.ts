import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import type * as abci from '../../protocol/gen/tendermint/abci/types.js';
import {
  CheckTxType,
  ResponseProcessProposal_ProposalStatus as ProposalStatus,
} from '../../protocol/gen/tendermint/abci/types.js';
import type { Timestamp } from '../../protocol/gen/google/protobuf/timestamp.js';
import type { DecodedTx } from '../../protocol/tx.js';
import type { Application } from '../abci/application.js';
import type { BlockInfo, Module, ProposerTx } from '../module.js';
import { sdkError } from '../modules/sdk-errors.js';
import { Branch } from '../store/branch.js';
import type { Database } from '../store/database.js';
import type { PreparedVersion } from '../store/multistore.js';
import type { SnapshotStore } from '../store/snapshot/index.js';
import { type StateOptions, StateStore } from '../store/state.js';
import type { Base } from './base.js';
import { APP_STORE, type ChainInfo, readBlockTime, readChainInfo, writeBlockTime, writeChainInfo } from './chain-info.js';
import { firstValidators, misbehaviorOf, votesOf } from './commit-info.js';
import { ExecutionContext, ReadContext } from './context.js';
import { type Report, TxExecutor, toAbciEvents, toFailure } from './executor.js';
import { blockMaxBytes, blockMaxGas, packBlock, refusalOfTxs } from './proposal.js';
import { QueryRouter, type QueryState, simulateQuery } from './queries.js';
import { SignatureVerifier } from './signature.js';
import { StateSync } from './state-sync.js';

/** Version of the state machine: blocks of another version are not ours to execute. */
export const APP_VERSION = 1n;

export interface AppOptions {
  readonly database: Database;
  /** What of the state is kept on the disk and in memory. */
  readonly state?: StateOptions;
  /** Snapshots for other nodes; the caller closes it, before the database. Nothing where this node gives none. */
  readonly snapshots?: SnapshotStore;
  readonly base: Base;
  /** The other modules, in the order of genesis and of hooks. */
  readonly modules: readonly Module[];
  readonly proposerTx?: ProposerTx;
  /** Hears of bugs and of refused proposals, which no ABCI response can carry. */
  readonly report: Report;
}

/** @throws DatabaseError where the database holds no whole state. */
export function createApp(options: AppOptions): Application {
  return new ChainApp(options);
}

/** A block that is executed but not committed. */
interface Pending {
  readonly timeSeconds: bigint;
  readonly prepared: PreparedVersion;
}

const NO_ADDRESS = new Uint8Array();

class ChainApp implements Application {
  readonly #store: StateStore;
  readonly #sync: StateSync;
  readonly #base: Base;
  readonly #modules: readonly Module[];
  readonly #proposerTx: ProposerTx | undefined;
  readonly #report: Report;
  readonly #executor: TxExecutor;
  readonly #router: QueryRouter;
  #info: ChainInfo | undefined;
  /** Genesis lives in memory until the first block is committed with it. */
  #genesis: Branch | undefined;
  #pending: Pending | undefined;
  /** What the mempool's transactions have done since the last commit: their fees and sequences. */
  #checkBranch: Branch | undefined;

  constructor({ database, state, snapshots, base, modules, proposerTx, report }: AppOptions) {
    this.#store = new StateStore(database, state);
    this.#sync = new StateSync(this.#store, snapshots, report);
    this.#base = base;
    this.#modules = [...base.modules, ...modules];
    this.#proposerTx = proposerTx;
    this.#report = report;
    const names = this.#modules.map((module) => module.name);
    for (const [index, name] of names.entries()) {
      if (name === APP_STORE || names.indexOf(name) !== index) throw new Error(`two modules named ${name}`);
    }
    this.#executor = new TxExecutor({ ...base, verifier: new SignatureVerifier() }, this.#modules, report);
    this.#router = new QueryRouter(this.#modules, report);
    this.#router.add(simulateQuery((bytes) => this.#simulate(bytes)));
    if (this.#store.last !== undefined) this.#info = readChainInfo(this.#store);
  }

  info(): Promise<abci.ResponseInfo> {
    const last = this.#store.last;
    return Promise.resolve({
      data: 'r3mes',
      version: APP_VERSION.toString(),
      appVersion: APP_VERSION,
      lastBlockHeight: last?.height ?? 0n,
      lastBlockAppHash: last?.appHash ?? new Uint8Array(),
    });
  }

  /** @throws InvalidInputError naming what is wrong with the genesis; nothing is kept then. */
  // eslint-disable-next-line @typescript-eslint/require-await -- errors must become rejections
  async initChain(request: abci.RequestInitChain): Promise<abci.ResponseInitChain> {
    const last = this.#store.last;
    if (last !== undefined) {
      throw new R3mesError({
        code: 'ALREADY_INITIALISED',
        message: `expected an empty state, got one at height ${last.height}`,
        hint: 'the block store and the state do not belong together: reset the node',
      });
    }
    const info = chainInfoOf(request);
    const block: BlockInfo = {
      chainId: info.chainId,
      height: info.initialHeight,
      timeSeconds: info.genesisTimeSeconds,
      genesisTimeSeconds: info.genesisTimeSeconds,
      proposerAddress: NO_ADDRESS,
    };
    const branch = this.#store.branch();
    writeChainInfo(branch, info);
    const appState = parseAppState(request.appStateBytes);
    const known = new Set(this.#modules.map((module) => module.name));
    for (const name of Object.keys(appState)) {
      if (!known.has(name)) {
        throw new InvalidInputError(`app_state.${name}: no module of this name; expected ${[...known].join(', ')}`, 'correct the genesis file');
      }
    }
    const ctx = new ExecutionContext(block, branch);
    for (const module of this.#modules) module.initGenesis(ctx, appState[module.name] ?? {});
    const validators = firstValidators(request.validators, this.#validatorUpdates(ctx));

    this.#info = info;
    this.#genesis = branch;
    this.#pending = undefined;
    this.#checkBranch = undefined;
    // What the first block's app hash would be if it changed nothing: nodes with different genesis files disagree at once.
    const { appHash } = this.#store.prepare(info.initialHeight, branch.changes());
    return { consensusParams: info.consensusParams, validators, appHash };
  }

  checkTx(request: abci.RequestCheckTx): Promise<abci.ResponseCheckTx> {
    const info = this.#requireInfo();
    if (this.#proposerTx?.matches(request.tx) === true) {
      const refused = sdkError('UNAUTHORIZED', "this kind of transaction is the block proposer's alone");
      return Promise.resolve({ ...emptyResult(), ...toFailure(refused, this.#report) });
    }
    // The earliest block that could hold it is the next one.
    const block = { ...this.#lastBlock(info), height: this.#nextHeight(info) };
    this.#checkBranch ??= new Branch(this.#view());
    const mode = request.type === CheckTxType.RECHECK ? 'recheck' : 'check';
    return Promise.resolve(this.#executor.run(block, this.#checkBranch, request.tx, mode, blockMaxGas(info.consensusParams)));
  }

  prepareProposal(request: abci.RequestPrepareProposal): Promise<abci.ResponsePrepareProposal> {
    const info = this.#requireInfo();
    const ctx = new ReadContext(blockOf(info, request), this.#view());
    const first = this.#proposerTx?.build(ctx);
    const limits = { maxBytes: request.maxTxBytes, maxGas: blockMaxGas(info.consensusParams) };
    const params = this.#base.accounts.params(ctx);
    return Promise.resolve({ txs: packBlock(first, request.txs, limits, this.#proposerTx, (tx) => this.#executor.inspect(tx, params)) });
  }

  processProposal(request: abci.RequestProcessProposal): Promise<abci.ResponseProcessProposal> {
    const info = this.#requireInfo();
    const ctx = new ReadContext(blockOf(info, request), this.#view());
    const [first, rest] = this.#splitProposerTx(request.txs);
    const limits = { maxBytes: blockMaxBytes(info.consensusParams), maxGas: blockMaxGas(info.consensusParams) };
    const refusal = this.#proposerTx?.refusal(ctx, first) ?? refusalOfTxs(rest, limits, this.#proposerTx, this.#decoder(ctx));
    if (refusal === undefined) return Promise.resolve({ status: ProposalStatus.ACCEPT });
    this.#report(`proposal for height ${request.height} refused: ${refusal}`);
    return Promise.resolve({ status: ProposalStatus.REJECT });
  }

  /** @throws DatabaseError, or a bug in a hook: the block is then not executed, and its height stays open. */
  // eslint-disable-next-line @typescript-eslint/require-await -- errors must become rejections
  async finalizeBlock(request: abci.RequestFinalizeBlock): Promise<abci.ResponseFinalizeBlock> {
    const info = this.#requireInfo();
    if (request.height !== this.#nextHeight(info)) {
      throw new R3mesError({ code: 'WRONG_HEIGHT', message: `expected block ${this.#nextHeight(info)}, got block ${request.height}` });
    }
    this.#pending = undefined;
    const block = finalBlockOf(info, request);
    const branch = new Branch(this.#view());
    const hooks = new ExecutionContext(block, branch);
    const [first, rest] = this.#splitProposerTx(request.txs);

    writeBlockTime(branch, block.timeSeconds);
    this.#proposerTx?.execute(hooks, first);
    for (const module of this.#modules) module.beginBlock?.(hooks);
    const txResults = first === undefined ? [] : [emptyResult()];
    for (const tx of rest) txResults.push(this.#deliver(block, branch, tx, info));
    for (const module of this.#modules) module.endBlock?.(hooks);
    const validatorUpdates = this.#validatorUpdates(hooks);

    const prepared = this.#store.prepare(block.height, branch.changes());
    this.#pending = { timeSeconds: block.timeSeconds, prepared };
    return { events: toAbciEvents(hooks.events), txResults, validatorUpdates, consensusParamUpdates: undefined, appHash: prepared.appHash };
  }

  /** @throws DatabaseError where the block could not be written; the state is then the one before it. */
  async commit(): Promise<abci.ResponseCommit> {
    const pending = this.#pending;
    if (pending === undefined) throw new R3mesError({ code: 'NOTHING_TO_COMMIT', message: 'expected finalizeBlock before commit' });
    await this.#store.commit(pending.timeSeconds, pending.prepared);
    this.#pending = undefined;
    this.#genesis = undefined;
    this.#checkBranch = undefined;
    this.#sync.afterCommit(BigInt(pending.prepared.version));
    return { retainHeight: 0n };
  }

  query(request: abci.RequestQuery): Promise<abci.ResponseQuery> {
    const { last, oldestHeight } = this.#store;
    const kept = last === undefined || oldestHeight === undefined ? undefined : { oldest: oldestHeight, latest: last.height };
    return Promise.resolve(this.#router.answer({ kept, at: (height) => this.#stateAt(height) }, request));
  }

  /** @param height a kept one. */
  #stateAt(height: bigint): QueryState {
    const version = this.#store.at(height);
    if (version === undefined) throw new Error(`the state at height ${height} is not kept`);
    const last = this.#lastBlock(this.#requireInfo());
    // The latest values are one look-up each; those of an older block are a walk down its tree.
    if (height === last.height) return { ctx: new ReadContext(last, this.#store), version };
    return { ctx: new ReadContext({ ...last, height, timeSeconds: readBlockTime(version) ?? last.timeSeconds }, version), version };
  }

  listSnapshots(): Promise<abci.ResponseListSnapshots> {
    return Promise.resolve(this.#sync.list());
  }

  loadSnapshotChunk(request: abci.RequestLoadSnapshotChunk): Promise<abci.ResponseLoadSnapshotChunk> {
    return this.#sync.load(request);
  }

  offerSnapshot(request: abci.RequestOfferSnapshot): Promise<abci.ResponseOfferSnapshot> {
    return this.#sync.offer(request);
  }

  async applySnapshotChunk(request: abci.RequestApplySnapshotChunk): Promise<abci.ResponseApplySnapshotChunk> {
    const answer = await this.#sync.apply(request);
    // With the last chunk the chain is there, as after InitChain and all blocks.
    if (this.#store.last !== undefined) this.#info ??= readChainInfo(this.#store);
    return answer;
  }

  #validatorUpdates(ctx: ExecutionContext): abci.ValidatorUpdate[] {
    return this.#modules.flatMap((module) => module.validatorUpdates?.(ctx) ?? []);
  }

  #deliver(block: BlockInfo, branch: Branch, tx: Uint8Array, info: ChainInfo): abci.ExecTxResult {
    if (this.#proposerTx?.matches(tx) === true) {
      const misplaced = sdkError('UNAUTHORIZED', "a transaction of the proposer's kind must be the block's first");
      return { ...emptyResult(), ...toFailure(misplaced, this.#report) };
    }
    return this.#executor.run(block, branch, tx, 'deliver', blockMaxGas(info.consensusParams));
  }

  #simulate(bytes: Uint8Array): abci.ExecTxResult {
    const info = this.#requireInfo();
    const block = { ...this.#lastBlock(info), height: this.#nextHeight(info) };
    return this.#executor.run(block, this.#store.branch(), bytes, 'simulate', blockMaxGas(info.consensusParams));
  }

  /** The state that the next block builds on. */
  #view(): Branch | StateStore {
    return this.#genesis ?? this.#store;
  }

  #nextHeight(info: ChainInfo): bigint {
    return this.#store.last === undefined ? info.initialHeight : this.#store.last.height + 1n;
  }

  #lastBlock(info: ChainInfo): BlockInfo {
    const { chainId, genesisTimeSeconds, initialHeight } = info;
    const { height, timeSeconds } = this.#store.last ?? { height: initialHeight - 1n, timeSeconds: genesisTimeSeconds };
    return { chainId, genesisTimeSeconds, height, timeSeconds, proposerAddress: NO_ADDRESS };
  }

  #splitProposerTx(txs: readonly Uint8Array[]): [Uint8Array | undefined, readonly Uint8Array[]] {
    const [first] = txs;
    return first !== undefined && this.#proposerTx?.matches(first) === true ? [first, txs.slice(1)] : [undefined, txs];
  }

  #decoder(ctx: ReadContext): (tx: Uint8Array) => DecodedTx | undefined {
    const params = this.#base.accounts.params(ctx);
    return (tx) => {
      try {
        return this.#executor.decode(tx, params);
      } catch (error) {
        toFailure(error, this.#report);
        return undefined;
      }
    };
  }

  #requireInfo(): ChainInfo {
    if (this.#info !== undefined) return this.#info;
    throw new R3mesError({ code: 'NOT_INITIALISED', message: 'expected initChain first: the state is empty' });
  }
}

function emptyResult(): abci.ExecTxResult {
  return { code: 0, data: new Uint8Array(), log: '', info: '', gasWanted: 0n, gasUsed: 0n, events: [], codespace: '' };
}

function secondsOf(time: Timestamp | undefined): bigint {
  if (time === undefined || time.seconds < 0n) throw new InvalidInputError(`expected a time since 1970, got ${time?.seconds ?? 'none'}`);
  return time.seconds;
}

function blockOf(info: ChainInfo, request: { height: bigint; time: Timestamp | undefined; proposerAddress: Uint8Array }): BlockInfo {
  return {
    chainId: info.chainId,
    height: request.height,
    timeSeconds: secondsOf(request.time),
    genesisTimeSeconds: info.genesisTimeSeconds,
    proposerAddress: request.proposerAddress,
  };
}

/** With what only a decided block tells. */
function finalBlockOf(info: ChainInfo, request: abci.RequestFinalizeBlock): BlockInfo {
  const block = blockOf(info, request);
  return { ...block, votes: votesOf(request.decidedLastCommit), misbehavior: misbehaviorOf(request.misbehavior, block, info.consensusParams.evidence) };
}

/**
 * Consensus parameters go back with our version in them: CometBFT takes the version of its blocks from there, and a
 * node that syncs its state compares it with the one that Info reports.
 */
function chainInfoOf({ chainId, time, initialHeight, consensusParams }: abci.RequestInitChain): ChainInfo {
  if (chainId === '') throw new InvalidInputError('chain_id: expected a name, got none', 'correct the genesis file');
  const app = consensusParams?.version?.app ?? 0n;
  if (app !== 0n && app !== APP_VERSION) {
    throw new InvalidInputError(
      `consensus_params.version.app: expected ${APP_VERSION}, got ${app}`,
      'the genesis file is for another version of r3mes',
    );
  }
  const extensionsFrom = consensusParams?.abci?.voteExtensionsEnableHeight ?? 0n;
  if (extensionsFrom !== 0n) {
    throw new InvalidInputError(
      `consensus_params.abci.vote_extensions_enable_height: expected 0, got ${extensionsFrom}`,
      'this chain has no vote extensions: correct the genesis file',
    );
  }
  return {
    chainId,
    genesisTimeSeconds: secondsOf(time),
    initialHeight: initialHeight > 0n ? initialHeight : 1n,
    consensusParams: {
      block: consensusParams?.block,
      evidence: consensusParams?.evidence,
      validator: consensusParams?.validator,
      version: { app: APP_VERSION },
      abci: consensusParams?.abci,
    },
  };
}

function parseAppState(bytes: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new InvalidInputError(`app_state is not JSON: ${error instanceof Error ? error.message : String(error)}`, 'correct the genesis file');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new InvalidInputError('app_state: expected an object with one entry a module', 'correct the genesis file');
  }
  return { ...parsed };
}
