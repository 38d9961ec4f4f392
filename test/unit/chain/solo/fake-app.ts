import type { Application } from '../../../../src/chain/abci/application.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import {
  CheckTxType,
  type ExecTxResult,
  type RequestCheckTx,
  type RequestFinalizeBlock,
  type RequestInitChain,
  type RequestPrepareProposal,
  type RequestProcessProposal,
  type RequestQuery,
  type ResponseFinalizeBlock,
  ResponseApplySnapshotChunk_Result as ChunkResult,
  ResponseOfferSnapshot_Result as OfferResult,
  ResponseProcessProposal_ProposalStatus as Status,
} from '../../../../src/protocol/gen/tendermint/abci/types.js';
import { type GenesisDoc, parseGenesisDoc } from '../../../../src/protocol/genesis-doc.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { ValidatorKey } from '../../../../src/chain/solo/validator-key.js';

/** What survives a crash of the fake application. */
export interface FakeDisk {
  height: bigint;
  appHash: Uint8Array;
  /** Every transaction executed, in order, as `height:text`. */
  executed: string[];
}

export const emptyDisk = (): FakeDisk => ({ height: 0n, appHash: new Uint8Array(), executed: [] });

type Phase = 'prepare' | 'process' | 'finalize' | 'before-commit' | 'after-commit';

/**
 * An application of texts: `bad…` fails CheckTx, `fail…` fails in the block, `once…` fails the recheck. It is as strict
 * about the order of calls as ABCI is, and can break off at a phase as a killed process would.
 */
export class FakeApp implements Application {
  readonly calls: string[] = [];
  crash: { phase: Phase; height: bigint } | undefined;
  processStatus = Status.ACCEPT;
  results: ((response: ResponseFinalizeBlock, height: bigint) => ResponseFinalizeBlock) | undefined;
  prepared: ((txs: Uint8Array[]) => Uint8Array[]) | undefined;
  lastFinalize: RequestFinalizeBlock | undefined;
  lastPrepare: RequestPrepareProposal | undefined;
  #pending: FakeDisk | undefined;
  #genesisHash: Uint8Array | undefined;
  #isBusy = false;

  constructor(readonly disk: FakeDisk = emptyDisk()) {}

