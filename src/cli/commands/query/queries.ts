import { type ChainClient } from '../../../client/index.js';
import { DENOM } from '../../../protocol/coins.js';
import type { TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import type { Context } from '../../frame/context.js';
import type { JsonObject } from '../../frame/json.js';
import { addressOf } from '../../session/connect.js';
import {
  aggregationJson,
  caseJson,
  datasetJson,
  dutyJson,
  gradientJson,
  jobJson,
  modelJson,
  plain,
  registrationJson,
  rewardJson,
  slashJson,
  windowJson,
} from '../../session/records.js';
import { notFound } from '../../session/not-found.js';
import { checkedAddress, PART_OF, parseArgument, type PartName, parseTxHash } from '../../session/values.js';

/** Arguments of any query; each query knows which of them it declared. */
export interface QueryValues {
  readonly address?: string | undefined;
  readonly wallet?: string | undefined;
  readonly hash?: string;
  readonly height?: bigint | undefined;
  readonly id?: bigint | undefined;
  readonly windowId?: bigint | undefined;
  readonly window?: bigint | undefined;
  readonly part?: PartName;
  readonly open?: boolean;
}

export interface Query {
  readonly ask: (client: ChainClient, args: QueryValues, ctx: Context) => Promise<JsonObject>;
  /** Where the answer is a list: its key, and the fields that people see. */
  readonly list?: { readonly key: string; readonly columns: readonly string[] };
  /** The key of the one record that people see field by field; without it the whole answer. */
  readonly record?: string;
}

function found<T>(record: T | undefined, what: string): T {
  if (record === undefined) throw notFound(what);
  return record;
}

/** The window that was named, or the newest. @throws R3mesError NOT_FOUND */
export async function mustWindow(client: ChainClient, windowId: bigint | undefined): Promise<TrainingWindow> {
  if (windowId === 0n) throw notFound('window 0: windows count from 1');
  return found(await client.queries.window(windowId ?? 0n), windowId === undefined ? 'window yet' : `window ${windowId}`);
}

/** What belongs to a window, with its id. */
function ofWindow<T>(key: string, read: (client: ChainClient, windowId: bigint) => Promise<readonly T[]>, show: (item: T) => JsonObject): Query['ask'] {
  return async (client, { windowId }) => {
    const { id } = await mustWindow(client, windowId);
    return { windowId: id, [key]: (await read(client, id)).map(show) };
  };
}

async function block(client: ChainClient, height: bigint | undefined): Promise<JsonObject> {
  const newest = await client.status();
  const wanted = height ?? newest.height;
  if (wanted < 1n || wanted > newest.height) throw notFound(`block ${wanted}: the newest is ${newest.height}`);
  return { ...(await client.header(wanted)) };
}

export const QUERIES = {
  balance: {
    ask: async (client, args, ctx) => {
      const address = await addressOf(ctx, args.address, args.wallet);
      return { address, balance: await client.queries.balance(address), denom: DENOM };
    },
  },
  account: {
    ask: async (client, args, ctx) => {
      const address = await addressOf(ctx, args.address, args.wallet);
      const { accountNumber, sequence } = found(await client.queries.account(address), `account ${address}: receiving coins creates it`);
      return { address, accountNumber, sequence, balance: await client.queries.balance(address) };
    },
  },
  tx: {
    ask: async (client, { hash = '' }) => {
      const wanted = parseArgument('HASH', hash, parseTxHash);
      const { height, code, codespace, log, gasWanted, gasUsed, events } = found(await client.tx(wanted), `transaction ${wanted} in a block; it may still wait for one`);
      return { hash: wanted, height, code, codespace, log, gasWanted, gasUsed, events: events.map(({ type, attributes }) => ({ type, attributes })) };
    },
  },
  block: { ask: (client, { height }) => block(client, height) },
  params: { ask: async (client) => plain(await client.queries.params()) },
  model: {
    record: 'model',
    ask: async (client, { id }) => ({ model: modelJson(found(await client.queries.model(id ?? 0n), id === undefined ? 'model' : `model ${id}`)) }),
  },
  dataset: { record: 'dataset', ask: async (client, { id = 0n }) => ({ dataset: datasetJson(found(await client.queries.dataset(id), `dataset ${id}`)) }) },
  datasets: {
    list: { key: 'datasets', columns: ['id', 'name', 'status', 'trainingChunks', 'heldOutChunks', 'chunkTokens', 'manifestCid'] },
    ask: async (client) => ({ datasets: (await client.queries.datasets()).map(datasetJson) }),
  },
  window: { record: 'window', ask: async (client, { windowId }) => ({ window: windowJson(await mustWindow(client, windowId)) }) },
  jobs: {
    list: { key: 'jobs', columns: ['index', 'miner', 'status', 'gradientId', 'chunks'] },
    ask: ofWindow('jobs', (client, id) => client.queries.jobs(id), jobJson),
  },
  gradient: { record: 'gradient', ask: async (client, { id = 0n }) => ({ gradient: gradientJson(found(await client.queries.gradient(id), `gradient ${id}`)) }) },
  gradients: {
    list: { key: 'gradients', columns: ['id', 'miner', 'status', 'loss', 'payloadCid', 'gradientHash'] },
    ask: ofWindow('gradients', (client, id) => client.queries.gradients(id), gradientJson),
  },
  aggregation: {
    list: { key: 'proposers', columns: ['proposer', 'attested', 'owesCommit', 'revealed', 'participants'] },
    ask: async (client, { windowId }) => {
      const { id } = await mustWindow(client, windowId);
      return { windowId: id, ...aggregationJson((await client.queries.aggregation(id)) ?? { accepted: undefined, proposers: [] }) };
    },
  },
  duties: {
    list: { key: 'duties', columns: ['id', 'kind', 'subjectKind', 'subjectId', 'verifier', 'status', 'reportHash'] },
    ask: ofWindow('duties', (client, id) => client.queries.duties(id), dutyJson),
  },
  case: {
    record: 'case',
    ask: async (client, { id = 0n }) => {
      const { case: record, duties } = (await client.queries.case(id)) ?? { case: undefined, duties: [] };
      return { case: caseJson(found(record, `case ${id}`)), duties: duties.map(dutyJson) };
    },
  },
  cases: {
    list: { key: 'cases', columns: ['id', 'subjectKind', 'subjectId', 'windowId', 'origin', 'phase', 'layer', 'verdict', 'opener'] },
    ask: async (client, { windowId, open = false }) => {
      if (windowId !== undefined) await mustWindow(client, windowId);
      return { cases: (await client.queries.cases(windowId ?? 0n, open)).map(caseJson) };
    },
  },
  registration: {
    record: 'registration',
    ask: async (client, { part = 'miner', address: given, wallet }, ctx) => {
      const address = await addressOf(ctx, given, wallet);
      const record = await client.queries.registration(PART_OF[part], address);
      return { registration: registrationJson(found(record, `registration of ${address} as ${part}`)) };
    },
  },
  registrations: {
    list: { key: 'registrations', columns: ['address', 'status', 'stake', 'effectiveHeight', 'jobsFinalized', 'trustBps', 'slashed'] },
    ask: async (client, { part = 'miner' }) => ({ registrations: (await client.queries.registrations(PART_OF[part])).map(registrationJson) }),
  },
  slashes: {
    list: { key: 'slashes', columns: ['id', 'height', 'address', 'part', 'amount', 'burned', 'bounty', 'reason'] },
    ask: async (client, { address }) => {
      const whose = address === undefined ? '' : parseArgument('ADDRESS', address, checkedAddress);
      return { slashes: (await client.queries.slashes(whose)).map(slashJson) };
    },
  },
  rewards: {
    list: { key: 'rewards', columns: ['id', 'windowId', 'address', 'part', 'face', 'amount', 'status', 'height'] },
    ask: async (client, { window, address, wallet }, ctx) => {
      if (window === undefined) return { rewards: (await client.queries.rewards(await addressOf(ctx, address, wallet))).map(rewardJson) };
      return { rewards: (await client.queries.windowRewards((await mustWindow(client, window)).id)).map(rewardJson) };
    },
  },
  emission: { ask: async (client) => ({ minted: BigInt((await client.queries.emission())?.minted ?? '0') }) },
  supply: { ask: async (client) => ({ supply: await client.queries.supply(), denom: DENOM }) },
  beacon: {
    ask: async (client) => {
      const { height, value } = found(await client.queries.beacon(), 'beacon');
      return { height, value };
    },
  },
} satisfies Readonly<Record<string, Query>>;
