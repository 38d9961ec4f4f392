/**
 * A node with CometBFT: the application and CometBFT, each a process, watched by this one.
 *
 * CometBFT ends itself when its application is gone, and the application may be killed at any moment, so each is started
 * again whenever it ends: at first at once, then after longer and longer pauses, until a block has come.
 */
import { rm } from 'node:fs/promises';

import type { CometBinary } from '../../chain/comet/binary.js';
import { R3mesError } from '../../protocol/errors.js';
import { RpcConnection } from '../../client/rpc.js';
import { type AppChild, startApp } from './app-child.js';
import type { BlockLine } from './block-line.js';
import { endRecorded } from './child-record.js';
import { type CometChild, startComet } from './comet-child.js';
import { abciPlace, type AbciPlace, cometStart, type CometStart } from './comet-files.js';
import type { NodeSettings } from './settings.js';

/** Pauses before the first, second, … start in a row that brings no block. */
const PAUSES_MS = [100, 1000, 2000, 4000, 8000, 16_000, 30_000];
/** So often in a row may CometBFT or the application end before the node has ever answered. */
const MAX_FAILED_STARTS = 3;
/** Both may end of one cause; so long one waits for the news of the other. */
const SETTLE_MS = 200;
const RPC_POLL_MS = 50;
const RPC_TIMEOUT_MS = 2000;

export interface CometNodeOptions {
  readonly settings: NodeSettings;
  readonly comet: CometBinary;
  /** Script of the application's process. */
  readonly appEntry: string;
  readonly onBlock: (line: BlockLine) => void;
  readonly report: (text: string) => void;
  readonly onCometLine: (line: string) => void;
  /** Called whenever a process has been started. */
  readonly onProcesses: (appPid: number, cometPid: number) => void;
}

export class CometNode {
  readonly #options: CometNodeOptions;
  readonly #place: AbciPlace;
  /** Rejects with what ended the node; resolves when it is stopped. */
  readonly finished: Promise<void>;
  readonly start: CometStart;
  #height = 0n;
  #appHash = '';
  #app: AppChild | undefined;
  #isAnswering = false;
  #isStopping = false;
  readonly #stopping: Promise<void>;
  #askToStop: () => void = () => undefined;
  readonly #failed: Promise<never>;
  #fail: (error: R3mesError) => void = () => undefined;
  /** Starts in a row that brought no block. */
  #idleStarts = 0;

