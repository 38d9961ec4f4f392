/** The node of a home in this process, in the foreground or as a background process. */
import { z } from 'zod';

import type { GenesisDoc } from '../../protocol/genesis-doc.js';
import { R3mesError } from '../../protocol/errors.js';
import { acquirePidFile, type PidFile } from '../files/pid-file.js';
import { type BlockLine, describeBlock } from './block-line.js';
import { openGateway, type OpenGateway } from './gateway.js';
import { readGenesis } from './genesis.js';
import { megabytes, ownRssBytes } from './memory.js';
import { type NodeLog, openNodeLog } from './node-log.js';
import { openNode, type OpenNode } from './open-node.js';
import type { OpenMetrics } from '../metrics/open.js';
import { infoToText, type NodeInfo, type NodeSettings } from './settings.js';

/** Where the genesis names no time between blocks. */
const FALLBACK_BLOCK_MS = 5000;

const nominalSchema = z.object({ reward: z.object({ params: z.object({ nominal_block_ms: z.union([z.string(), z.number()]) }) }) });

/** The time between blocks that the chain's emission is laid out for. */
function nominalBlockMs(genesis: GenesisDoc): number {
  const parsed = nominalSchema.safeParse(genesis.appState);
  const ms = parsed.success ? Number(parsed.data.reward.params.nominal_block_ms) : FALLBACK_BLOCK_MS;
  return Number.isSafeInteger(ms) && ms > 0 ? ms : FALLBACK_BLOCK_MS;
}

export interface NodeHooks {
  /** Called once, when requests are answered and before the first new block. */
  readonly onReady?: (info: NodeInfo, height: bigint) => void;
  readonly onBlock?: (line: BlockLine) => void;
  /** Hears of what went wrong without ending the node. */
  readonly onProblem?: (text: string) => void;
}

export interface RunningNode {
  readonly info: NodeInfo;
  readonly height: bigint;
  readonly appHash: string;
  /** Resolves when `signal` is aborted. @throws what ended the engine, e.g. a full disk. */
  until(signal: AbortSignal): Promise<void>;
  /** Finishes the block at hand, closes everything and gives up the pid file. */
  stop(): Promise<void>;
}

/**
 * Starts the node of a home; it makes blocks until it is stopped.
 * @param signal aborts the start: CometBFT may have many blocks to execute before it answers.
 * @throws R3mesError ALREADY_RUNNING, GENESIS_*, WRONG_NETWORK, ENGINE_MISMATCH, SOLO_VALIDATORS, VALIDATOR_KEY_MISSING,
 * DATABASE_*, PORT_IN_USE, COMET_*.
 */
export async function runNode(settings: NodeSettings, hooks: NodeHooks = {}, signal: AbortSignal = new AbortController().signal): Promise<RunningNode> {
  const { home } = settings;
  const lock = await acquirePidFile(home.pidFile, 'a node of this home');
  let log: NodeLog | undefined;
  try {
    const genesis = await readGenesis(home.genesisFile, settings.network);
    log = await openNodeLog(home.logs, home.logName, settings.logFormat ?? 'text', { onError: (error) => hooks.onProblem?.(`${home.logFile}: ${error.message}`) });
    return await runWith(settings, genesis, lock, log, hooks, signal);
  } catch (error) {
    log?.write('error', 'node', error instanceof Error ? error.message : String(error));
    await log?.close();
    await lock.release();
    throw error;
  }
}

/** Nothing where nobody wants to measure; the libraries are not loaded then. */
async function startMetrics(
  { home, metrics }: NodeSettings,
  { chainId }: GenesisDoc,
  node: OpenNode,
  { appPid, cometPid }: Pick<NodeInfo, 'appPid' | 'cometPid'>,
  report: (text: string) => void,
): Promise<OpenMetrics | undefined> {
  if (metrics === undefined) return undefined;
  const { openMetrics } = await import('../metrics/open.js');
  const { rpc, engine } = node.info;
  const opened = await openMetrics(metrics, { home, rpc, engine, chainId, application: () => node.metrics() }, report);
  if (appPid !== undefined && cometPid !== undefined) opened.processes(appPid, cometPid);
  return opened;
}

async function runWith(settings: NodeSettings, genesis: GenesisDoc, lock: PidFile, log: NodeLog, hooks: NodeHooks, signal: AbortSignal): Promise<RunningNode> {
  const report = (text: string): void => {
    log.write('warn', 'engine', text);
    hooks.onProblem?.(text);
  };
  let info: NodeInfo | undefined;
  let processes: Pick<NodeInfo, 'appPid' | 'cometPid'> = {};
  let metrics: OpenMetrics | undefined;
  const node = await openNode(
    settings,
    genesis,
    nominalBlockMs(genesis),
    {
      onBlock: (line) => {
        log.write('info', 'chain', describeBlock(line), { ...line });
        if (info !== undefined) hooks.onBlock?.(line);
      },
      report,
      note: (text) => log.write('info', 'engine', text),
      onProcesses: (appPid, cometPid) => {
        processes = { appPid, cometPid };
        metrics?.processes(appPid, cometPid);
        if (info === undefined) return;
        info = { ...info, ...processes };
        lock.tell(infoToText(info)).catch((error: unknown) => report(`${settings.home.pidFile}: ${String(error)}`));
      },
    },
    signal,
  );
  let gateway: OpenGateway | undefined;
  try {
    gateway = await openGateway(node.info.rpc, settings, report);
    metrics = await startMetrics(settings, genesis, node, processes, report);
  } catch (error) {
    await gateway?.close();
    await node.stop();
    throw error;
  }
  info = {
    ...node.info,
    ...processes,
    ...(gateway?.api === undefined ? {} : { api: gateway.api }),
    ...(gateway?.grpc === undefined ? {} : { grpc: gateway.grpc }),
    ...(metrics === undefined ? {} : { metrics: metrics.url }),
    chainId: genesis.chainId,
    ...(settings.logFormat === undefined ? {} : { logFormat: settings.logFormat }),
    mode: settings.detached ? 'background' : 'foreground',
    startedAt: new Date().toISOString(),
  };
  const started = info;
  const fields = { chainId: info.chainId, height: node.height.toString(), rpc: info.rpc, pid: process.pid, rssBytes: ownRssBytes() };
  log.write('info', 'node', `chain ${info.chainId} at height ${node.height}, RPC ${info.rpc}, process ${process.pid}, ${megabytes(fields.rssBytes)}`, fields);
  try {
    await lock.tell(infoToText(info));
  } catch (error) {
    await metrics?.close();
    await gateway?.close();
    await node.stop();
    throw error;
  }
  hooks.onReady?.(info, node.height);
  node.start();
  return {
    info: started,
    get height() {
      return node.height;
    },
    get appHash() {
      return node.appHash;
    },
    async until(signal) {
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      try {
        await Promise.race([node.finished, aborted]);
      } catch (error) {
        log.write('error', 'engine', error instanceof Error ? error.message : String(error));
        throw error instanceof R3mesError ? error : new R3mesError({ code: 'NODE_FAILED', message: `the node cannot go on: ${String(error)}`, hint: `see ${settings.home.logFile}`, cause: error });
      }
    },
    async stop() {
      await metrics?.close();
      await gateway?.close();
      await node.stop();
      log.write('info', 'node', `stopped at height ${node.height}`, { height: node.height.toString() });
      await log.close();
      await lock.release();
    },
  };
}
