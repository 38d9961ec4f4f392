/**
 * Fuzzing of the ABCI server with the real application behind it: requests that are right, requests with any values,
 * broken frames, streams that end anywhere, on several connections at once. Everything follows from one seed.
 */
import { DirectSecp256k1Wallet } from '@cosmjs/proto-signing';
import { SigningStargateClient } from '@cosmjs/stargate';
import { TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import type { Response } from 'cosmjs-types/tendermint/abci/types';

import type { Application } from '../../src/chain/abci/application.js';
import { AbciServer } from '../../src/chain/abci/server.js';
import { createApp } from '../../src/chain/app/app.js';
import { createModules } from '../../src/chain/app/modules.js';
import { MemoryDatabase } from '../../src/chain/store/memory.js';
import { toHex, utf8 } from '../../src/protocol/bytes.js';
import type { RequestFinalizeBlock, RequestInitChain } from '../../src/protocol/gen/tendermint/abci/types.js';
import type { GenesisDoc } from '../../src/protocol/genesis-doc.js';
import { sha256, taggedHash } from '../../src/protocol/hash.js';
import { CHAIN_ID, cosmjsGenesis } from '../e2e/cosmjs-harness.js';
import { AbciClient, type Asked, frame, varint } from '../unit/chain/abci/client.js';

const VRF_SECRET = taggedHash('test-vrf');
const TXS = 24;

/** A stream of numbers from a seed: xorshift128 over its hash. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: string) {
    this.#state = new Uint32Array(sha256(utf8(seed)).slice().buffer, 0, 4);
  }

  /** 0 … below-1 */
  below(limit: number): number {
    const s = this.#state;
    let t = s[3]!;
    t ^= t << 11;
    t ^= t >>> 8;
    s[3] = s[2]!;
    s[2] = s[1]!;
    s[1] = s[0]!;
    const first = s[0]!;
    const next = (t ^ first ^ (first >>> 19)) >>> 0;
    s[0] = next;
    return next % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(maxLength: number): Uint8Array {
    return Uint8Array.from({ length: this.below(maxLength + 1) }, () => this.below(256));
  }

  /** Not 2^31 itself, which cosmjs-types 0.11 writes wrongly. */
  int(): bigint {
    return this.pick([0n, 1n, 2n, -1n, (1n << 31n) - 1n, 1n << 32n, (1n << 63n) - 1n, -(1n << 63n), BigInt(this.below(1000))]);
  }
}

/** What the chain was told and did, to be done again by another application. */
interface History {
  init: RequestInitChain | undefined;
  /** Requests of the blocks that were committed. */
  readonly blocks: RequestFinalizeBlock[];
  pending: { readonly request: RequestFinalizeBlock; readonly appHash: string } | undefined;
  height: bigint;
  /** Of the newest committed block. */
  appHash: string;
}

function newApp(report: (text: string) => void = () => undefined): Application {
  return createApp({ database: new MemoryDatabase(), report, ...createModules(VRF_SECRET) });
}

/** Copies what shares memory with the socket's buffers. */
function copied<T extends { txs: Uint8Array[] }>(request: T): T {
  return { ...structuredClone(request), txs: request.txs.map((tx) => Uint8Array.from(tx)) };
}

function recorded(app: Application, history: History): Application {
  return {
    info: (request) => app.info(request),
    checkTx: (request) => app.checkTx(request),
    prepareProposal: (request) => app.prepareProposal(request),
    processProposal: (request) => app.processProposal(request),
    query: (request) => app.query(request),
    listSnapshots: () => app.listSnapshots(),
    loadSnapshotChunk: (request) => app.loadSnapshotChunk(request),
    offerSnapshot: (request) => app.offerSnapshot(request),
    applySnapshotChunk: (request) => app.applySnapshotChunk(request),
    initChain: async (request) => {
      const response = await app.initChain(request);
      history.init = structuredClone(request);
      history.pending = undefined;
      return response;
    },
    finalizeBlock: async (request) => {
      history.pending = undefined;
      const response = await app.finalizeBlock(request);
      history.pending = { request: copied(request), appHash: toHex(response.appHash) };
      return response;
    },
    commit: async () => {
      const response = await app.commit();
      if (history.pending !== undefined) {
        history.blocks.push(history.pending.request);
        history.height = history.pending.request.height;
        history.appHash = history.pending.appHash;
      }
      history.pending = undefined;
      return response;
    },
  };
}

async function signedTxs(wallet: DirectSecp256k1Wallet): Promise<Uint8Array[]> {
  const client = await SigningStargateClient.offline(wallet);
  const [account] = await wallet.getAccounts();
  const { address } = account!;
  const made: Uint8Array[] = [];
  for (let sequence = 0; sequence < TXS; sequence++) {
    const message = { typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: { fromAddress: address, toAddress: address, amount: [{ denom: 'uremes', amount: '1' }] } };
    const fee = { amount: [{ denom: 'uremes', amount: '500' }], gas: '200000' };
    made.push(TxRaw.encode(await client.sign(address, [message], fee, '', { accountNumber: 0n, sequence, chainId: CHAIN_ID })).finish());
  }
  return made;
}

/** Makes requests: often those that a consensus engine would make now, else any. */
class Requests {
  constructor(
    private readonly random: Random,
    private readonly genesis: GenesisDoc,
    private readonly txs: readonly Uint8Array[],
    private readonly history: History,
  ) {}

  tx(): Uint8Array {
    const tx = Uint8Array.from(this.random.chance(80) ? this.random.pick(this.txs) : this.random.bytes(200));
    if (this.random.chance(50) && tx.length > 0) tx[this.random.below(tx.length)] = this.random.below(256);
    return tx;
  }

  init(): Asked {
    const { chainId, genesisTime, appState } = this.genesis;
    const state = JSON.stringify(appState);
    const appStateBytes = utf8(this.random.chance(90) ? state : state.slice(0, this.random.below(state.length)));
    return { initChain: { time: this.time(genesisTime.seconds), chainId: this.random.chance(95) ? chainId : '', validators: [], appStateBytes, initialHeight: this.random.chance(90) ? 1n : this.random.int() } };
  }

  time(seconds: bigint): { seconds: bigint; nanos: number } {
    return this.random.chance(95) ? { seconds, nanos: this.random.below(1_000_000_000) } : { seconds: this.random.int(), nanos: this.random.below(2 ** 31) };
  }

  block() {
    const height = this.random.chance(85) ? this.history.height + 1n : this.random.int();
    const evidence = { type: this.random.below(3), validator: { address: this.random.bytes(20), power: this.random.int() }, height: this.random.int(), time: this.time(1n), totalVotingPower: this.random.int() };
    return {
      height,
      time: this.time(this.genesis.genesisTime.seconds + height),
      txs: Array.from({ length: this.random.below(6) }, () => this.tx()),
      misbehavior: this.random.chance(20) ? [evidence, evidence] : [],
      hash: this.random.bytes(32),
      nextValidatorsHash: this.random.bytes(32),
      proposerAddress: this.random.chance(50) ? this.genesis.validators[0]!.address : this.random.bytes(20),
    };
  }

  any(): Asked[] {
    const { random } = this;
    const votes = { round: random.below(3), votes: [{ validator: { address: random.bytes(20), power: random.int() }, blockIdFlag: random.below(4) }] };
    const kinds: readonly (() => Asked[])[] = [
      () => [{ echo: { message: 'x'.repeat(random.below(5000)) } }],
      () => [{ flush: {} }],
      () => [{ info: { version: '0.38.26', blockVersion: 11n, p2pVersion: 8n, abciVersion: '2.0.0' } }],
      () => (this.history.init === undefined || random.chance(5) ? [this.init()] : []),
      () => [{ query: { path: random.pick(['/cosmos.bank.v1beta1.Query/Balance', '/cosmos.auth.v1beta1.Query/Account', '/store/bank/key', '/cosmos.tx.v1beta1.Service/Simulate', '/', '']), data: random.chance(50) ? this.tx() : random.bytes(60), height: random.int(), prove: random.chance(20) } }],
      () => Array.from({ length: random.below(20) }, () => ({ checkTx: { tx: this.tx(), type: random.below(3) } })),
      () => [{ prepareProposal: { ...this.block(), maxTxBytes: random.chance(90) ? 1_000_000n : random.int(), localLastCommit: { round: 0, votes: [] } } }],
      () => [{ processProposal: { ...this.block(), proposedLastCommit: votes } }],
      () => [{ finalizeBlock: { ...this.block(), decidedLastCommit: votes } }, ...(random.chance(80) ? [{ commit: {} }] : [])],
      () => [{ commit: {} }],
      () => [{ listSnapshots: {} }],
      () => [{ offerSnapshot: { snapshot: { height: 3n, format: random.below(3), chunks: random.below(5), hash: random.bytes(32), metadata: random.bytes(50) }, appHash: random.bytes(32) } }],
      () => [{ loadSnapshotChunk: { height: 3n, format: 1, chunk: random.below(10) } }],
      () => [{ applySnapshotChunk: { index: random.below(9), chunk: random.bytes(100), sender: 'peer' } }],
      () => [{ extendVote: { hash: random.bytes(32), height: random.int(), txs: [], misbehavior: [], nextValidatorsHash: random.bytes(3), proposerAddress: random.bytes(20) } }],
      () => [{ verifyVoteExtension: { hash: random.bytes(32), validatorAddress: random.bytes(20), height: random.int(), voteExtension: random.bytes(5) } }],
    ];
    return random.pick(kinds)();
  }
}

/** An Exception ends CometBFT, so nothing that a client or a peer can cause may be one. */
const NEVER_EXCEPTIONS = new Set(['echo', 'flush', 'info', 'query', 'checkTx', 'listSnapshots', 'offerSnapshot', 'loadSnapshotChunk', 'applySnapshotChunk']);

const kindOf = (message: object): string => Object.entries(message).find(([, value]) => value !== undefined)?.[0] ?? 'nothing';

/** Bytes that are no sound stream of requests. */
function broken(random: Random, sound: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(sound);
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length));
    case 1:
      for (let i = 0; i <= random.below(4); i++) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    case 2:
      return random.bytes(300);
    case 3:
      return varint(2 ** 27 + 1 + random.below(2 ** 27));
    case 4:
      return new Uint8Array(random.below(20)).fill(0xff);
    default:
      return Buffer.concat([varint(random.below(bytes.length + 10)), bytes]);
  }
}

