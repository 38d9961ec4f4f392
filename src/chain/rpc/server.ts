/** The solo engine's RPC over HTTP and WebSocket, for cosmjs, explorers and curl; on the loopback address unless told otherwise. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';

import { R3mesError } from '../../protocol/errors.js';
import type { SoloEngine } from '../solo/engine.js';
import { type Caller, type Dispatcher, answerJson, call, reportBug } from './dispatch.js';
import { RpcError, URI_REQUEST_ID, errorBody, successBody } from './jsonrpc.js';
import { METHODS } from './methods.js';
import { WebSocketFace } from './websocket.js';

export interface RpcOptions {
  readonly engine: SoloEngine;
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
  /** Name of the node that `status` tells. */
  readonly moniker?: string;
  /** How long broadcast_tx_commit waits for a block. */
  readonly commitTimeoutMs?: number;
  /** Hears of bugs; clients are told nothing of them. */
  readonly report?: (error: unknown) => void;
}

/** CometBFT's `max_body_bytes`. */
const MAX_BODY_BYTES = 1_000_000;
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_CONNECTIONS = 500;
const COMMIT_TIMEOUT_MS = 10_000;

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export class RpcServer {
  readonly host: string;
  readonly port: number;
  readonly #http: Server;
  readonly #webSockets: WebSocketFace;

  private constructor(host: string, port: number, http: Server, webSockets: WebSocketFace) {
    this.host = host;
    this.port = port;
    this.#http = http;
    this.#webSockets = webSockets;
  }

  /** @throws R3mesError PORT_IN_USE, or CANNOT_LISTEN for an address that is not ours. */
  static async listen(options: RpcOptions): Promise<RpcServer> {
    const { engine, port, host = '127.0.0.1', moniker = 'r3mes', commitTimeoutMs = COMMIT_TIMEOUT_MS, report = () => undefined } = options;
    const http = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    http.maxConnections = MAX_CONNECTIONS;
    const actualPort = await listen(http, port, host);
    const listenAddress = `tcp://${host.includes(':') ? `[${host}]` : host}:${actualPort}`;
    const dispatcher: Dispatcher = { engine, moniker, listenAddress, commitTimeoutMs, report };
    const webSockets = new WebSocketFace(dispatcher, MAX_BODY_BYTES);
    http.on('error', report);
    http.on('request', (request, response) => {
      serve(dispatcher, request, response).catch((error: unknown) => {
        report(error);
        response.destroy();
      });
    });
    http.on('upgrade', (request, socket, head) => {
      if (pathOf(request) === '/websocket') webSockets.upgrade(request, socket, head);
      else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    http.on('clientError', (_, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
    return new RpcServer(host, actualPort, http, webSockets);
  }

  /** For clients on this machine. */
  get url(): string {
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  async close(): Promise<void> {
    await this.#webSockets.close();
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeAllConnections();
    await closed;
  }
}

function listen(http: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      const isTaken = code === 'EADDRINUSE';
      reject(
        new R3mesError({
          code: isTaken ? 'PORT_IN_USE' : 'CANNOT_LISTEN',
          message: isTaken ? `port ${port} of ${host} is in use by another process` : `cannot listen on port ${port} of ${host}: ${error.message}`,
          hint: 'stop the other process, or choose another port or address; port 0 takes any free one',
          cause: error,
        }),
      );
    });
    http.listen(port, host, () => {
      const address = http.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

async function serve(dispatcher: Dispatcher, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Wallets in browsers live on other origins; nothing here depends on who asks, save for what is not for web pages.
  response.setHeader('Access-Control-Allow-Origin', '*');
  request.on('error', () => response.destroy());
  const caller: Caller = { isWebPage: request.headers.origin !== undefined };
  if (request.method === 'OPTIONS') {
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
    response.setHeader('Access-Control-Allow-Headers', 'Content-Type, Accept, Origin, X-Requested-With');
    response.setHeader('Access-Control-Max-Age', '600');
    response.writeHead(204).end();
  } else if (request.method === 'POST' && pathOf(request) === '/') {
    await servePost(dispatcher, caller, request, response);
  } else if (request.method === 'GET' || request.method === 'HEAD') {
    await serveUri(dispatcher, caller, request, response);
  } else {
    send(response, 404, TEXT_TYPE, '404 page not found\n');
  }
}

async function servePost(dispatcher: Dispatcher, caller: Caller, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = await readBody(request);
  if (text === undefined) {
    response.setHeader('Connection', 'close');
    const error = RpcError.invalidRequest(`error reading request body: expected at most ${MAX_BODY_BYTES} bytes, whole`);
    send(response, 400, JSON_TYPE, JSON.stringify(errorBody(undefined, error)));
    return;
  }
  const { body, isMalformed } = await answerJson(dispatcher, caller, text);
  send(response, isMalformed ? 500 : 200, JSON_TYPE, body === undefined ? '' : JSON.stringify(body));
}

/** @returns nothing for a body that is too long or breaks off. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      if (!Buffer.isBuffer(chunk)) return undefined;
      length += chunk.length;
      if (length > MAX_BODY_BYTES) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined; // the client went away
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function serveUri(dispatcher: Dispatcher, caller: Caller, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  const name = path.slice(1);
  if (path === '/') {
    send(response, 200, TEXT_TYPE, endpoints());
    return;
  }
  const method = METHODS.get(name);
  if (method === undefined || method.isControl === true) {
    send(response, 404, TEXT_TYPE, '404 page not found\n');
    return;
  }
  const values = new URLSearchParams((request.url ?? '').slice(path.length + 1));
  let body: unknown;
  let status = 200;
  try {
    body = successBody(URI_REQUEST_ID, await call(dispatcher, caller, name, { source: 'uri', values }, URI_REQUEST_ID));
  } catch (error) {
    reportBug(dispatcher, error);
    body = errorBody(URI_REQUEST_ID, error);
    status = 500;
  }
  send(response, status, JSON_TYPE, JSON.stringify(body));
}

function endpoints(): string {
  const lines = [...METHODS].filter(([, { isControl }]) => isControl !== true).map(([name, { params }]) => {
    return `/${name}${params.length === 0 ? '' : `?${params.map((param) => `${param}=_`).join('&')}`}`;
  });
  return `Available endpoints:\n${lines.join('\n')}\n/websocket\n`;
}
