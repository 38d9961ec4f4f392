/** What subscribers over WebSocket hear of: new blocks, their headers and events, and transactions, as CometBFT words them. */
import { eventAttributes } from '../solo/block-store.js';
import type { SealedBlock } from '../solo/engine.js';
import { type Attributes, type Condition, matches, parseQuery, toAttributes } from './event-query.js';
import { type RequestId, RpcError, successBody } from './jsonrpc.js';
import {
  type Json,
  base64,
  renderBlock,
  renderBlockId,
  renderEvents,
  renderFinalizeBlock,
  renderHeader,
  renderTxResultBriefly,
} from './render.js';
import { txAttributes } from './search.js';

/** CometBFT's limit of subscriptions of one client. */
export const MAX_SUBSCRIPTIONS = 5;
const EVENT_NAME = 'tm.event';

/** One thing that happened in a block. Rendered only if somebody wants it. */
interface Happening {
  readonly type: string;
  readonly attributes: Attributes;
  readonly value: () => Json;
}

function happenings({ block, id, results }: SealedBlock): Happening[] {
  const height = block.header?.height ?? 0n;
  const blockPairs = eventAttributes(results.events, false);
  const named = (type: string): Attributes => toAttributes([[EVENT_NAME, type], ...blockPairs]);
  const ofBlock: Happening[] = [
    {
      type: 'NewBlock',
      attributes: named('NewBlock'),
      value: () => ({ block: renderBlock(block), block_id: renderBlockId(id), result_finalize_block: renderFinalizeBlock(results) }),
    },
    { type: 'NewBlockHeader', attributes: named('NewBlockHeader'), value: () => ({ header: renderHeader(block.header) }) },
    {
      type: 'NewBlockEvents',
      attributes: named('NewBlockEvents'),
      value: () => ({ height: height.toString(), events: renderEvents(results.events), num_txs: (block.data?.txs.length ?? 0).toString() }),
    },
  ];
  const ofTxs = (block.data?.txs ?? []).flatMap((tx, index): Happening[] => {
    const result = results.txResults[index];
    if (result === undefined) return [];
    const attributes = txAttributes(tx, height, [[EVENT_NAME, 'Tx'], ...eventAttributes(result.events, false)]);
    const place = index === 0 ? {} : { index };
    const value = (): Json => ({ TxResult: { height: height.toString(), ...place, tx: base64(tx), result: renderTxResultBriefly(result) } });
    return [{ type: 'Tx', attributes, value }];
  });
  return [...ofBlock, ...ofTxs];
}

/** The subscriptions of one client. */
export class Subscriptions {
  readonly #byQuery = new Map<string, { readonly id: RequestId; readonly conditions: readonly Condition[] }>();
  readonly #send: (body: Json) => void;

  constructor(send: (body: Json) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#byQuery.size;
  }

  /** @throws RpcError for one too many or the same again; InvalidInputError for a query that says nothing. */
  add(id: RequestId, query: string): void {
    if (this.#byQuery.size >= MAX_SUBSCRIPTIONS) throw RpcError.internal(`max_subscriptions_per_client ${MAX_SUBSCRIPTIONS} reached`);
    if (this.#byQuery.has(query)) throw RpcError.internal('already subscribed');
    this.#byQuery.set(query, { id, conditions: parseQuery(query) });
  }

  remove(query: string): void {
    if (!this.#byQuery.delete(query)) throw RpcError.internal('subscription not found');
  }

  clear(): void {
    if (this.#byQuery.size === 0) throw RpcError.internal('subscription not found');
    this.#byQuery.clear();
  }

  /** Sends what this client asked for. */
  announce(sealed: SealedBlock): void {
    if (this.#byQuery.size === 0) return;
    for (const { type, attributes, value } of happenings(sealed)) {
      for (const [query, { id, conditions }] of this.#byQuery) {
        if (!matches(conditions, attributes)) continue;
        const data = { type: `tendermint/event/${type}`, value: value() };
        this.#send(successBody(id, { query, data, events: Object.fromEntries(attributes) }));
      }
    }
  }
}
