/** cosmos.tx.v1beta1.Service: simulate, send and find transactions. */
import { RpcAnswerError } from '../../client/rpc.js';
import { toHex } from '../../protocol/bytes.js';
import { TxResponse as TxResponseCodec } from '../../protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import * as s from '../../protocol/gen/cosmos/tx/v1beta1/service.js';
import { Tx } from '../../protocol/gen/cosmos/tx/v1beta1/tx.js';
import { sha256 } from '../../protocol/hash.js';
import { type IncludedTx, parseTxHash, shownTx, txResponse } from '../../protocol/tx-response.js';
import { type Backend, nodeSays } from '../backend.js';
import { type Answer, type ServiceContext, type ServiceMethod, answerOf, decodeAs, defineService } from '../router.js';
import { StatusError, invalidArgument } from '../status.js';
import { readBlock } from './blocks.js';
import { type FoundTx, broadcastAnswer, headerAnswer, txAnswer, txSearchAnswer } from './comet-json.js';
import { cometPage, itemsOf } from './pages.js';

const SERVICE = '/cosmos.tx.v1beta1.Service';

/** @param timeSeconds of the block. */
function included({ height, tx_result: result, tx }: FoundTx, timeSeconds: bigint | undefined): IncludedTx {
  return { tx, height, timeSeconds, result: { ...result, gasWanted: result.gas_wanted, gasUsed: result.gas_used } };
}

async function blockTime(backend: Backend, height: bigint): Promise<bigint | undefined> {
  const { header } = await backend.request('header', { height: height.toString() }, headerAnswer);
  return header.time?.seconds;
}

/** @returns nothing where there is no such transaction in a block. */
export async function findTx(backend: Backend, hash: Uint8Array): Promise<IncludedTx | undefined> {
  let found: FoundTx;
  try {
    found = await backend.request('tx', { hash: Buffer.from(hash).toString('base64'), prove: false }, txAnswer);
  } catch (error) {
    if (nodeSays(error, 'not found')) return undefined;
    throw error;
  }
  return included(found, await blockTime(backend, found.height));
}

async function getTx({ hash }: s.GetTxRequest, { backend }: ServiceContext): Promise<s.GetTxResponse> {
  const bytes = parseTxHash(hash);
  if (bytes === undefined) throw invalidArgument(`hash: expected 64 hexadecimal digits, got ${JSON.stringify(hash.slice(0, 80))}`);
  const found = await findTx(backend, bytes);
  if (found === undefined) throw new StatusError('NOT_FOUND', `tx not found: ${hash}`);
  return { tx: shownTx(found.tx), txResponse: txResponse(found) };
}

async function getTxs(request: s.GetTxsEventRequest, { backend }: ServiceContext): Promise<s.GetTxsEventResponse> {
  const query = request.query === '' ? request.events.filter((event) => event !== '').join(' AND ') : request.query;
  if (query === '') throw invalidArgument("query: expected a condition such as message.sender='remes1…', got none");
  const isNewer = request.pagination === undefined;
  const limit = itemsOf(request.limit);
  const page = isNewer ? { page: (request.page === 0n ? 1n : request.page).toString(), per_page: limit.toString() } : cometPage(request.pagination);
  const order = request.orderBy === s.OrderBy.DESC ? 'desc' : 'asc';
  let found: { txs: FoundTx[]; total_count: bigint };
  try {
    found = await backend.request('tx_search', { query, prove: false, ...page, order_by: order }, txSearchAnswer);
  } catch (error) {
    // Engines word it in many ways; all that a search can be refused for is its query, page or order.
    const isMistake = error instanceof RpcAnswerError && !nodeSays(error, 'indexing is disabled');
    throw isMistake ? invalidArgument(error.message) : error;
  }
  const times = new Map<bigint, bigint | undefined>();
  for (const { height } of found.txs) if (!times.has(height)) times.set(height, await blockTime(backend, height));
  return {
    txs: found.txs.map(({ tx }) => shownTx(tx)),
    txResponses: found.txs.map((one) => txResponse(included(one, times.get(one.height)))),
    pagination: { nextKey: new Uint8Array(), total: found.total_count },
    total: found.total_count,
  };
}

/** Refusals before the application is asked, with the numbers that the SDK gives them. */
const MEMPOOL_CODES: readonly (readonly [string, number])[] = [
  ['tx already exists in cache', 19],
  ['mempool is full', 20],
  ['Tx too large', 21],
];