  info() {
    return this.#call('info', () => ({
      data: 'fake',
      version: '1',
      appVersion: 7n,
      lastBlockHeight: this.disk.height,
      lastBlockAppHash: this.disk.appHash,
    }));
  }

  initChain(request: RequestInitChain) {
    return this.#call('initChain', () => {
      if (this.disk.height !== 0n) throw new Error('initChain on a used state');
      this.#genesisHash = sha256(request.appStateBytes);
      return { consensusParams: undefined, validators: [], appHash: this.#genesisHash };
    });
  }

  checkTx({ tx, type }: RequestCheckTx) {
    const text = Buffer.from(tx).toString();
    const name = type === CheckTxType.RECHECK ? 'recheck' : 'checkTx';
    return this.#call(`${name} ${text.slice(0, 20)}`, () => {
      const isBad = text.startsWith('bad') || (type === CheckTxType.RECHECK && text.startsWith('once'));
      return { ...result(isBad ? 5 : 0, isBad ? 'no good' : ''), gasWanted: 10n };
    });
  }

  prepareProposal(request: RequestPrepareProposal) {
    this.lastPrepare = request;
    return this.#call(`prepare ${request.height}`, () => {
      this.#crashAt('prepare', request.height);
      return { txs: this.prepared?.(request.txs) ?? request.txs };
    });
  }

  processProposal(request: RequestProcessProposal) {
    return this.#call(`process ${request.height}`, () => {
      this.#crashAt('process', request.height);
      return { status: this.processStatus };
    });
  }

  finalizeBlock(request: RequestFinalizeBlock) {
    this.lastFinalize = request;
    return this.#call(`finalize ${request.height}`, () => {
      this.#crashAt('finalize', request.height);
      const previous = this.disk.height === 0n ? this.#genesisHash : this.disk.appHash;
      if (previous === undefined) throw new Error('finalizeBlock before initChain');
      const texts = request.txs.map((tx) => `${request.height}:${Buffer.from(tx).toString()}`);
      const appHash = sha256(utf8(`${Buffer.from(previous).toString('hex')}|${texts.join('|')}`));
      this.#pending = { height: request.height, appHash, executed: [...this.disk.executed, ...texts] };
      const response: ResponseFinalizeBlock = {
        events: [{ type: 'round', attributes: [{ key: 'parity', value: request.height % 2n === 0n ? 'even' : 'odd', index: true }] }],
        txResults: request.txs.map((tx) => execute(Buffer.from(tx).toString())),
        validatorUpdates: [],
        consensusParamUpdates: undefined,
        appHash,
      };
      return this.results?.(response, request.height) ?? response;
    });
  }

  commit() {
    return this.#call('commit', () => {
      if (this.#pending === undefined) throw new Error('commit without finalizeBlock');
      this.#crashAt('before-commit', this.#pending.height);
      Object.assign(this.disk, this.#pending);
      this.#crashAt('after-commit', this.#pending.height);
      this.#pending = undefined;
      return { retainHeight: 0n };
    });
  }

  listSnapshots() {
    return this.#call('listSnapshots', () => ({ snapshots: [] }));
  }

  loadSnapshotChunk() {
    return this.#call('loadSnapshotChunk', () => ({ chunk: new Uint8Array() }));
  }

  offerSnapshot() {
    return this.#call('offerSnapshot', () => ({ result: OfferResult.REJECT }));
  }

  applySnapshotChunk() {
    return this.#call('applySnapshotChunk', () => ({ result: ChunkResult.ABORT, refetchChunks: [], rejectSenders: [] }));
  }

  query(request: RequestQuery) {
    return this.#call('query', () => {
      if (request.path === '/throw') throw new Error('a bug');
      const value = request.path === '/last' ? utf8(this.disk.executed.at(-1) ?? '') : new Uint8Array();
      return { code: request.path === '/last' ? 0 : 6, log: '', info: '', index: 0n, key: request.data, value, proofOps: undefined, height: this.disk.height, codespace: '' };
    });
  }

  async #call<T>(name: string, work: () => T): Promise<T> {
    if (this.#isBusy) throw new Error(`${name} while another call runs`);
    this.#isBusy = true;
    this.calls.push(name);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return work();
    } finally {
      this.#isBusy = false;
    }
  }

  #crashAt(phase: Phase, height: bigint): void {
    if (this.crash?.phase === phase && this.crash.height === height) throw new Error(`killed at ${phase} ${height}`);
  }
}

function result(code: number, log: string): ExecTxResult {
  return { code, data: new Uint8Array(), log, info: '', gasWanted: 10n, gasUsed: 3n, events: [], codespace: code === 0 ? '' : 'fake' };
}

function execute(text: string): ExecTxResult {
  const attributes = [
    { key: 'text', value: text, index: true },
    { key: 'length', value: text.length.toString(), index: true },
    { key: 'hidden', value: 'yes', index: false },
  ];
  return { ...result(text.startsWith('fail') ? 9 : 0, ''), data: utf8(text), events: [{ type: 'say', attributes }] };
}

export const TEST_KEY = ValidatorKey.fromSeed(new Uint8Array(32).fill(7));

export function testGenesis(overrides: Record<string, unknown> = {}, key: ValidatorKey = TEST_KEY): GenesisDoc {
  return parseGenesisDoc(
    JSON.stringify({
      genesis_time: '2026-01-02T03:04:05Z',
      chain_id: 'test-1',
      validators: [{ pub_key: { type: 'tendermint/PubKeyEd25519', value: Buffer.from(key.publicKey).toString('base64') }, power: '10' }],
      app_state: { some: 'state' },
      ...overrides,
    }),
  );
}
