/** The devnet's chain as a network: several nodes under CometBFT, each with its application, watched by this process. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { type BlockResults, ChainClient } from '../../client/index.js';
import { int64Text, RpcConnection } from '../../client/rpc.js';
import { R3mesError } from '../../protocol/errors.js';
import { parseGenesisDoc } from '../../protocol/genesis-doc.js';
import { resolvePaths } from '../config/paths.js';
import { nodeHome } from '../node/home.js';
import { runNode, type RunningNode } from '../node/run.js';
import type { ChainHooks, DevnetChain } from './chain.js';
import type { DevnetHome } from './settings.js';

const POLL_MS = 200;
const RPC_TIMEOUT_MS = 2000;
/** A node that was killed is back, and has the blocks that it missed, within this time. */
const HEAD_TIMEOUT_MS = 120_000;

const infoAnswer = z.object({ response: z.object({ last_block_height: int64Text.default(0n) }) });

export interface CometChainOptions extends ChainHooks {
  readonly home: DevnetHome;
  readonly validators: number;
  /** Path of the binary. */
  readonly cometbft: string;
  readonly signal: AbortSignal;
}

interface Started {
  readonly node: RunningNode;
  /** Of its application when it first answered. */
  readonly height: bigint;
}

async function startOne(index: number, { home, cometbft, report, signal }: CometChainOptions): Promise<Started> {
  const name = `node${index}`;
  const settings = { home: nodeHome(resolvePaths(path.join(home.nodes, name), {}, '/')), engine: 'comet', cometbft, detached: false } as const;
  let height = 0n;
  const onReady = (_: unknown, at: bigint): void => {
    height = at;
  };
  const node = await runNode(settings, { onReady, onProblem: (text) => report(`${name}: ${text}`) }, signal);
  return { node, height };
}

/** All or none. */
async function startNodes(options: CometChainOptions): Promise<Started[]> {
  const results = await Promise.allSettled(Array.from({ length: options.validators }, (_, i) => startOne(i, options)));
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return started;
  await Promise.all(started.map(({ node }) => node.stop()));
  throw failed.reason;
}

/** Tells every block from `next` on, in their order. A node that is being killed or lags is asked again with the next block. */
async function follow(client: ChainClient, next: bigint, onBlock: ChainHooks['onBlock'], signal: AbortSignal): Promise<void> {
  for await (const newest of client.blocks(signal)) {
    try {
      for (; next <= newest; next++) onBlock(next, await client.history.results(next));
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
    }
  }
}

/** The state that a node's application has; nothing while it does not answer. */
async function appHeight(url: string): Promise<bigint | undefined> {
  try {
    return infoAnswer.parse(await new RpcConnection(url, RPC_TIMEOUT_MS).request('abci_info')).response.last_block_height;
  } catch (error) {
    if (error instanceof R3mesError) return undefined;
    throw error;
  }
}

async function reach(url: string, height: bigint, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + HEAD_TIMEOUT_MS;
  for (;;) {
    const at = await appHeight(url);
    if (at !== undefined && at >= height) return;
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      throw new R3mesError({ code: 'NODE_BEHIND', message: `the node at ${url} is at height ${at ?? 'unknown'} after ${HEAD_TIMEOUT_MS / 1000} s, expected ${height}` });
    }
    await sleep(POLL_MS);
  }
}

/** Starts every node of the devnet's home. @throws R3mesError as `runNode` does; nothing runs then. */
export async function startCometChain(options: CometChainOptions): Promise<DevnetChain> {
  const { home, signal } = options;
  const genesis = parseGenesisDoc(await readFile(home.genesisFile, 'utf8'));
  const started = await startNodes(options);
  const nodes = started.map(({ node }) => node);
  const [url = '', ...otherUrls] = nodes.map(({ info }) => info.rpc);
  const stopping = new AbortController();
  const stopNodes = async (): Promise<void> => {
    stopping.abort();
    await Promise.all(nodes.map((node) => node.stop()));
  };
  let client: ChainClient;
  try {
    client = await ChainClient.connect(url, { otherUrls });
  } catch (error) {
    await stopNodes();
    throw error;
  }
  const before = started.reduce((lowest, { height }) => (height < lowest ? height : lowest), started[0]?.height ?? 0n);
  const following = follow(client, before + 1n, options.onBlock, stopping.signal);
  const results = async (height: bigint): Promise<BlockResults> => {
    for (let tries = 1; ; tries++) {
      try {
        return await client.history.results(height);
      } catch (error) {
        if (!(error instanceof R3mesError) || tries * POLL_MS > HEAD_TIMEOUT_MS) throw error;
        await sleep(POLL_MS, undefined, { signal });
      }
    }
  };
  return {
    url,
    otherUrls,
    isPaced: false,
    genesis,
    isContinued: before > 0n,
    finished: Promise.all([following, ...nodes.map((node) => node.until(stopping.signal))]).then(() => undefined),
    results,
    seen: () => undefined,
    async head() {
      const { height } = await client.status();
      for (const each of [url, ...otherUrls]) await reach(each, height, signal);
      return { height, appHash: (await results(height)).appHash };
    },
    async stop() {
      await stopNodes();
      await following.catch(() => undefined); // told by `finished`
    },
  };
}
