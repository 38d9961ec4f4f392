/** JSON-RPC over WebSocket at /websocket, with subscriptions. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { type RawData, type WebSocket, WebSocketServer } from 'ws';

import type { Args } from './args.js';
import { type Caller, type Dispatcher, answerJson } from './dispatch.js';
import type { RequestId } from './jsonrpc.js';
import type { Json } from './render.js';
import { Subscriptions } from './subscriptions.js';

const MAX_CLIENTS = 100;
const PING_MS = 30_000;
/** What may wait for a slow reader before it is cut off: the node's memory is not its to fill. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;
/** Requests of one client that are worked on at the same time; the rest wait unread. */
const MAX_IN_FLIGHT = 32;

export class WebSocketFace {
  readonly #server: WebSocketServer;
  readonly #dispatcher: Dispatcher;
  readonly #timer: NodeJS.Timeout;
  readonly #alive = new WeakSet<WebSocket>();

  constructor(dispatcher: Dispatcher, maxMessageBytes: number) {
    this.#dispatcher = dispatcher;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, clientTracking: true });
    this.#timer = setInterval(() => this.#pingAll(), PING_MS);
    this.#timer.unref();
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A socket that is reset while it is being upgraded must not end the process.
    socket.on('error', () => socket.destroy());
    if (this.#server.clients.size >= MAX_CLIENTS) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (client) => this.#accept(client, request.headers.origin !== undefined));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const client of this.#server.clients) client.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: WebSocket, isWebPage: boolean): void {
    const send = (body: Json | Json[]): void => {
      if (client.readyState !== client.OPEN) return;
      if (client.bufferedAmount > MAX_BACKLOG_BYTES) client.terminate();
      else client.send(JSON.stringify(body));
    };
    const subscriptions = new Subscriptions(send);
    const unsubscribe = this.#dispatcher.engine.subscribe((sealed) => subscriptions.announce(sealed));
    const caller: Caller = { isWebPage, extra: (method, args, id) => subscribe(subscriptions, method, args, id) };
    let inFlight = 0;

    this.#alive.add(client);
    client.on('pong', () => this.#alive.add(client));
    client.on('close', unsubscribe);
    // Frames that break the protocol or are too long: ws closes the connection itself.
    client.on('error', () => client.terminate());
    client.on('message', (data) => {
      inFlight++;
      if (inFlight === MAX_IN_FLIGHT) client.pause();
      answerJson(this.#dispatcher, caller, toText(data))
        .then(({ body }) => {
          if (body !== undefined) send(body);
          if (inFlight-- === MAX_IN_FLIGHT) client.resume();
        })
        .catch((error: unknown) => {
          this.#dispatcher.report(error);
          client.terminate();
        });
    });
  }

  #pingAll(): void {
    for (const client of this.#server.clients) {
      if (this.#alive.delete(client)) client.ping();
      else client.terminate();
    }
  }
}

function toText(data: RawData): string {
  return Array.isArray(data) ? Buffer.concat(data).toString('utf8') : Buffer.from(data as Buffer).toString('utf8');
}

function subscribe(subscriptions: Subscriptions, method: string, args: (names: readonly string[]) => Args, id: RequestId): { result: unknown } | undefined {
  const query = (): string => args(['query']).text('query') ?? '';
  if (method === 'subscribe') subscriptions.add(id, query());
  else if (method === 'unsubscribe') subscriptions.remove(query());
  else if (method === 'unsubscribe_all') subscriptions.clear();
  else return undefined;
  return { result: {} };
}