async function broadcast({ txBytes, mode }: s.BroadcastTxRequest, { backend }: ServiceContext): Promise<s.BroadcastTxResponse> {
  if (txBytes.length === 0) throw invalidArgument('tx_bytes: expected a transaction, got none');
  const isSync = mode === s.BroadcastMode.SYNC;
  if (!isSync && mode !== s.BroadcastMode.ASYNC) throw invalidArgument('mode: expected BROADCAST_MODE_SYNC or BROADCAST_MODE_ASYNC; nothing else is offered');
  const txhash = toHex(sha256(txBytes)).toUpperCase();
  try {
    const answer = await backend.request(isSync ? 'broadcast_tx_sync' : 'broadcast_tx_async', { tx: Buffer.from(txBytes).toString('base64') }, broadcastAnswer);
    const { code, codespace, log, hash } = answer;
    return { txResponse: TxResponseCodec.fromPartial({ code, codespace, rawLog: log, txhash: hash.toUpperCase() }) };
  } catch (error) {
    const refusal = MEMPOOL_CODES.find(([words]) => nodeSays(error, words));
    if (refusal === undefined) throw error;
    return { txResponse: TxResponseCodec.fromPartial({ code: refusal[1], codespace: 'sdk', rawLog: refusal[0], txhash }) };
  }
}

async function blockWithTxs({ height, pagination }: s.GetBlockWithTxsRequest, { backend }: ServiceContext): Promise<s.GetBlockWithTxsResponse> {
  if (height < 1n) throw invalidArgument(`height: expected a positive number, got ${height}`);
  const { blockId, block } = await readBlock(backend, height);
  const txs = block.data?.txs ?? [];
  const offset = Number(pagination?.offset ?? 0n);
  const limit = Number(itemsOf(pagination?.limit ?? 0n));
  if (offset > txs.length) throw invalidArgument(`pagination.offset: block ${height} has ${txs.length} transactions, got ${offset}`);
  return {
    txs: txs.slice(offset, offset + limit).map(shownTx),
    blockId,
    block,
    pagination: { nextKey: new Uint8Array(), total: BigInt(txs.length) },
  };
}

/** Goes to the application; a transaction that fails there is what the SDK calls Unknown. */
async function simulate(bytes: Uint8Array, { backend }: ServiceContext): Promise<Answer> {
  const { tx, txBytes } = decodeAs(s.SimulateRequest, bytes);
  const given = txBytes.length === 0 && tx !== undefined ? Tx.encode(tx).finish() : txBytes;
  if (given.length === 0) throw invalidArgument('tx_bytes: expected a transaction, got none');
  const data = s.SimulateRequest.encode({ tx: undefined, txBytes: given }).finish();
  const answer = await backend.query({ path: `${SERVICE}/Simulate`, data, height: 0n });
  if (answer.code !== 0 && !answer.log.startsWith('rpc error:')) throw new StatusError('UNKNOWN', answer.log);
  return answerOf(answer);
}

export const txServices: readonly ServiceMethod[] = [
  { path: `${SERVICE}/Simulate`, handle: simulate },
  defineService({ path: `${SERVICE}/GetTx`, request: s.GetTxRequest, response: s.GetTxResponse, handle: getTx }),
  defineService({ path: `${SERVICE}/GetTxsEvent`, request: s.GetTxsEventRequest, response: s.GetTxsEventResponse, handle: getTxs }),
  defineService({ path: `${SERVICE}/BroadcastTx`, request: s.BroadcastTxRequest, response: s.BroadcastTxResponse, handle: broadcast }),
  defineService({ path: `${SERVICE}/GetBlockWithTxs`, request: s.GetBlockWithTxsRequest, response: s.GetBlockWithTxsResponse, handle: blockWithTxs }),
  defineService({
    path: `${SERVICE}/TxDecode`,
    request: s.TxDecodeRequest,
    response: s.TxDecodeResponse,
    handle: ({ txBytes }) => {
      if (txBytes.length === 0) throw invalidArgument('tx_bytes: expected a transaction, got none');
      return { tx: decodeAs(Tx, txBytes) };
    },
  }),
  defineService({
    path: `${SERVICE}/TxEncode`,
    request: s.TxEncodeRequest,
    response: s.TxEncodeResponse,
    handle: ({ tx }) => {
      if (tx === undefined) throw invalidArgument('tx: expected a transaction, got none');
      return { txBytes: Tx.encode(tx).finish() };
    },
  }),
];
