/** What can be known of the node of a home from outside of its process. */
import { z } from 'zod';

import { R3mesError } from '../../protocol/errors.js';
import { RpcConnection } from '../../client/rpc.js';
import { type Holder, holderOf } from '../files/pid-file.js';
import type { NodeHome } from './home.js';
import { rssBytesOf } from './memory.js';
import { type Engine, infoOf } from './settings.js';

const STATUS_TIMEOUT_MS = 2000;

/** Every field is null where it is not known. */
export interface NodeState {
  readonly running: boolean;
  readonly pid: number | null;
  readonly chainId: string | null;
  readonly engine: Engine | null;
  readonly rpc: string | null;
  /** URL of REST and address of gRPC; null where they are not served. */
  readonly api: string | null;
  readonly grpc: string | null;
  /** As text. */
  readonly height: string | null;
  readonly appHash: string | null;
  readonly catchingUp: boolean | null;
  readonly peers: number | null;
  readonly mempoolTxs: number | null;
  /** Of this node's validator, as text; 0 where it is none. */
  readonly votingPower: string | null;
  readonly blockMs: number | null;
  readonly rssBytes: number | null;
  /** Under CometBFT the application and CometBFT are processes of their own. */
  readonly appPid: number | null;
  readonly appRssBytes: number | null;
  readonly cometPid: number | null;
  readonly cometRssBytes: number | null;
  readonly mode: 'foreground' | 'background' | null;
  readonly startedAt: string | null;
}

const NO_ANSWER = { height: null, appHash: null, catchingUp: null, peers: null, mempoolTxs: null, votingPower: null } as const;
const NOTHING: NodeState = {
  running: false,
  pid: null,
  chainId: null,
  engine: null,
  rpc: null,
  api: null,
  grpc: null,
  ...NO_ANSWER,
  blockMs: null,
  rssBytes: null,
  appPid: null,
  appRssBytes: null,
  cometPid: null,
  cometRssBytes: null,
  mode: null,
  startedAt: null,
};

const statusSchema = z.object({
  sync_info: z.object({ latest_block_height: z.string(), latest_app_hash: z.string(), catching_up: z.boolean() }),
  validator_info: z.object({ voting_power: z.string() }),
});
const countSchema = z.union([z.object({ n_peers: z.string() }).transform(({ n_peers }) => Number(n_peers)), z.object({ n_txs: z.string() }).transform(({ n_txs }) => Number(n_txs))]);

type RpcState = Pick<NodeState, keyof typeof NO_ANSWER>;

/** What the RPC tells; nothing where it does not answer. */
async function askRpc(url: string): Promise<RpcState> {
  const rpc = new RpcConnection(url, STATUS_TIMEOUT_MS);
  const ask = async (method: string): Promise<unknown> => {
    try {
      return await rpc.request(method);
    } catch (error) {
      if (error instanceof R3mesError) return undefined;
      throw error;
    }
  };
  const [status, net, mempool] = await Promise.all(['status', 'net_info', 'num_unconfirmed_txs'].map(ask));
  const parsed = statusSchema.safeParse(status);
  if (!parsed.success) return NO_ANSWER;
  const { sync_info: sync, validator_info: validator } = parsed.data;
  return {
    height: sync.latest_block_height,
    appHash: sync.latest_app_hash.toLowerCase(),
    catchingUp: sync.catching_up,
    votingPower: validator.voting_power,
    peers: countSchema.safeParse(net).data ?? null,
    mempoolTxs: countSchema.safeParse(mempool).data ?? null,
  };
}

const rssOf = async (pid: number | undefined): Promise<number | null> => (pid === undefined ? null : ((await rssBytesOf(pid)) ?? null));

export async function nodeState(home: NodeHome): Promise<NodeState> {
  const holder = await holderOf(home.pidFile);
  if (holder === undefined) return NOTHING;
  const rssBytes = await rssOf(holder.pid);
  const info = infoOf(holder);
  if (info === undefined) return { ...NOTHING, running: true, pid: holder.pid, rssBytes };
  const { chainId, engine, rpc, api, grpc, blockMs, mode, startedAt, appPid, cometPid } = info;
  const [answer, appRssBytes, cometRssBytes] = await Promise.all([askRpc(rpc), rssOf(appPid), rssOf(cometPid)]);
  return {
    running: true,
    pid: holder.pid,
    chainId,
    engine,
    rpc,
    api: api ?? null,
    grpc: grpc ?? null,
    ...answer,
    blockMs,
    rssBytes,
    appPid: appPid ?? null,
    appRssBytes,
    cometPid: cometPid ?? null,
    cometRssBytes,
    mode,
    startedAt,
  };
}

export function alreadyRunning(home: NodeHome, holder: Holder): R3mesError {
  return new R3mesError({
    code: 'ALREADY_RUNNING',
    message: `a node of this home runs already as process ${holder.pid} (${home.pidFile})`,
    hint: 'stop it with: r3mes node stop, or choose another --home',
  });
}

/** @throws R3mesError ALREADY_RUNNING */
export async function refuseRunning(home: NodeHome): Promise<void> {
  const holder = await holderOf(home.pidFile);
  if (holder !== undefined) throw alreadyRunning(home, holder);
}
