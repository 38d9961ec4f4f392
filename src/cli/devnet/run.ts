import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { type BlockResults, ChainClient } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import type { SealingPolicy } from '../../chain/solo/index.js';
import { confirmationNeeded } from '../frame/errors.js';
import type { Context } from '../frame/context.js';
import { isMissing } from '../files/atomic.js';
import { acquirePidFile } from '../files/pid-file.js';
import type { ChainHooks, DevnetChain } from './chain.js';
import { devnetRoles, keysFromJson, OBSERVER, type DevnetKeys } from './keys.js';
import { Names } from './names.js';
import { Narrator } from './narrator.js';
import { measureOutcome, type DevnetOutcome } from './outcome.js';
import { readRound } from './round.js';
import { devnetHome, runSchema, type DevnetHome, type DevnetRun, type DevnetSettings } from './settings.js';
import { saveRun, setUp } from './setup.js';
import { startSoloChain } from './solo-chain.js';
import { Workers } from './workers.js';

/** Seconds of block time a block, where a seed rules out the clock. */
const SEEDED_BLOCK_SECONDS = 5n;
/** A block is sealed after this long even if a role is silent. */
const ROLE_TIMEOUT_MS = 60_000;

export interface DevnetOptions {
  readonly root: string;
  readonly settings: DevnetSettings;
  readonly port: number;
  readonly keep: boolean;
  /** Path of CometBFT; needed where the settings name validators. */
  readonly cometbft?: string;
  /** See `WorkersOptions`. */
  readonly workerFile?: string;
}

async function readRun(home: DevnetHome): Promise<DevnetRun | undefined> {
  try {
    return runSchema.parse(JSON.parse(await readFile(home.runFile, 'utf8')));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new R3mesError({ code: 'CONFIG_INVALID', message: `${home.runFile} is damaged`, hint: 'delete the folder, or choose another by --home', cause: error });
  }
}

