/** What happened on the chain: events of transactions and blocks, over tx_search, block_search and block_results. */
import { z } from 'zod';

import { R3mesError } from '../protocol/errors.js';
import { base64Bytes, int64Text, type RpcConnection, readAnswer } from './rpc.js';

const PAGE_ITEMS = 100;
/** A node whose lists never end is broken. */
const MAX_PAGES = 10_000;

const eventList = z
  .array(z.object({ type: z.string(), attributes: z.array(z.object({ key: z.string(), value: z.string().nullish() })).nullish() }))
  .nullish();
const txsAnswer = z.object({
  txs: z.array(z.object({ hash: z.string(), height: int64Text, index: z.number().default(0), tx_result: z.object({ code: z.number().default(0), events: eventList }) })).nullish(),
  total_count: int64Text,
});
const blocksAnswer = z.object({
  blocks: z.array(z.object({ block: z.object({ header: z.object({ height: int64Text }) }) })).nullish(),
  total_count: int64Text,
});
const resultsAnswer = z.object({
  txs_results: z.array(z.object({ code: z.number().default(0), codespace: z.string().default(''), log: z.string().default(''), events: eventList })).nullish(),
  finalize_block_events: eventList,
  app_hash: base64Bytes,
});

export interface ChainEvent {
  readonly type: string;
  readonly attributes: readonly { readonly key: string; readonly value: string }[];
}

/** A transaction that a search found. */
export interface FoundTx {
  /** Upper-case hexadecimal. */
  readonly hash: string;
  readonly height: bigint;
  readonly index: number;
  /** 0: it was executed. */
  readonly code: number;
  readonly events: readonly ChainEvent[];
}

/** What executing a block gave. */
export interface BlockResults {
  /** In the order of the block. `code` 0: it was executed. */
  readonly txResults: readonly { readonly code: number; readonly codespace: string; readonly log: string; readonly events: readonly ChainEvent[] }[];
  /** Events that belong to no transaction. */
  readonly events: readonly ChainEvent[];
  /** Of the state after the block. */
  readonly appHash: Uint8Array;
}

function toEvents(list: z.output<typeof eventList>): ChainEvent[] {
  return (list ?? []).map(({ type, attributes }) => ({ type, attributes: (attributes ?? []).map(({ key, value }) => ({ key, value: value ?? '' })) }));
}

export class ChainHistory {
  readonly #rpc: RpcConnection;

  constructor(rpc: RpcConnection) {
    this.#rpc = rpc;
  }

  /** All transactions that meet a CometBFT query, e.g. `transfer.sender='remes1…' AND tx.height<=9`, oldest first. */
  async txs(query: string): Promise<FoundTx[]> {
    const found: FoundTx[] = [];
    await this.#pages('tx_search', query, txsAnswer, (page) => {
      for (const { hash, height, index, tx_result: result } of page.txs ?? []) {
        found.push({ hash, height, index, code: result.code, events: toEvents(result.events) });
      }
      return found.length;
    });
    return found;
  }

  /** Heights of all blocks whose own events (those of no transaction) meet a query, oldest first. */
  async blockHeights(query: string): Promise<bigint[]> {
    const found: bigint[] = [];
    await this.#pages('block_search', query, blocksAnswer, (page) => {
      for (const { block } of page.blocks ?? []) found.push(block.header.height);
      return found.length;
    });
    return found;
  }

  /** Events of a block that belong to none of its transactions, in their order. */
  async blockEvents(height: bigint): Promise<readonly ChainEvent[]> {
    return (await this.results(height)).events;
  }

  async results(height: bigint): Promise<BlockResults> {
    const answer = readAnswer(resultsAnswer, await this.#rpc.request('block_results', { height: height.toString() }), 'block_results');
    return {
      txResults: (answer.txs_results ?? []).map(({ events, ...result }) => ({ ...result, events: toEvents(events) })),
      events: toEvents(answer.finalize_block_events),
      appHash: answer.app_hash,
    };
  }

  async #pages<S extends z.ZodType<{ total_count: bigint }>>(method: string, query: string, schema: S, take: (page: z.output<S>) => number): Promise<void> {
    for (let page = 1; page <= MAX_PAGES; page++) {
      const params = { query, page: page.toString(), per_page: PAGE_ITEMS.toString(), order_by: 'asc' };
      const answer = readAnswer(schema, await this.#rpc.request(method, params), method);
      if (BigInt(take(answer)) >= answer.total_count) return;
    }
    throw new R3mesError({ code: 'NODE_ANSWER', message: `the node's list for ${method} does not end after ${MAX_PAGES} pages` });
  }
}
