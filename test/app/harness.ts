/**
 * A consensus engine in miniature: drives an application through ABCI as an engine does, keeps every block, and can
 * run the same blocks again through another application, or through one that is stopped and started at each height.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import secp256k1 from 'secp256k1';

import type { Application } from '../../src/chain/abci/application.js';
import { createApp } from '../../src/chain/app/app.js';
import { createBase } from '../../src/chain/app/base.js';
import type { Report } from '../../src/chain/app/executor.js';
import type { Database } from '../../src/chain/store/database.js';
import { LevelDatabase } from '../../src/chain/store/level.js';
import { MemoryDatabase } from '../../src/chain/store/memory.js';
import { addressFromPubkey } from '../../src/protocol/address.js';
import { toHex, utf8 } from '../../src/protocol/bytes.js';
import { DENOM } from '../../src/protocol/coins.js';
import { BaseAccount } from '../../src/protocol/gen/cosmos/auth/v1beta1/auth.js';
import { QueryAccountRequest, QueryAccountResponse } from '../../src/protocol/gen/cosmos/auth/v1beta1/query.js';
import {
  QueryBalanceRequest,
  QueryBalanceResponse,
  QuerySupplyOfRequest,
  QuerySupplyOfResponse,
} from '../../src/protocol/gen/cosmos/bank/v1beta1/query.js';
import { MsgSend } from '../../src/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { PubKey } from '../../src/protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { SimulateRequest, SimulateResponse } from '../../src/protocol/gen/cosmos/tx/v1beta1/service.js';
import { SignMode } from '../../src/protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import { AuthInfo, TxBody, TxRaw } from '../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import {
  CheckTxType,
  type CommitInfo,
  type Event,
  type ExecTxResult,
  type RequestFinalizeBlock,
  type RequestInitChain,
  type ResponseCheckTx,
  type ResponseFinalizeBlock,
  type ResponseQuery,
  ResponseProcessProposal_ProposalStatus as ProposalStatus,
} from '../../src/protocol/gen/tendermint/abci/types.js';
import type { ConsensusParams } from '../../src/protocol/gen/tendermint/types/params.js';
import { sha256 } from '../../src/protocol/hash.js';
import { directSignBytes } from '../../src/protocol/tx.js';

export interface TestAccount {
  readonly name: string;
  readonly address: string;
  readonly privkey: Uint8Array;
  readonly pubkey: Uint8Array;
}

/** The same name gives the same keys in every test and every run. */
export function testAccount(name: string): TestAccount {
  const privkey = sha256(utf8(`r3mes test account ${name}`));
  const pubkey = secp256k1.publicKeyCreate(privkey, true);
  return { name, address: addressFromPubkey(pubkey), privkey, pubkey };
}

