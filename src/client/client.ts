/** The chain as roles and commands see it: typed queries, signed transactions, new blocks. */
import { z } from 'zod';

import { fromHex } from '../protocol/bytes.js';
import { R3mesError } from '../protocol/errors.js';
import { TxMsgData } from '../protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import type { Any } from '../protocol/gen/google/protobuf/any.js';
import { type GenesisDoc, parseGenesisDoc } from '../protocol/genesis-doc.js';
import { parseRfc3339 } from '../protocol/rfc3339.js';
import { newBlocks } from './blocks.js';
import { ChainHistory } from './history.js';
import type { ChainMessage } from './messages.js';
import { ChainQueries } from './queries.js';
import { RpcAnswerError, RpcConnection, base64Bytes, int64Text, readAnswer } from './rpc.js';
import type { ChainSigner } from './signer.js';
import { type SubmitOptions, type SubmittedTx, TxFailedError, TxSubmitter } from './submitter.js';

const TIMEOUT_MS = 10_000;
const WAIT_MS = 60_000;
const POLL_MS = 200;
/** A restarted node has lost what waited: the transaction is sent again after so many polls. */
const REBROADCAST_POLLS = 15;

const statusAnswer = z.object({
  node_info: z.object({ network: z.string().min(1), version: z.string() }),
  sync_info: z.object({ latest_block_height: int64Text, catching_up: z.boolean() }),
});
const eventList = z.array(z.object({ type: z.string(), attributes: z.array(z.object({ key: z.string(), value: z.string().nullish() })).nullish() })).nullish();
const txAnswer = z.object({
  hash: z.string(),
  height: int64Text,
  tx_result: z.object({
    code: z.number().default(0),
    data: base64Bytes,
    log: z.string().default(''),
    codespace: z.string().default(''),
    gas_wanted: int64Text.default(0n),
    gas_used: int64Text.default(0n),
    events: eventList,
  }),
});
const headerAnswer = z.object({
  block_id: z.object({ hash: z.string() }),
  block: z.object({ header: z.object({ height: int64Text, time: z.string(), app_hash: z.string() }) }),
});
const readyAnswer = z.object({ height: int64Text, waiting_for: z.array(z.string()) });

export interface ConnectOptions {
  /** For one answer of the node. */
  readonly timeoutMs?: number;
  /** Millionths of an uremes a gas; absent: the chain's lowest. */
  readonly gasPriceMicro?: bigint;
  /** URLs of other nodes of the same chain, asked while the first cannot be reached. */
  readonly otherUrls?: readonly string[];
}

export interface ChainStatus {
  readonly chainId: string;
  readonly version: string;
  /** Of the newest block; 0 for none. */
  readonly height: bigint;
  readonly isCatchingUp: boolean;
}

export interface BlockHeader {
  readonly height: bigint;
  readonly hash: Uint8Array;
  /** Whole seconds since 1970. */
  readonly timeSeconds: bigint;
  /** Of the state before this block. */
  readonly appHash: Uint8Array;
}

/** What a transaction did in its block. */
export interface TxOutcome {
  readonly hash: string;
  readonly height: bigint;
  /** 0: it was executed. */
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly events: readonly { readonly type: string; readonly attributes: Readonly<Record<string, string>> }[];
  /** One response a message. */
  readonly responses: readonly Any[];
}

export interface WaitOptions extends SubmitOptions {
  readonly timeoutMs?: number;
}

export class ChainClient {
  readonly chainId: string;
  readonly queries: ChainQueries;
  readonly history: ChainHistory;
  readonly #rpc: RpcConnection;
  readonly #submitter: TxSubmitter;

  private constructor(rpc: RpcConnection, chainId: string, gasPriceMicro: bigint | undefined) {
    this.chainId = chainId;
    this.#rpc = rpc;
    this.queries = new ChainQueries(rpc);
    this.history = new ChainHistory(rpc);
    this.#submitter = new TxSubmitter(rpc, this.queries, chainId, gasPriceMicro);
  }

  /** @throws R3mesError NODE_UNREACHABLE (retryable), NODE_ANSWER; InvalidInputError for what is no URL. */
  static async connect(url: string, { timeoutMs = TIMEOUT_MS, gasPriceMicro, otherUrls = [] }: ConnectOptions = {}): Promise<ChainClient> {
    const rpc = new RpcConnection(url, timeoutMs, otherUrls);
    const { chainId } = await readStatus(rpc);
    return new ChainClient(rpc, chainId, gasPriceMicro);
  }

  get url(): string {
    return this.#rpc.url;
  }

