import { sha256 } from '../../protocol/hash.js';
import { merkleLeaf, merkleProof, merkleRoot } from '../../protocol/merkle.js';
import type { ExecTxResult, ResponseCheckTx } from '../../protocol/gen/tendermint/abci/types.js';
import type { TxPosition } from '../solo/block-store.js';
import type { SoloEngine } from '../solo/engine.js';
import type { Args } from './args.js';
import { RpcError } from './jsonrpc.js';
import type { Method } from './method.js';
import { type Json, base64, hex, renderTxResult } from './render.js';
import { orderedBy, pageOf, searchTxs } from './search.js';

function txParam(args: Args): Uint8Array {
  const tx = args.bytes('tx');
  if (tx === undefined || tx.length === 0) throw RpcError.invalidParams('tx: expected the bytes of a transaction, got none');
  return tx;
}

function renderFoundTx(engine: SoloEngine, { height, index }: TxPosition, isProved: boolean): Json {
  const txs = engine.store.block(height)?.data?.txs ?? [];
  const tx = txs[index];
  const result = engine.store.results(height)?.txResults[index];
  if (tx === undefined || result === undefined) throw RpcError.internal(`transaction ${index} of block ${height} is missing in the database`);
  return {
    hash: hex(sha256(tx)),
    height: height.toString(),
    index,
    tx_result: renderTxResult(result),
    tx: base64(tx),
    ...(isProved ? { proof: renderProof(txs, index, tx) } : {}),
  };
}

/** That the transaction is in the block with this data hash. */
function renderProof(txs: readonly Uint8Array[], index: number, tx: Uint8Array): Json {
  const hashes = txs.map(sha256);
  return {
    root_hash: hex(merkleRoot(hashes)),
    data: base64(tx),
    proof: {
      total: txs.length.toString(),
      index: index.toString(),
      leaf_hash: base64(merkleLeaf(sha256(tx))),
      aunts: merkleProof(hashes, index).map(base64),
    },
  };
}

/** Hears of a transaction's block. @returns nothing when the time is up. */
function inBlock(engine: SoloEngine, tx: Uint8Array, timeoutMs: number): { found: Promise<{ height: bigint; result: ExecTxResult } | undefined>; cancel: () => void } {
  let cancel = (): void => undefined;
  const found = new Promise<{ height: bigint; result: ExecTxResult } | undefined>((resolve) => {
    const timer = setTimeout(() => cancel(), timeoutMs);
    const unsubscribe = engine.subscribe(({ block, results }) => {
      const index = (block.data?.txs ?? []).findIndex((one) => Buffer.compare(one, tx) === 0);
      const result = results.txResults[index];
      if (result === undefined) return;
      resolve({ height: block.header?.height ?? 0n, result });
      cancel();
    });
    cancel = () => {
      clearTimeout(timer);
      unsubscribe();
      resolve(undefined);
    };
  });
  return { found, cancel };
}

async function broadcastCommit(engine: SoloEngine, tx: Uint8Array, timeoutMs: number): Promise<Json> {
  // Listening begins before the transaction is known: its block may be sealed at once.
  const waiting = inBlock(engine, tx, timeoutMs);
  let checked: { hash: Uint8Array; response: ResponseCheckTx };
  try {
    checked = await engine.broadcast(tx);
  } catch (error) {
    waiting.cancel();
    throw error;
  }
  const { hash, response } = checked;
  const check = renderTxResult(response);
  if (response.code !== 0) {
    waiting.cancel();
    const none = { code: 0, data: new Uint8Array(), log: '', info: '', gasWanted: 0n, gasUsed: 0n, events: [], codespace: '' };
    return { check_tx: check, tx_result: renderTxResult(none), hash: hex(hash), height: '0' };
  }
  const included = await waiting.found;
  if (included === undefined) throw RpcError.internal('timed out waiting for tx to be included in a block');
  return { check_tx: check, tx_result: renderTxResult(included.result), hash: hex(hash), height: included.height.toString() };
}

export const txMethods: Readonly<Record<string, Method>> = {
  broadcast_tx_sync: {
    params: ['tx'],
    handle: async (args, { engine }) => {
      const { hash, response } = await engine.broadcast(txParam(args));
      const { code, data, log, codespace } = response;
      return { code, data: base64(data), log, codespace, hash: hex(hash) };
    },
  },

  broadcast_tx_async: {
    params: ['tx'],
    handle: (args, { engine }) => {
      const tx = txParam(args);
      // Whoever asks for no answer gets none, not even of a full mempool.
      engine.broadcast(tx).catch(() => undefined);
      return { code: 0, data: '', log: '', codespace: '', hash: hex(sha256(tx)) };
    },
  },

  broadcast_tx_commit: { params: ['tx'], handle: (args, { engine, commitTimeoutMs }) => broadcastCommit(engine, txParam(args), commitTimeoutMs) },

  tx: {
    params: ['hash', 'prove'],
    handle: (args, { engine }) => {
      const hash = args.bytes('hash') ?? new Uint8Array();
      const position = engine.store.txPosition(hash);
      if (position === undefined || position.height > engine.height) throw RpcError.internal(`tx (${hex(hash)}) not found`);
      return renderFoundTx(engine, position, args.flag('prove'));
    },
  },

  tx_search: {
    params: ['query', 'prove', 'page', 'per_page', 'order_by'],
    handle: async (args, { engine }) => {
      const found = await searchTxs(engine.store, args.text('query') ?? '', engine.genesis.initialHeight, engine.height);
      const ordered = orderedBy(found, args.text('order_by'), 'asc');
      const shown = pageOf(ordered, args.int('page'), args.int('per_page'));
      const isProved = args.flag('prove');
      return { txs: shown.map((position) => renderFoundTx(engine, position, isProved)), total_count: found.length.toString() };
    },
  },

  unconfirmed_txs: {
    params: ['limit'],
    handle: (args, { engine: { mempool } }) => {
      const asked = args.int('limit') ?? 30n;
      const limit = asked < 1n ? 30 : Number(asked > 100n ? 100n : asked);
      const txs = mempool.entries().slice(0, limit);
      return {
        n_txs: txs.length.toString(),
        total: mempool.size.toString(),
        total_bytes: mempool.sizeBytes.toString(),
        txs: txs.map(({ tx }) => base64(tx)),
      };
    },
  },

  num_unconfirmed_txs: {
    params: [],
    handle: (_, { engine: { mempool } }) => ({
      n_txs: mempool.size.toString(),
      total: mempool.size.toString(),
      total_bytes: mempool.sizeBytes.toString(),
      txs: null,
    }),
  },
};
