/**
 * The ABCI server: CometBFT's connections, and the application behind them.
 *
 * CometBFT opens four connections that look alike. Each gets its answers in the order of its requests; over all of them
 * one request is carried out at a time, to its end, so that the application never sees two at once. Connections take
 * turns, so that a thousand transactions to check do not hold up a block.
 */
import { lstat, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

import { R3mesError } from '../../protocol/errors.js';
import type { Application } from './application.js';
import { Connection } from './connection.js';
import { type AbciRequest, answer } from './dispatch.js';
import { MAX_FRAME_BYTES } from './frames.js';

/** CometBFT opens four; a few more while a new one starts and the old one's are not closed yet. */
const MAX_CONNECTIONS = 16;
/** After so long the sockets are looked at, although there is work left. */
const TURN_MS = 5;

/** Where to listen: the path of a Unix socket, or a port. */
export type AbciAddress = { readonly path: string } | { readonly host: string; readonly port: number };

export interface AbciServerOptions {
  readonly app: Application;
  readonly address: AbciAddress;
  /** Hears of connections that were broken, in a sentence. */
  readonly report: (text: string) => void;
  /** Hears of each request that the application threw at; CometBFT gets an Exception and ends itself. */
  readonly onException?: (kind: AbciRequest['$case'], error: unknown) => void;
  /** Largest request; the default is CometBFT's largest block with room around it. */
  readonly maxFrameBytes?: number;
}

export class AbciServer {
  readonly #app: Application;
  readonly #report: (text: string) => void;
  readonly #onException: NonNullable<AbciServerOptions['onException']>;
  readonly #maxFrameBytes: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #count = 0;
  /** Runs while requests are carried out. */
  #working: Promise<void> | undefined;
  #isClosed = false;

  private constructor({ app, report, onException, maxFrameBytes }: AbciServerOptions) {
    this.#app = app;
    this.#report = report;
    this.#onException = onException ?? (() => undefined);
    this.#maxFrameBytes = maxFrameBytes ?? MAX_FRAME_BYTES;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /**
   * Listens. A socket file that a killed process left behind is replaced: whoever calls holds the lock of the node.
   * @throws R3mesError ABCI_LISTEN
   */
  static async listen(options: AbciServerOptions): Promise<AbciServer> {
    const { address } = options;
    const server = new AbciServer(options);
    try {
      if ('path' in address && process.platform !== 'win32') await removeSocket(address.path);
      await new Promise<void>((resolve, reject) => {
        server.#server.once('error', reject);
        server.#server.listen(address, () => {
          server.#server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      throw new R3mesError({
        code: 'ABCI_LISTEN',
        message: `cannot listen for CometBFT at ${'path' in address ? address.path : `${address.host}:${address.port}`}: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'another process may hold this address, or the folder cannot be written',
        cause: error,
      });
    }
    server.#server.on('error', (error) => server.#report(`ABCI: ${error.message}`));
    return server;
  }

  /** As CometBFT's `proxy_app` names it. */
  get address(): string {
    const address = this.#server.address() as AddressInfo | string;
    return typeof address === 'string' ? `unix://${address}` : `tcp://${address.address}:${address.port}`;
  }

  /** Ends all connections, and the request at hand. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.close();
    await this.#working;
    await closed;
  }

  #accept(socket: Socket): void {
    if (this.#isClosed || this.#connections.size >= MAX_CONNECTIONS) {
      this.#report(`ABCI: a connection was refused: ${this.#connections.size} are open, expected the four of one CometBFT`);
      socket.destroy();
      return;
    }
    const number = ++this.#count;
    const connection: Connection = new Connection(socket, this.#maxFrameBytes, {
      onReady: () => this.#wake(),
      onClosed: (reason) => {
        this.#connections.delete(connection);
        if (reason !== undefined && !this.#isClosed) this.#report(`ABCI: connection ${number} closed: ${reason}`);
      },
    });
    this.#connections.add(connection);
  }

  #wake(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async #work(): Promise<void> {
    let turnEndsMs = performance.now() + TURN_MS;
    // What arrives during the last round begins another one.
    for (let isBusy = true; isBusy && !this.#isClosed; ) {
      isBusy = false;
      for (const connection of [...this.#connections]) {
        const request = connection.take();
        if (request === undefined) continue;
        isBusy = true;
        await this.#carryOut(connection, request);
        if (performance.now() < turnEndsMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        turnEndsMs = performance.now() + TURN_MS;
      }
    }
  }

  /** Never throws: whatever the application does becomes an answer. */
  async #carryOut(connection: Connection, request: AbciRequest): Promise<void> {
    try {
      connection.send(await answer(this.#app, request));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#report(`ABCI: ${request.$case} failed: ${text}`);
      connection.send({ $case: 'exception', value: { error: text } });
      connection.flush();
      this.#onException(request.$case, error);
    }
  }
}

async function removeSocket(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) await rm(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