export interface FuzzResult {
  readonly connections: number;
  readonly requests: number;
  readonly blocks: number;
  readonly exceptions: number;
  readonly seed: string;
}

/**
 * Runs for so long. @throws Error for a wrong answer, a server that does not answer any more, or a chain whose blocks give
 * another hash when they are executed again.
 */
export async function fuzzAbci(seed: string, durationMs: number): Promise<FuzzResult> {
  const random = new Random(seed);
  const wallet = await DirectSecp256k1Wallet.fromKey(sha256(utf8('abci fuzz')), 'remes');
  const [account] = await wallet.getAccounts();
  const genesis = cosmjsGenesis([account!.address], account!.address);
  const history: History = { init: undefined, blocks: [], pending: undefined, height: 0n, appHash: '' };
  const server = await AbciServer.listen({ app: recorded(newApp(), history), address: { host: '127.0.0.1', port: 0 }, report: () => undefined });
  const requests = new Requests(random, genesis, await signedTxs(wallet), history);
  let [connections, asked, exceptions] = [0, 0, 0];

  const check = (sent: readonly Asked[], answers: readonly Response[], wasInit: boolean): void => {
    for (const [index, answer] of answers.entries()) {
      const [want, got] = [kindOf(sent[index] ?? {}), kindOf(answer)];
      if (got === 'exception') {
        exceptions++;
        if (wasInit && NEVER_EXCEPTIONS.has(want)) throw new Error(`seed ${seed}: ${want} was answered by the exception ${answer.exception?.error ?? ''}`);
      } else if (got !== want) throw new Error(`seed ${seed}: expected an answer to ${want}, got one to ${got}`);
    }
  };

  /** One connection: sound requests, whose answers are checked, then perhaps something broken. */
  const visit = async (): Promise<void> => {
    connections++;
    const client = new AbciClient(server.address, { allowHalfOpen: random.chance(50) });
    try {
      for (let round = random.below(4); round >= 0; round--) {
        const sent = [...Array.from({ length: random.below(8) }, () => requests.any()).flat()];
        asked += sent.length;
        const wasInit = history.init !== undefined;
        check(sent, await client.ask(...sent), wasInit);
      }
      if (random.chance(60)) {
        const last: Asked = requests.any()[0] ?? { info: {} };
        client.socket.write(broken(random, frame(last)));
        const end = random.below(3);
        if (end === 0) client.socket.end();
        if (end === 1) client.socket.resetAndDestroy();
      }
    } finally {
      client.socket.end();
      client.socket.destroy();
    }
    await client.closed;
  };

  const endMs = performance.now() + durationMs;
  try {
    while (performance.now() < endMs) {
      await Promise.all(Array.from({ length: 4 }, visit));
      const probe = new AbciClient(server.address);
      const [echo] = await probe.ask({ echo: { message: seed } });
      probe.close();
      if (echo?.echo?.message !== seed) throw new Error(`seed ${seed}: the server answers no more`);
    }
  } finally {
    await server.close();
  }
  await sameAgain(history, seed);
  return { connections, requests: asked, blocks: history.blocks.length, exceptions, seed };
}

/** Another application that is told only of genesis and committed blocks comes to the same hash. */
async function sameAgain(history: History, seed: string): Promise<void> {
  if (history.init === undefined || history.blocks.length === 0) return;
  const app = newApp();
  await app.initChain(history.init);
  let appHash = '';
  for (const block of history.blocks) {
    appHash = toHex((await app.finalizeBlock(block)).appHash);
    await app.commit();
  }
  const info = await app.info({ version: '', blockVersion: 0n, p2pVersion: 0n, abciVersion: '' });
  if (info.lastBlockHeight !== history.height) throw new Error(`seed ${seed}: expected height ${history.height}, got ${info.lastBlockHeight}`);
  if (appHash !== history.appHash) throw new Error(`seed ${seed}: expected app hash ${history.appHash}, got ${appHash}`);
}