export interface TestEvent {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TestTxResult {
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly data: Uint8Array;
  readonly events: readonly TestEvent[];
}

export interface TestBlock {
  readonly height: bigint;
  readonly timeSeconds: bigint;
  readonly appHash: string;
  /** Results of the transactions that were given, in their order; the proposer's own is left out. */
  readonly results: readonly TestTxResult[];
  readonly events: readonly TestEvent[];
}

export interface SignOptions {
  /** In uremes. */
  readonly fee?: bigint;
  readonly gas?: bigint;
  readonly memo?: string;
  readonly timeoutHeight?: bigint;
  /** Instead of the account's own, for wrong signatures. */
  readonly sequence?: bigint;
  readonly accountNumber?: bigint;
  readonly chainId?: string;
}

export interface BlockOptions {
  readonly timeSeconds?: bigint;
  readonly proposer?: Uint8Array;
  /** Who voted for the last block; by default the engine says nothing. */
  readonly commit?: CommitInfo;
  /** Puts the transactions into the block as they are, as a faulty majority could, past Prepare- and ProcessProposal. */
  readonly force?: boolean;
}

export interface TestChainOptions {
  /** By default an application of auth and bank only. */
  readonly createApp?: (database: Database, report: Report) => Application;
  /** `app_state`; balances of `balances` are added to it. */
  readonly appState?: Record<string, unknown>;
  /** Named accounts and what they hold at genesis, in uremes. */
  readonly balances?: Readonly<Record<string, bigint>>;
  readonly chainId?: string;
  readonly genesisTimeSeconds?: bigint;
  readonly initialHeight?: bigint;
  readonly blockSeconds?: bigint;
  readonly consensusParams?: ConsensusParams;
  /** Keeps the state in LevelDB, in a temporary folder that `close` removes; needed for `restart`. */
  readonly onDisk?: boolean;
}

export const CHAIN_ID = 'r3mes-test';
export const DEFAULT_GAS = 1_000_000n;
export const DEFAULT_FEE = 2_500n;
const PROPOSER = sha256(utf8('r3mes test validator')).subarray(0, 20);

export const CONSENSUS_PARAMS: ConsensusParams = {
  block: { maxBytes: 4_194_304n, maxGas: 2_000_000_000n },
  evidence: { maxAgeNumBlocks: 100_000n, maxAgeDuration: { seconds: 172_800n, nanos: 0 }, maxBytes: 1_048_576n },
  validator: { pubKeyTypes: ['ed25519'] },
  version: { app: 0n },
  abci: { voteExtensionsEnableHeight: 0n },
};

export function baseApp(database: Database, report: Report): Application {
  return createApp({ database, base: createBase([]), modules: [], report });
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A message for `sign`. */
export function message<T>(typeUrl: string, codec: Codec<T>, value: T): Any {
  return { typeUrl, value: codec.encode(value).finish() };
}

export function msgSend(from: string, to: string, amount: bigint): Any {
  return message('/cosmos.bank.v1beta1.MsgSend', MsgSend, {
    fromAddress: from,
    toAddress: to,
    amount: [{ denom: DENOM, amount: amount.toString() }],
  });
}

/** Signs as every account of `signers`, in SIGN_MODE_DIRECT. */
export function signTx(
  signers: readonly { account: TestAccount; accountNumber: bigint; sequence: bigint }[],
  messages: readonly Any[],
  options: Omit<SignOptions, 'sequence' | 'accountNumber'> = {},
): Uint8Array {
  const { fee = DEFAULT_FEE, gas = DEFAULT_GAS, memo = '', timeoutHeight = 0n, chainId = CHAIN_ID } = options;
  const bodyBytes = TxBody.encode(TxBody.fromPartial({ messages: [...messages], memo, timeoutHeight })).finish();
  const authInfoBytes = AuthInfo.encode(
    AuthInfo.fromPartial({
      signerInfos: signers.map(({ account, sequence }) => ({
        publicKey: { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: PubKey.encode({ key: account.pubkey }).finish() },
        modeInfo: { sum: { $case: 'single', value: { mode: SignMode.DIRECT } } },
        sequence,
      })),
      fee: { amount: fee === 0n ? [] : [{ denom: DENOM, amount: fee.toString() }], gasLimit: gas },
    }),
  ).finish();
  const unsigned = { bodyBytes, authInfoBytes, signatures: [] };
  const signatures = signers.map(({ account, accountNumber }) => signDigest(account, sha256(directSignBytes(unsigned, chainId, accountNumber))));
  return TxRaw.encode({ ...unsigned, signatures }).finish();
}

export function signDigest(account: TestAccount, digest: Uint8Array): Uint8Array {
  return secp256k1.ecdsaSign(digest, account.privkey).signature;
}

interface Recorded {
  readonly request: RequestFinalizeBlock;
  readonly response: ResponseFinalizeBlock;
}

export class TestChain {
  readonly #options: TestChainOptions;
  readonly #createApp: (database: Database, report: Report) => Application;
  readonly #genesis: RequestInitChain;
  readonly #directory: string | undefined;
  readonly #blocks: Recorded[] = [];
  readonly #signedSinceBlock = new Map<string, bigint>();
  /** What the application reported: bugs, refused proposals. */
  readonly reports: string[] = [];
  #bugs: unknown[] = [];
  #database: Database = new MemoryDatabase();
  #app!: Application;
  #timeSeconds: bigint;

  private constructor(options: TestChainOptions) {
    this.#options = options;
    this.#createApp = options.createApp ?? baseApp;
    this.#genesis = genesisRequest(options);
    this.#timeSeconds = this.#genesis.time?.seconds ?? 0n;
    this.#directory = options.onDisk === true ? mkdtempSync(path.join(tmpdir(), 'r3mes-chain-')) : undefined;
  }

  /** Runs genesis; no block is made yet. */
  static async start(options: TestChainOptions = {}): Promise<TestChain> {
    const chain = new TestChain(options);
    await chain.#open();
    await chain.#app.initChain(chain.#genesis);
    return chain;
  }

  get app(): Application {
    return this.#app;
  }

  get database(): Database {
    return this.#database;
  }

  /** Height of the last block; one below the first where there is none. */
  get height(): bigint {
    return this.#genesis.initialHeight - 1n + BigInt(this.#blocks.length);
  }

  get timeSeconds(): bigint {
    return this.#timeSeconds;
  }

  get appHash(): string {
    const last = this.#blocks.at(-1);
    return last === undefined ? '' : toHex(last.response.appHash);
  }

  account(name: string): TestAccount {
    return testAccount(name);
  }

  /** Seals a block of `txs`. @throws where the proposal is refused, a handler has a bug, or results are missing. */
  async block(txs: readonly Uint8Array[] = [], options: BlockOptions = {}): Promise<TestBlock> {
    const { timeSeconds = this.#timeSeconds + (this.#options.blockSeconds ?? 5n), proposer = PROPOSER, force = false, commit } = options;
    const height = this.height + 1n;
    const header = { height, time: { seconds: timeSeconds, nanos: 0 }, nextValidatorsHash: new Uint8Array(32), proposerAddress: proposer };
    const prepared = await this.#app.prepareProposal({
      ...header,
      maxTxBytes: 4_000_000n,
      txs: force ? [] : [...txs],
      localLastCommit: undefined,
      misbehavior: [],
    });
    const blockTxs = force ? [...prepared.txs, ...txs] : prepared.txs;
    const hash = sha256(utf8(`block ${height}`));
    if (!force) {
      const { status } = await this.#app.processProposal({ ...header, txs: blockTxs, hash, proposedLastCommit: undefined, misbehavior: [] });
      if (status !== ProposalStatus.ACCEPT) throw new Error(`own proposal refused: ${this.reports.join('; ')}`);
    }
    const request: RequestFinalizeBlock = { ...header, txs: blockTxs, hash, decidedLastCommit: commit, misbehavior: [] };
    const response = await this.#app.finalizeBlock(request);
    if (response.txResults.length !== blockTxs.length) {
      throw new Error(`expected ${blockTxs.length} results, got ${response.txResults.length}`);
    }
    await this.#app.commit();
    this.#throwBugs();
    this.#blocks.push({ request, response });
    this.#timeSeconds = timeSeconds;
    this.#signedSinceBlock.clear();
    const results = txs.map((tx) => {
      const result = response.txResults[blockTxs.findIndex((other) => Buffer.compare(other, tx) === 0)];
      if (result === undefined) throw new Error('a transaction was left out of the block: give { force: true } to put it in');
      return flattenResult(result);
    });
    return { height, timeSeconds, appHash: toHex(response.appHash), results, events: flattenEvents(response.events) };
  }

  /** Seals `count` empty blocks; the last one. */
  async blocks(count: number): Promise<TestBlock> {
    let last = await this.block();
    for (let i = 1; i < count; i++) last = await this.block();
    return last;
  }

  /** Signs with each account's own number and sequence; several may be signed before the next block. */
  async sign(account: TestAccount | readonly TestAccount[], messages: readonly Any[], options: SignOptions = {}): Promise<Uint8Array> {
    const accounts = 'address' in account ? [account] : account;
    const signers = [];
    for (const one of accounts) {
      const known = await this.accountState(one.address);
      const pending = this.#signedSinceBlock.get(one.address) ?? 0n;
      if (options.sequence === undefined) this.#signedSinceBlock.set(one.address, pending + 1n);
      signers.push({
        account: one,
        accountNumber: options.accountNumber ?? known?.accountNumber ?? 0n,
        sequence: options.sequence ?? (known?.sequence ?? 0n) + pending,
      });
    }
    return signTx(signers, messages, { chainId: this.#genesis.chainId, ...options });
  }

  /** Signs, seals a block with this one transaction, and gives its result. */
  async deliver(account: TestAccount | readonly TestAccount[], messages: readonly Any[], options: SignOptions = {}): Promise<TestTxResult> {
    const [result] = (await this.block([await this.sign(account, messages, options)])).results;
    if (result === undefined) throw new Error('no result');
    return result;
  }

  checkTx(tx: Uint8Array, type: CheckTxType = CheckTxType.NEW): Promise<ResponseCheckTx> {
    return this.#app.checkTx({ tx, type });
  }

  async simulate(account: TestAccount, messages: readonly Any[]): Promise<bigint> {
    const signed = TxRaw.decode(await this.sign(account, messages, { fee: 0n, gas: 0n, sequence: 0n }));
    const txBytes = TxRaw.encode({ ...signed, signatures: [new Uint8Array()] }).finish();
    const response = await this.ask('/cosmos.tx.v1beta1.Service/Simulate', SimulateRequest, SimulateRequest.fromPartial({ txBytes }), SimulateResponse);
    return response.gasInfo?.gasUsed ?? 0n;
  }

  query(queryPath: string, data: Uint8Array, height = 0n): Promise<ResponseQuery> {
    return this.#app.query({ path: queryPath, data, height, prove: false });
  }

  /** A query that must succeed, with its codecs. @throws Error with the log where it does not. */
  async ask<Q, R>(queryPath: string, requestCodec: Codec<Q>, request: Q, responseCodec: Codec<R>): Promise<R> {
    const response = await this.query(queryPath, requestCodec.encode(request).finish());
    if (response.code !== 0) throw new Error(`${queryPath}: ${response.codespace}/${response.code}: ${response.log}`);
    return responseCodec.decode(response.value);
  }

  /** Nothing where the account does not exist, or no block is there yet and it is no genesis account. */
  async accountState(address: string): Promise<BaseAccount | undefined> {
    if (this.#blocks.length === 0) return this.#genesisAccount(address);
    const response = await this.query('/cosmos.auth.v1beta1.Query/Account', QueryAccountRequest.encode({ address }).finish());
    if (response.code !== 0) return undefined;
    const { account } = QueryAccountResponse.decode(response.value);
    return account === undefined ? undefined : BaseAccount.decode(account.value);
  }

  async balance(address: string): Promise<bigint> {
    const request = { address, denom: DENOM };
    const { balance } = await this.ask('/cosmos.bank.v1beta1.Query/Balance', QueryBalanceRequest, request, QueryBalanceResponse);
    return BigInt(balance?.amount ?? '0');
  }

  async supply(): Promise<bigint> {
    const { amount } = await this.ask('/cosmos.bank.v1beta1.Query/SupplyOf', QuerySupplyOfRequest, { denom: DENOM }, QuerySupplyOfResponse);
    return BigInt(amount?.amount ?? '0');
  }

  /** Stops the application without a word and starts another one on the same folder. */
  async restart(): Promise<void> {
    if (this.#directory === undefined) throw new Error('restart needs a chain with onDisk: true');
    await this.#database.close();
    await this.#open();
    const { lastBlockHeight, lastBlockAppHash } = await this.#app.info(INFO_REQUEST);
    if (this.#blocks.length === 0) await this.#app.initChain(this.#genesis);
    else if (lastBlockHeight !== this.height || toHex(lastBlockAppHash) !== this.appHash) {
      throw new Error(`expected height ${this.height} with ${this.appHash}, got ${lastBlockHeight} with ${toHex(lastBlockAppHash)}`);
    }
  }

  /**
   * Runs all blocks again, through a fresh application in memory, and through one on disk that is stopped and started
   * before every block. @throws where app hash or results differ at any height.
   */
  async replay(): Promise<void> {
    await this.#replayOn(() => Promise.resolve(new MemoryDatabase()), false);
    const directory = mkdtempSync(path.join(tmpdir(), 'r3mes-replay-'));
    try {
      await this.#replayOn(() => LevelDatabase.open(directory), true);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.#database.close();
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  async #open(): Promise<void> {
    this.#database = this.#directory === undefined ? new MemoryDatabase() : await LevelDatabase.open(this.#directory);
    this.#app = this.#createApp(this.#database, this.#report);
  }

  readonly #report: Report = (text, cause) => {
    this.reports.push(text);
    if (cause !== undefined) this.#bugs.push(cause);
  };

  #throwBugs(): void {
    const [bug] = this.#bugs;
    this.#bugs = [];
    if (bug !== undefined) throw new Error(`a handler has a bug: ${bug instanceof Error ? bug.message : typeof bug}`, { cause: bug });
  }

  /** Bugs that were reported and are expected; they are forgotten. */
  takeBugs(): unknown[] {
    const bugs = this.#bugs;
    this.#bugs = [];
    return bugs;
  }

  async #replayOn(open: () => Promise<Database>, restart: boolean): Promise<void> {
    let database = await open();
    let app = this.#createApp(database, () => undefined);
    await app.initChain(this.#genesis);
    for (const { request, response } of this.#blocks) {
      if (restart) {
        await database.close();
        database = await open();
        app = this.#createApp(database, () => undefined);
        if ((await app.info(INFO_REQUEST)).lastBlockHeight === 0n) await app.initChain(this.#genesis);
      }
      const again = await app.finalizeBlock(request);
      if (toHex(again.appHash) !== toHex(response.appHash)) {
        throw new Error(`height ${request.height}: expected app hash ${toHex(response.appHash)}, got ${toHex(again.appHash)}`);
      }
      if (JSON.stringify(again, bigintText) !== JSON.stringify(response, bigintText)) throw new Error(`height ${request.height}: results differ`);
      await app.commit();
    }
    await database.close();
  }

  #genesisAccount(address: string): BaseAccount | undefined {
    const balances = bankBalances(this.#genesis);
    const index = balances.findIndex((balance) => balance.address === address);
    return index < 0 ? undefined : BaseAccount.fromPartial({ address, accountNumber: BigInt(index) });
  }
}

const INFO_REQUEST = { version: '', blockVersion: 0n, p2pVersion: 0n, abciVersion: '2.0.0' };

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

interface GenesisBalance {
  readonly address: string;
  readonly coins: readonly { denom: string; amount: string }[];
}

function bankBalances(genesis: RequestInitChain): GenesisBalance[] {
  const state = JSON.parse(Buffer.from(genesis.appStateBytes).toString('utf8')) as { bank?: { balances?: GenesisBalance[] } };
  return state.bank?.balances ?? [];
}

function genesisRequest(options: TestChainOptions): RequestInitChain {
  const appState = options.appState ?? {};
  const bank = (appState['bank'] ?? {}) as { balances?: GenesisBalance[] };
  const named = Object.entries(options.balances ?? {}).map(([name, amount]) => ({
    address: testAccount(name).address,
    coins: [{ denom: DENOM, amount: amount.toString() }],
  }));
  const state = { ...appState, bank: { ...bank, balances: [...named, ...(bank.balances ?? [])] } };
  return {
    time: { seconds: options.genesisTimeSeconds ?? 1_700_000_000n, nanos: 0 },
    chainId: options.chainId ?? CHAIN_ID,
    consensusParams: options.consensusParams ?? CONSENSUS_PARAMS,
    validators: [],
    appStateBytes: utf8(JSON.stringify(state, bigintText)),
    initialHeight: options.initialHeight ?? 1n,
  };
}

function flattenEvents(events: readonly Event[]): TestEvent[] {
  return events.map(({ type, attributes }) => ({ type, attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value])) }));
}

function flattenResult(result: ExecTxResult): TestTxResult {
  const { code, codespace, log, gasWanted, gasUsed, data } = result;
  return { code, codespace, log, gasWanted, gasUsed, data, events: flattenEvents(result.events) };
}
