/** What can be known of the node of a home from outside of its process. */
import { R3mesError } from '../../protocol/errors.js';
import { type Holder, holderOf } from '../files/pid-file.js';
import type { NodeHome } from './home.js';
import { rssBytesOf } from './memory.js';
import { askRpc, NO_ANSWER, type RpcState } from './rpc-probe.js';
import { type Engine, infoOf } from './settings.js';

const STATUS_TIMEOUT_MS = 2000;

/** Every field is null where it is not known. */
export interface NodeState extends RpcState {
  readonly running: boolean;
  readonly pid: number | null;
  readonly chainId: string | null;
  readonly engine: Engine | null;
  readonly rpc: string | null;
  /** URL of REST and address of gRPC; null where they are not served. */
  readonly api: string | null;
  readonly grpc: string | null;
  /** URL of the metrics, and of CometBFT's own; null where nothing is measured. */
  readonly metrics: string | null;
  readonly cometMetrics: string | null;
  readonly blockMs: number | null;
  readonly rssBytes: number | null;
  /** Under CometBFT the application and CometBFT are processes of their own. */
  readonly appPid: number | null;
  readonly appRssBytes: number | null;
  readonly cometPid: number | null;
  readonly cometRssBytes: number | null;
  /** Of all its processes. */
  readonly totalRssBytes: number | null;
  readonly mode: 'foreground' | 'background' | null;
  readonly startedAt: string | null;
}

const NOTHING: NodeState = {
  running: false,
  pid: null,
  chainId: null,
  engine: null,
  rpc: null,
  api: null,
  grpc: null,
  metrics: null,
  cometMetrics: null,
  ...NO_ANSWER,
  blockMs: null,
  rssBytes: null,
  appPid: null,
  appRssBytes: null,
  cometPid: null,
  cometRssBytes: null,
  totalRssBytes: null,
  mode: null,
  startedAt: null,
};

const rssOf = async (pid: number | undefined): Promise<number | null> => (pid === undefined ? null : ((await rssBytesOf(pid)) ?? null));

export async function nodeState(home: NodeHome): Promise<NodeState> {
  const holder = await holderOf(home.pidFile);
  if (holder === undefined) return NOTHING;
  const rssBytes = await rssOf(holder.pid);
  const info = infoOf(holder);
  if (info === undefined) return { ...NOTHING, running: true, pid: holder.pid, rssBytes, totalRssBytes: rssBytes };
  const { chainId, engine, rpc, api, grpc, metrics, cometMetrics, blockMs, mode, startedAt, appPid, cometPid } = info;
  const [answer, appRssBytes, cometRssBytes] = await Promise.all([askRpc(rpc, STATUS_TIMEOUT_MS), rssOf(appPid), rssOf(cometPid)]);
  return {
    running: true,
    pid: holder.pid,
    chainId,
    engine,
    rpc,
    api: api ?? null,
    grpc: grpc ?? null,
    metrics: metrics ?? null,
    cometMetrics: cometMetrics ?? null,
    ...answer,
    blockMs,
    rssBytes,
    appPid: appPid ?? null,
    appRssBytes,
    cometPid: cometPid ?? null,
    cometRssBytes,
    totalRssBytes: rssBytes === null ? null : rssBytes + (appRssBytes ?? 0) + (cometRssBytes ?? 0),
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
