/** What can be known of the node of a home from outside of its process. */
import { R3mesError } from '../../protocol/errors.js';
import { RpcConnection } from '../../client/rpc.js';
import { type Holder, holderOf } from '../files/pid-file.js';
import type { NodeHome } from './home.js';
import { rssBytesOf } from './memory.js';
import { infoOf } from './settings.js';

const STATUS_TIMEOUT_MS = 2000;

/** Every field is null where it is not known. */
export interface NodeState {
  readonly running: boolean;
  readonly pid: number | null;
  readonly chainId: string | null;
  readonly rpc: string | null;
  /** As text. */
  readonly height: string | null;
  readonly appHash: string | null;
  readonly rssBytes: number | null;
  readonly mode: 'foreground' | 'background' | null;
  readonly startedAt: string | null;
}

const NOTHING: NodeState = { running: false, pid: null, chainId: null, rpc: null, height: null, appHash: null, rssBytes: null, mode: null, startedAt: null };

interface SyncInfo {
  readonly height: string;
  readonly appHash: string;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
}

/** Height and application hash as the RPC tells them; nothing where it does not answer. */
async function askStatus(url: string): Promise<SyncInfo | undefined> {
  let answer: unknown;
  try {
    answer = await new RpcConnection(url, STATUS_TIMEOUT_MS).request('status');
  } catch (error) {
    if (error instanceof R3mesError) return undefined;
    throw error;
  }
  const sync = field(answer, 'sync_info');
  const height = field(sync, 'latest_block_height');
  const appHash = field(sync, 'latest_app_hash');
  return typeof height === 'string' && typeof appHash === 'string' ? { height, appHash: appHash.toLowerCase() } : undefined;
}

export async function nodeState(home: NodeHome): Promise<NodeState> {
  const holder = await holderOf(home.pidFile);
  if (holder === undefined) return NOTHING;
  const rssBytes = (await rssBytesOf(holder.pid)) ?? null;
  const info = infoOf(holder);
  if (info === undefined) return { ...NOTHING, running: true, pid: holder.pid, rssBytes };
  const { chainId, rpc, mode, startedAt } = info;
  const { height = null, appHash = null } = (await askStatus(rpc)) ?? {};
  return { running: true, pid: holder.pid, chainId, rpc, height, appHash, rssBytes, mode, startedAt };
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
