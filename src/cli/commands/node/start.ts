import path from 'node:path';

import { type BlockLine, describeBlock } from '../../node/block-line.js';
import { startDetached } from '../../node/detach.js';
import { nodeHome } from '../../node/home.js';
import { type ListenAddress, type OFF, unlessOff } from '../../node/listen-address.js';
import { megabytes, ownRssBytes } from '../../node/memory.js';
import type { LogFormat } from '../../node/node-log.js';
import type { Engine, NodeSettings } from '../../node/settings.js';
import { nodeState, refuseRunning } from '../../node/state.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';

export interface StartArgs {
  readonly engine: Engine | undefined;
  readonly cometbft: string | undefined;
  readonly rpcPort: number | undefined;
  readonly rpcHost: string | undefined;
  readonly p2pPort: number | undefined;
  readonly api: ListenAddress | typeof OFF | undefined;
  readonly grpc: ListenAddress | typeof OFF | undefined;
  readonly metrics: ListenAddress | typeof OFF | undefined;
  readonly cometMetrics: ListenAddress | typeof OFF | undefined;
  readonly blockMs: number | undefined;
  readonly moniker: string | undefined;
  readonly logFormat: LogFormat | undefined;
  readonly network: string | undefined;
}

export function nodeSettings(ctx: Context, args: StartArgs, detached: boolean): NodeSettings {
  const { engine, cometbft, rpcPort, rpcHost, p2pPort, blockMs, moniker, logFormat, network } = args;
  const [api, grpc, metrics, cometMetrics] = [unlessOff(args.api), unlessOff(args.grpc), unlessOff(args.metrics), unlessOff(args.cometMetrics)];
  return {
    home: nodeHome(ctx.paths),
    detached,
    ...(engine === undefined ? {} : { engine }),
    ...(cometbft === undefined ? {} : { cometbft: path.resolve(ctx.io.cwd, cometbft) }),
    ...(rpcPort === undefined ? {} : { rpcPort }),
    ...(rpcHost === undefined ? {} : { rpcHost }),
    ...(p2pPort === undefined ? {} : { p2pPort }),
    ...(api === undefined ? {} : { api }),
    ...(grpc === undefined ? {} : { grpc }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(cometMetrics === undefined ? {} : { cometMetrics }),
    ...(blockMs === undefined ? {} : { blockMs }),
    ...(moniker === undefined ? {} : { moniker }),
    ...(logFormat === undefined ? {} : { logFormat }),
    ...(network === undefined ? {} : { network }),
  };
}

/** Starts a process in the background and tells what it says of itself. */
export async function startInBackground(ctx: Context, settings: NodeSettings): Promise<CommandResult> {
  const { home } = settings;
  await refuseRunning(home);
  const progress = await ctx.progress('starting the node');
  let pid: number;
  try {
    ({ pid } = await startDetached(settings, ctx.signal));
    progress.succeed();
  } catch (error) {
    progress.fail();
    throw error;
  }
  const { chainId, rpc, api, grpc, metrics, height, appHash, rssBytes } = await nodeState(home);
  const served = [api === null ? [] : [`REST    ${api}`], grpc === null ? [] : [`gRPC    ${grpc}`], metrics === null ? [] : [`metrics ${metrics}`]].flat();
  const lines = [`chain   ${chainId ?? ''}`, `RPC     ${rpc ?? ''}`, ...served, `process ${pid}${rssBytes === null ? '' : `, ${megabytes(rssBytes)}`}`, `log     ${home.logFile}`];
  ctx.out.note('stop it with r3mes node stop; follow it with r3mes node logs --follow');
  return { data: { pid, chainId, rpc, api, grpc, metrics, height, appHash, rssBytes, log: home.logFile }, text: lines.join('\n') };
}

/** At most one line in so many milliseconds. */
function throttled(everyMs: number, show: (line: BlockLine) => void): (line: BlockLine) => void {
  let nextMs = 0;
  return (line) => {
    const nowMs = performance.now();
    if (nowMs < nextMs) return;
    nextMs = nowMs + everyMs;
    show(line);
  };
}

async function runInForeground(ctx: Context, settings: NodeSettings, everyMs: number): Promise<CommandResult> {
  const { out } = ctx;
  let blocks = 0;
  const show = throttled(everyMs, (line) => out.event('block', { ...line }, describeBlock(line)));
  const log = settings.home.logFile;
  const { runNode } = await import('../../node/run.js');
  const node = await runNode(settings, {
    onReady({ chainId, rpc, api = null, grpc = null, metrics = null, blockMs }, height) {
      const rssBytes = ownRssBytes();
      const text = `chain ${chainId} at height ${height}, RPC ${rpc}${api === null ? '' : `, REST ${api}`}${grpc === null ? '' : `, gRPC ${grpc}`}${metrics === null ? '' : `, metrics ${metrics}`}, process ${process.pid}, ${megabytes(rssBytes)}; log ${log}`;
      out.event('started', { pid: process.pid, chainId, rpc, api, grpc, metrics, blockMs, height, rssBytes, log }, text);
      ctx.holdFor('the block at hand');
    },
    onBlock(line) {
      blocks++;
      show(line);
    },
    onProblem: (text) => out.log('warn', text),
  }, ctx.signal);
  try {
    await node.until(ctx.signal);
  } finally {
    await node.stop();
  }
  const { chainId, rpc, api = null, grpc = null, metrics = null } = node.info;
  const rssBytes = ownRssBytes();
  return {
    data: { pid: process.pid, chainId, rpc, api, grpc, metrics, height: node.height.toString(), appHash: node.appHash, rssBytes, log, blocks },
    text: `stopped at height ${node.height} after ${blocks} blocks, ${megabytes(rssBytes)}`,
  };
}

export async function nodeStart(ctx: Context, args: StartArgs & { readonly detach: boolean; readonly every: number }): Promise<CommandResult> {
  const settings = nodeSettings(ctx, args, args.detach);
  if (args.detach) return startInBackground(ctx, settings);
  return runInForeground(ctx, settings, args.every * 1000);
}