  /** Queries of the state as it was after a block that the node keeps. */
  queriesAt(height: bigint): ChainQueries {
    return new ChainQueries(this.#rpc, height);
  }

  status(): Promise<ChainStatus> {
    return readStatus(this.#rpc);
  }

  async genesis(): Promise<GenesisDoc> {
    const { genesis } = readAnswer(z.object({ genesis: z.unknown() }), await this.#rpc.request('genesis'), 'genesis');
    return parseGenesisDoc(JSON.stringify(genesis));
  }

  /** @param height absent: the newest. */
  async header(height?: bigint): Promise<BlockHeader> {
    const params = height === undefined ? {} : { height: height.toString() };
    const { block, block_id: id } = readAnswer(headerAnswer, await this.#rpc.request('block', params), 'block');
    const { header } = block;
    return { height: header.height, hash: fromHex(id.hash), timeSeconds: parseRfc3339(header.time).seconds, appHash: fromHex(header.app_hash) };
  }

  /** @param hash hexadecimal. @returns nothing while it is in no block. */
  async tx(hash: string): Promise<TxOutcome | undefined> {
    let found: unknown;
    try {
      found = await this.#rpc.request('tx', { hash: Buffer.from(fromHex(hash)).toString('base64') });
    } catch (error) {
      if (error instanceof RpcAnswerError && error.message.endsWith('not found')) return undefined;
      throw error;
    }
    return toOutcome(readAnswer(txAnswer, found, 'tx'));
  }

  /** See `TxSubmitter.submit`: the transaction is in the mempool when this returns. */
  submit(signer: ChainSigner, messages: readonly ChainMessage[], options: SubmitOptions = {}): Promise<SubmittedTx> {
    return this.#submitter.submit(signer, messages, options);
  }

  /** Gas that these messages would use now. */
  simulate(signer: ChainSigner, messages: readonly ChainMessage[], memo?: string): Promise<bigint> {
    return this.#submitter.simulate(signer, messages, memo);
  }

  /**
   * Waits for the block of a submitted transaction; sends it again where the node has lost it.
   * @throws TxFailedError where it failed in its block; R3mesError TIMEOUT where it is in none yet.
   */
  async wait(submitted: SubmittedTx, timeoutMs = WAIT_MS): Promise<TxOutcome> {
    const deadline = performance.now() + timeoutMs;
    for (let polls = 1; ; polls++) {
      const found = await this.#txOrNothing(submitted.hash);
      if (found !== undefined) {
        if (found.code !== 0) throw new TxFailedError('TX_FAILED', found.hash, found.codespace, found.code, found.log);
        return found;
      }
      if (performance.now() >= deadline) {
        throw new R3mesError({
          code: 'TIMEOUT',
          message: `transaction ${submitted.hash} is in no block after ${timeoutMs} ms`,
          hint: 'it may still come: look for it by its hash before sending it again',
          retryable: true,
        });
      }
      if (polls % REBROADCAST_POLLS === 0) await this.#submitter.rebroadcast(submitted.bytes);
      await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, timeoutMs)));
    }
  }

  async submitAndWait(signer: ChainSigner, messages: readonly ChainMessage[], { timeoutMs, ...options }: WaitOptions = {}): Promise<TxOutcome> {
    return this.wait(await this.submit(signer, messages, options), timeoutMs);
  }

  /** See `newBlocks`. */
  blocks(signal: AbortSignal): AsyncGenerator<bigint, void, undefined> {
    return newBlocks({ webSocketUrl: this.#rpc.webSocketUrl, newest: async () => (await this.status()).height }, signal);
  }

  /** Devnet: the role takes part; blocks wait for it from now on. */
  join(role: string): Promise<z.output<typeof readyAnswer>> {
    return this.#role('r3mes_join', { role });
  }

  /** Devnet: blocks no longer wait for the role. */
  leave(role: string): Promise<z.output<typeof readyAnswer>> {
    return this.#role('r3mes_leave', { role });
  }

  /** Devnet: the role has seen block `height`, and all its transactions that are due are in the mempool. */
  ready(role: string, height: bigint): Promise<z.output<typeof readyAnswer>> {
    return this.#role('r3mes_ready', { role, height: height.toString() });
  }

  async #role(method: string, params: Readonly<Record<string, unknown>>): Promise<z.output<typeof readyAnswer>> {
    return readAnswer(readyAnswer, await this.#rpc.request(method, params), method);
  }

  async #txOrNothing(hash: string): Promise<TxOutcome | undefined> {
    try {
      return await this.tx(hash);
    } catch (error) {
      if (error instanceof R3mesError && error.code === 'NODE_UNREACHABLE') return undefined; // it may be restarting
      throw error;
    }
  }
}

async function readStatus(rpc: RpcConnection): Promise<ChainStatus> {
  const { node_info: node, sync_info: sync } = readAnswer(statusAnswer, await rpc.request('status'), 'status');
  return { chainId: node.network, version: node.version, height: sync.latest_block_height, isCatchingUp: sync.catching_up };
}

function toOutcome({ hash, height, tx_result: result }: z.output<typeof txAnswer>): TxOutcome {
  return {
    hash,
    height,
    code: result.code,
    codespace: result.codespace,
    log: result.log,
    gasWanted: result.gas_wanted,
    gasUsed: result.gas_used,
    events: (result.events ?? []).map(({ type, attributes }) => ({
      type,
      attributes: Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, value ?? ''])),
    })),
    responses: TxMsgData.decode(result.data).msgResponses,
  };
}