  private constructor(options: CometNodeOptions, place: AbciPlace, start: CometStart) {
    this.#options = options;
    this.#place = place;
    this.start = start;
    this.#stopping = new Promise((resolve) => {
      this.#askToStop = resolve;
    });
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined); // raced against below
    this.finished = this.#run();
    this.finished.catch(() => undefined); // told to whoever waits for it
  }

  /**
   * Ends what a killed node of this home left behind, starts both processes and waits until the RPC answers.
   * The caller holds the lock of the home.
   * @throws R3mesError as the application does, or COMET_FAILED.
   */
  static async open(options: CometNodeOptions, signal: AbortSignal): Promise<CometNode> {
    const { home } = options.settings;
    for (const [what, file] of [['CometBFT', home.cometPidFile], ['application', home.appPidFile]] as const) {
      const pid = await endRecorded(file);
      if (pid !== undefined) options.report(`ended process ${pid}, the ${what} that an earlier node left behind`);
    }
    const place = await abciPlace(home);
    const { address } = place;
    const proxyApp = 'path' in address ? `unix://${address.path}` : '';
    const start = await cometStart(options.settings, proxyApp);
    const node = new CometNode(options, place, start);
    try {
      await Promise.race([node.#untilAnswering(signal), node.finished]);
      signal.throwIfAborted();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  get height(): bigint {
    return this.#height;
  }

  get appHash(): string {
    return this.#appHash;
  }

  /** The application's metrics. @throws R3mesError NO_METRICS while it does not answer. */
  async metrics(): Promise<string> {
    if (this.#app === undefined) throw new R3mesError({ code: 'NO_METRICS', message: 'the application is being started', retryable: true });
    return this.#app.metrics();
  }

  /** Ends CometBFT, then the application. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#askToStop();
    await this.finished.catch(() => undefined); // whoever waits for `finished` hears of it
    await this.#place.remove();
    const { appPidFile, cometPidFile } = this.#options.settings.home;
    for (const file of [appPidFile, cometPidFile]) await rm(file, { force: true });
  }

  async #untilAnswering(signal: AbortSignal): Promise<void> {
    const rpc = new RpcConnection(this.start.rpc, RPC_TIMEOUT_MS);
    while (!signal.aborted && !this.#isStopping) {
      try {
        await rpc.request('status');
        this.#isAnswering = true;
        return;
      } catch (error) {
        if (!(error instanceof R3mesError)) throw error;
      }
      await this.#pause(RPC_POLL_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    return Promise.race([waited, this.#stopping]).finally(() => clearTimeout(timer));
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const app = await this.#startApp();
      if (app === undefined) continue;
      try {
        this.#app = app;
        await this.#runComet(app);
      } finally {
        this.#app = undefined;
        await app.stop();
      }
    }
  }

  /** @returns nothing where it did not start this time. */
  async #startApp(): Promise<AppChild | undefined> {
    const { settings, appEntry, report, onBlock } = this.#options;
    try {
      const app = await startApp({
        home: settings.home,
        address: this.#place.address,
        rpc: this.start.rpc,
        metrics: settings.metrics !== undefined,
        entry: appEntry,
        report,
        onFailed: (error) => this.#fail(error),
        onBlock: (line) => {
          this.#height = BigInt(line.height);
          this.#appHash = line.appHash;
          this.#idleStarts = 0;
          onBlock(line);
        },
      });
      this.#height = app.height;
      this.#appHash = app.appHash;
      return app;
    } catch (error) {
      if (!this.#isAnswering || !(error instanceof R3mesError)) throw error;
      await this.#pauseBeforeRestart(`the application did not start: ${error.message}`);
      return undefined;
    }
  }

  /** Runs CometBFT, again and again, for as long as this application lives. */
  async #runComet(app: AppChild): Promise<void> {
    const { settings, comet, onCometLine, onProcesses } = this.#options;
    let appEnd: string | undefined;
    void app.ended.then((how) => {
      appEnd = how;
    });
    while (!this.#isStopping && appEnd === undefined) {
      const child = await startComet(comet, settings.home, { ...this.start.variables, CMT_PROXY_APP: app.address }, onCometLine);
      onProcesses(app.pid, child.pid);
      try {
        const how = await Promise.race([child.ended, app.ended, this.#stopping, this.#failed]);
        if (how === undefined) return;
        await Promise.race([this.#pause(SETTLE_MS), Promise.all([child.ended, app.ended])]);
        await Promise.race([this.#failed, this.#pause(0)]);
        if (!this.#isStopping) await this.#afterEnd(child, how, appEnd);
      } finally {
        await child.stop();
      }
    }
  }

  async #afterEnd(child: CometChild, how: string, appEnd: string | undefined): Promise<void> {
    if (!this.#isAnswering && this.#idleStarts + 1 >= MAX_FAILED_STARTS) {
      throw new R3mesError({
        code: 'COMET_FAILED',
        message: `CometBFT ended ${MAX_FAILED_STARTS} times before it answered: ${how}\n${child.tail.join('\n')}`,
        hint: `see ${this.#options.settings.home.cometLogFile}`,
      });
    }
    await this.#pauseBeforeRestart(appEnd === undefined ? `CometBFT ended (${how})` : `the application ended (${appEnd})`);
  }

  async #pauseBeforeRestart(what: string): Promise<void> {
    const pauseMs = PAUSES_MS[Math.min(this.#idleStarts, PAUSES_MS.length - 1)] ?? 0;
    this.#idleStarts++;
    this.#options.report(`${what}; started again in ${pauseMs / 1000} s`);
    await this.#pause(pauseMs);
  }
}