/** The run to go on with, or a new one. An unfinished run with other settings is given up only when that was said. */
async function openRun(ctx: Context, home: DevnetHome, options: DevnetOptions): Promise<DevnetRun> {
  const old = await readRun(home);
  const isSame = old !== undefined && JSON.stringify(old.settings) === JSON.stringify(options.settings);
  if (old !== undefined && !old.finished) {
    if (isSame) {
      ctx.out.note(`going on with the unfinished run in ${home.root}`);
      return { ...old, port: options.port };
    }
    if (!ctx.globals.yes) throw confirmationNeeded(`giving up the unfinished run in ${home.root}, which has other settings,`);
  }
  const progress = await ctx.progress('setting up');
  try {
    const run = await setUp(home, options.settings, options.port, (detail) => progress.update({ detail }), ctx.signal);
    progress.succeed();
    return run;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

function sealingPolicy(settings: DevnetSettings, keys: DevnetKeys): SealingPolicy {
  const roles = [...devnetRoles(keys).map((r) => ({ role: r.role, addresses: r.accounts.map((a) => a.address) })), { role: OBSERVER, addresses: [] }];
  if (settings.seed === undefined) return { kind: 'ready', roles, timeoutMs: ROLE_TIMEOUT_MS };
  return { kind: 'ready', roles, timeoutMs: 0, deterministicOrder: { blockSeconds: SEEDED_BLOCK_SECONDS } };
}

/** Sets up or continues a run, plays its rounds, and proves its numbers. */
export async function runDevnet(ctx: Context, options: DevnetOptions): Promise<DevnetOutcome> {
  const home = devnetHome(path.resolve(options.root));
  const lock = await acquirePidFile(path.join(home.root, 'devnet.pid'), 'a devnet in this home');
  try {
    const run = await openRun(ctx, home, options);
    const keys = keysFromJson(await readFile(home.keysFile, 'utf8'));
    return await new Devnet(ctx, home, run, keys).play(options);
  } finally {
    await lock.release();
  }
}

class Devnet {
  readonly #names: Names;
  readonly #narrator: Narrator;
  readonly #blocks: { height: bigint; results: BlockResults }[] = [];
  #wake: () => void = () => undefined;
  #failure: Error | undefined;

  constructor(
    private readonly ctx: Context,
    private readonly home: DevnetHome,
    private readonly run: DevnetRun,
    private readonly keys: DevnetKeys,
  ) {
    this.#names = new Names(keys);
    this.#narrator = new Narrator(ctx.out, this.#names);
  }

  private async startChain(cometbft: string | undefined): Promise<DevnetChain> {
    const { home, keys, run, ctx } = this;
    const hooks: ChainHooks = {
      onBlock: (height, results) => this.noticeBlock(height, results),
      report: (text) => ctx.out.log('warn', text),
    };
    const { validators } = run.settings;
    if (validators === undefined) return startSoloChain({ home, keys, port: run.port, sealing: sealingPolicy(run.settings, keys), ...hooks });
    if (cometbft === undefined) throw new R3mesError({ code: 'COMET_MISSING', message: 'expected the path of CometBFT: this devnet is a network' });
    const { startCometChain } = await import('./comet-chain.js');
    return startCometChain({ home, validators, cometbft, signal: ctx.signal, ...hooks });
  }

  async play({ keep, workerFile, cometbft }: Pick<DevnetOptions, 'keep' | 'workerFile' | 'cometbft'>): Promise<DevnetOutcome> {
    const { home, keys, run, ctx } = this;
    const chain = await this.startChain(cometbft);
    chain.finished.catch((error: unknown) => this.fail(error));
    const client = await ChainClient.connect(chain.url, { otherUrls: chain.otherUrls });
    const workers = new Workers({
      home,
      chain,
      lastWindow: BigInt(run.settings.rounds),
      onEvent: (role, event) => this.#narrator.role(role, event),
      onFailure: (error) => this.fail(error),
      ...(workerFile === undefined ? {} : { workerFile }),
    });
    ctx.signal.addEventListener('abort', () => this.#wake(), { once: true });
    try {
      this.banner(chain);
      for (const role of devnetRoles(keys)) workers.start(role);
      await this.watch(chain, client);
      const progress = await ctx.progress('measuring the trained adapter');
      const head = await chain.head();
      const outcome = await measureOutcome(chain, head, client.queriesAt(head.height), home, run, keys, ctx.signal);
      progress.succeed();
      await saveRun(home, { ...run, finished: true });
      if (keep) await this.stayUp(chain);
      return outcome;
    } finally {
      await workers.stop();
      await chain.stop();
    }
  }

  private banner(chain: DevnetChain): void {
    const { settings, chainId } = this.run;
    const people = `${settings.miners} honest miners, ${settings.cheaters} cheaters, ${settings.proposers} proposers, ${settings.verifiers} verifiers`;
    this.#narrator.tell('devnet', { chainId, rpc: chain.url, home: this.home.root, ...settings }, `chain ${chainId}, RPC ${[chain.url, ...chain.otherUrls].join(', ')}\n${people}, ${settings.rounds} rounds; home ${this.home.root}`);
  }

  private noticeBlock(height: bigint, results: BlockResults): void {
    this.#blocks.push({ height, results });
    this.#wake();
  }

  private fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#wake();
  }

  /** Follows the chain block by block until the last round is settled; where blocks wait for roles, they wait for this too. */
  private async watch(chain: DevnetChain, client: ChainClient): Promise<void> {
    const { rounds } = this.run.settings;
    let shown = chain.isContinued ? await this.roundsBefore(client) : 0;
    chain.seen(0n);
    if (shown < rounds && chain.isContinued && chain.isPaced) chain.seen((await chain.head()).height);
    while (shown < rounds) {
      await this.nextBlock();
      for (let next = this.#blocks.shift(); next !== undefined; next = this.#blocks.shift()) {
        this.#narrator.block(next.height, next.results);
        await this.recordHash(next.height, next.results.appHash);
        shown = await this.showRounds(client, shown);
        if (shown < rounds) chain.seen(next.height);
      }
    }
  }

  /** The application hash of every height, for comparison between runs and machines. */
  private async recordHash(height: bigint, appHash: Uint8Array): Promise<void> {
    this.#narrator.tell('block', { height, appHash }, '');
    await Promise.resolve();
  }

  private async nextBlock(): Promise<void> {
    while (this.#blocks.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      this.ctx.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  private async roundsBefore(client: ChainClient): Promise<number> {
    let settled = 0;
    while (settled < this.run.settings.rounds && (await client.queries.window(BigInt(settled + 1)))?.settled === true) settled++;
    return settled;
  }

  /** Shows rounds in order as they are settled. */
  private async showRounds(client: ChainClient, shown: number): Promise<number> {
    let count = shown;
    while (count < this.run.settings.rounds && (await client.queries.window(BigInt(count + 1)))?.settled === true) {
      count++;
      const round = await readRound(client.queries, BigInt(count), this.#names);
      this.ctx.out.event('round', round.data, `\n${round.text}\n`);
    }
    return count;
  }

  /** Goes on sealing blocks for clients until it is stopped. */
  private async stayUp(chain: DevnetChain): Promise<void> {
    this.#narrator.tell('staying_up', { rpc: chain.url }, `rounds finished; staying up for clients at ${chain.url} (Ctrl-C ends)`);
    while (!this.ctx.signal.aborted && this.#failure === undefined) {
      if (chain.isPaced) chain.seen((await chain.head()).height);
      this.#blocks.length = 0;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          if (!this.ctx.signal.aborted) return;
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
