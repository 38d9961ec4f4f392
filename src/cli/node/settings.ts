import { R3mesError } from '../../protocol/errors.js';
import type { Holder } from '../files/pid-file.js';
import type { NodeHome } from './home.js';

export const DEFAULT_RPC_HOST = '127.0.0.1';
export const DEFAULT_RPC_PORT = 26_657;
export const MIN_BLOCK_MS = 20;
export const MAX_BLOCK_MS = 3_600_000;

/** How a node is to run; plain data, since a background process is told it over a channel. */
export interface NodeSettings {
  readonly home: NodeHome;
  readonly rpcHost: string;
  /** 0: any free port. */
  readonly rpcPort: number;
  /** From one block to the next; absent: what the genesis calls nominal. */
  readonly blockMs?: number;
  /** Chain id that the genesis must have. */
  readonly network?: string;
  readonly moniker: string;
  /** In the background: the head of a process group of its own. */
  readonly detached: boolean;
}

/** What a running node tells in its pid file. */
export interface NodeInfo {
  readonly rpc: string;
  readonly chainId: string;
  readonly rpcHost: string;
  readonly rpcPort: number;
  readonly blockMs: number;
  readonly mode: 'foreground' | 'background';
  readonly startedAt: string;
}

export function infoToText(info: NodeInfo): Record<string, string> {
  return Object.fromEntries(Object.entries(info).map(([key, value]) => [key, String(value)]));
}

/** Nothing while the node is still starting: then it has told nothing yet. */
export function infoOf({ info }: Holder): NodeInfo | undefined {
  const { rpc, chainId, rpcHost, rpcPort, blockMs, mode, startedAt } = info;
  if (rpc === undefined || chainId === undefined || rpcHost === undefined || startedAt === undefined) return undefined;
  return { rpc, chainId, rpcHost, rpcPort: Number(rpcPort), blockMs: Number(blockMs), mode: mode === 'background' ? mode : 'foreground', startedAt };
}

/** Of a command that needs a running node. */
export function notRunning(home: NodeHome): R3mesError {
  return new R3mesError({ code: 'NODE_NOT_RUNNING', message: `no node runs in this home (${home.pidFile})`, hint: 'start it with: r3mes node start' });
}
