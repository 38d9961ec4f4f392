/** tx_search and block_search: candidates from the index of attributes, then whatever the index cannot tell. */
import { toHex } from '../../protocol/bytes.js';
import { sha256 } from '../../protocol/hash.js';
import { type BlockStore, type TxPosition, eventAttributes } from '../solo/block-store.js';
import { type Attributes, type Condition, matches, parseQuery, toAttributes } from './event-query.js';
import { RpcError } from './jsonrpc.js';

const MAX_CANDIDATES = 50_000;
const HEIGHT_NAMES = { tx: 'tx.height', block: 'block.height' } as const;
const HASH_NAME = 'tx.hash';

/** Positions of the transactions that meet a query, oldest first. Only blocks up to `newest` count. */
export async function searchTxs(store: BlockStore, query: string, oldest: bigint, newest: bigint): Promise<TxPosition[]> {
  const conditions = parseQuery(query);
  const range = heightRange(conditions, HEIGHT_NAMES.tx, oldest, newest);
  const byHash = conditions.filter((c) => c.name === HASH_NAME && c.operator === '=');
  const byAttribute = conditions.filter((c) => isIndexed(c) && c.name !== HASH_NAME && c.name !== HEIGHT_NAMES.tx);
  const rest = conditions.filter((c) => c.name !== HEIGHT_NAMES.tx && !byHash.includes(c) && !byAttribute.includes(c));

  let found: TxPosition[] | undefined;
  const narrow = (positions: readonly TxPosition[]): void => {
    const inRange = positions.filter(({ height }) => height >= range.from && height <= range.to);
    const names = found === undefined ? undefined : new Set(found.map(nameOf));
    found = names === undefined ? inRange : inRange.filter((position) => names.has(nameOf(position)));
  };
  for (const condition of byHash) narrow(positionOfHash(store, String(condition.value)));
  for (const { name, value } of byAttribute) narrow(limited(await store.txsWithAttribute(name, String(value), MAX_CANDIDATES + 1)));
  if (found === undefined) {
    if (!conditions.some((c) => c.name === HEIGHT_NAMES.tx)) throw tooBroad("tx.hash='…', type.key='value' or tx.height");
    narrow(positionsInRange(store, range));
  }
  return rest.length === 0 ? (found ?? []) : (found ?? []).filter((position) => matches(rest, attributesOfTx(store, position)));
}

/** Heights of the blocks that meet a query, oldest first. */
export async function searchBlocks(store: BlockStore, query: string, oldest: bigint, newest: bigint): Promise<bigint[]> {
  const conditions = parseQuery(query);
  const range = heightRange(conditions, HEIGHT_NAMES.block, oldest, newest);
  const byAttribute = conditions.filter((c) => isIndexed(c) && c.name !== HEIGHT_NAMES.block);
  const rest = conditions.filter((c) => c.name !== HEIGHT_NAMES.block && !byAttribute.includes(c));
  let found: bigint[] | undefined;
  for (const { name, value } of byAttribute) {
    const heights = limited(await store.blocksWithAttribute(name, String(value), MAX_CANDIDATES + 1));
    const known = found === undefined ? undefined : new Set(found);
    found = heights.filter((height) => height >= range.from && height <= range.to && known?.has(height) !== false);
  }
  if (found === undefined) {
    if (!conditions.some((c) => c.name === HEIGHT_NAMES.block)) throw tooBroad("type.key='value' or block.height");
    if (range.to - range.from >= BigInt(MAX_CANDIDATES)) throw tooMany();
    found = [];
    for (let height = range.from; height <= range.to; height++) found.push(height);
  }
  return rest.length === 0 ? found : found.filter((height) => matches(rest, toAttributes(eventAttributes(store.results(height)?.events ?? [], true))));
}

/** Attributes of a transaction's events, with its hash and height. */
export function txAttributes(tx: Uint8Array, height: bigint, pairs: readonly [string, string][]): Map<string, string[]> {
  return toAttributes([[HASH_NAME, toHex(sha256(tx)).toUpperCase()], [HEIGHT_NAMES.tx, height.toString()], ...pairs]);
}

function attributesOfTx(store: BlockStore, { height, index }: TxPosition): Attributes {
  const tx = store.block(height)?.data?.txs[index];
  const result = store.results(height)?.txResults[index];
  return tx === undefined || result === undefined ? new Map() : txAttributes(tx, height, eventAttributes(result.events, true));
}

function isIndexed({ operator }: Condition): boolean {
  return operator === '=';
}

function nameOf({ height, index }: TxPosition): string {
  return `${height}/${index}`;
}

function positionOfHash(store: BlockStore, hash: string): TxPosition[] {
  if (!/^(?:0x)?[0-9a-fA-F]{64}$/.test(hash)) return [];
  const position = store.txPosition(new Uint8Array(Buffer.from(hash.replace(/^0x/, ''), 'hex')));
  return position === undefined ? [] : [position];
}

function positionsInRange(store: BlockStore, range: { from: bigint; to: bigint }): TxPosition[] {
  const positions: TxPosition[] = [];
  for (let height = range.from; height <= range.to; height++) {
    const count = Number(store.meta(height)?.numTxs ?? 0n);
    for (let index = 0; index < count; index++) positions.push({ height, index });
    limited(positions);
  }
  return positions;
}

function heightRange(conditions: readonly Condition[], name: string, oldest: bigint, newest: bigint): { from: bigint; to: bigint } {
  let from = oldest;
  let to = newest;
  for (const { name: seen, operator, value } of conditions) {
    if (seen !== name) continue;
    const height = typeof value === 'string' && /^[0-9]{1,19}$/.test(value) ? BigInt(value) : value;
    if (typeof height !== 'bigint') throw RpcError.internal(`failed to parse query: expected a number to compare ${name} with`);
    const lower = operator === '=' || operator === '>=' ? height : operator === '>' ? height + 1n : from;
    const upper = operator === '=' || operator === '<=' ? height : operator === '<' ? height - 1n : to;
    if (lower > from) from = lower;
    if (upper < to) to = upper;
  }
  return { from, to };
}

function limited<T>(list: readonly T[]): readonly T[] {
  if (list.length > MAX_CANDIDATES) throw tooMany();
  return list;
}

function tooMany(): RpcError {
  return RpcError.internal(`the query matches more than ${MAX_CANDIDATES} entries: narrow it, e.g. by a height`);
}

function tooBroad(what: string): RpcError {
  return RpcError.internal(`the query needs at least one condition on ${what}: nothing else is indexed`);
}

/** One page of a list, numbered from 1, in CometBFT's words and limits. */
export function pageOf<T>(list: readonly T[], page: bigint | undefined, perPage: bigint | undefined): readonly T[] {
  const size = perPage === undefined || perPage < 1n ? 30 : Number(perPage > 100n ? 100n : perPage);
  const pages = Math.max(1, Math.ceil(list.length / size));
  const number = page ?? 1n;
  if (number < 1n || number > BigInt(pages)) throw RpcError.internal(`page should be within [1, ${pages}] range, given ${number}`);
  const start = (Number(number) - 1) * size;
  return list.slice(start, start + size);
}

/** In the order asked for; the list is oldest first. */
export function orderedBy<T>(list: readonly T[], order: string | undefined, standard: 'asc' | 'desc'): readonly T[] {
  const asked = order === undefined || order === '' ? standard : order;
  if (asked !== 'asc' && asked !== 'desc') throw RpcError.internal('expected order_by to be either `asc` or `desc` or empty');
  return asked === 'asc' ? list : [...list].reverse();
}
