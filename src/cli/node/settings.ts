import { R3mesError } from '../../protocol/errors.js';
import type { Holder } from '../files/pid-file.js';
import type { NodeHome } from './home.js';
import type { ListenAddress } from './listen-address.js';
import type { LogFormat } from './node-log.js';

export const DEFAULT_RPC_HOST = '127.0.0.1';
export const DEFAULT_RPC_PORT = 26_657;
export const DEFAULT_P2P_PORT = 26_656;
export const DEFAULT_MONIKER = 'r3mes';
export const MIN_BLOCK_MS = 20;
export const MAX_BLOCK_MS = 3_600_000;

export const ENGINES = ['solo', 'comet'] as const;
export type Engine = (typeof ENGINES)[number];

/** How a node is to run; plain data, since a background process is told it over a channel. */
export interface NodeSettings {
  readonly home: NodeHome;
  /** Absent: what the chain was begun with, else solo for one validator and CometBFT for several. */
  readonly engine?: Engine;
  /** Path of a CometBFT binary; absent: the installed one, else that on PATH. */
  readonly cometbft?: string;
  /** Absent: what CometBFT's config.toml says, else the loopback address. */
  readonly rpcHost?: string;
  /** 0: any free port. Absent: what CometBFT's config.toml says, else the usual one. */
  readonly rpcPort?: number;
  /** Port for peers under CometBFT; 0: any free port. */
  readonly p2pPort?: number;
  /** From one block to the next; absent: what config.toml says, or the genesis calls nominal. */
  readonly blockMs?: number;
  /** Where REST and gRPC listen; absent: they are not served. */
  readonly api?: ListenAddress;
  readonly grpc?: ListenAddress;
  /** Where Prometheus may ask for our metrics, and for CometBFT's own; absent: nothing is measured. */
  readonly metrics?: ListenAddress;
  readonly cometMetrics?: ListenAddress;
  /** Chain id that the genesis must have. */
  readonly network?: string;
  readonly moniker?: string;
  /** Of our log, and of CometBFT's where it is given; absent: text, and what config.toml says. */
  readonly logFormat?: LogFormat;
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
  readonly engine: Engine;
  /** URL of REST and `host:port` of gRPC, where they are served. */
  readonly api?: string;
  readonly grpc?: string;
  /** URL of the metrics, and of CometBFT's own. */
  readonly metrics?: string;
  readonly cometMetrics?: string;
  readonly logFormat?: LogFormat;
  /** The CometBFT that runs. */
  readonly cometbft?: string;
  /** Processes of a node with CometBFT, as they are now. */
  readonly appPid?: number;
  readonly cometPid?: number;
}

export function infoToText(info: NodeInfo): Record<string, string> {
  return Object.fromEntries(Object.entries(info).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])));
}

/** Nothing while the node is still starting: then it has told nothing yet. */
export function infoOf({ info }: Holder): NodeInfo | undefined {
  const { rpc, chainId, rpcHost, rpcPort, blockMs, mode, startedAt, engine, api, grpc, metrics, cometMetrics, logFormat, cometbft, appPid, cometPid } = info;
  if (rpc === undefined || chainId === undefined || rpcHost === undefined || startedAt === undefined) return undefined;
  return {
    rpc,
    chainId,
    rpcHost,
    rpcPort: Number(rpcPort),
    blockMs: Number(blockMs),
    mode: mode === 'background' ? mode : 'foreground',
    startedAt,
    engine: engine === 'comet' ? engine : 'solo',
    ...(api === undefined ? {} : { api }),
    ...(grpc === undefined ? {} : { grpc }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(cometMetrics === undefined ? {} : { cometMetrics }),
    ...(logFormat === undefined ? {} : { logFormat: logFormat === 'json' ? logFormat : 'text' }),
    ...(cometbft === undefined ? {} : { cometbft }),
    ...(appPid === undefined ? {} : { appPid: Number(appPid) }),
    ...(cometPid === undefined ? {} : { cometPid: Number(cometPid) }),
  };
}

/** Of a command that needs a running node. */
export function notRunning(home: NodeHome): R3mesError {
  return new R3mesError({ code: 'NODE_NOT_RUNNING', message: `no node runs in this home (${home.pidFile})`, hint: 'start it with: r3mes node start' });
}
