/** REST as the SDK's gateway serves it: routes of google.api.http, JSON in and out; on the loopback address unless told otherwise. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';

import { create } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';

import { R3mesError } from '../protocol/errors.js';
import { HEIGHT_HEADER, readHeight } from './height.js';
import { jsonToMessage, messageBytes, setFromText } from './json/read.js';
import { bytesToJson } from './json/write.js';
import { openApi } from './openapi.js';
import type { Router } from './router.js';
import { type Match, Routes } from './routes.js';
import { type StatusError, invalidArgument, notImplemented } from './status.js';

export interface RestOptions {
  readonly router: Router;
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
  /** Of this package, for the OpenAPI document. */
  readonly version: string;
  /** Hears of bugs; clients are told nothing of them. */
  readonly report?: (error: unknown) => void;
}

const MAX_BODY_BYTES = 1_000_000;
/** The longest request line and headers; a longer URL is answered with 431. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_PARAMETERS = 100;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_CONNECTIONS = 500;
const JSON_TYPE = 'application/json';

export class RestServer {
  readonly host: string;
  readonly port: number;
  readonly #http: Server;

  private constructor(host: string, port: number, http: Server) {
    this.host = host;
    this.port = port;
    this.#http = http;
  }

  /** @throws R3mesError PORT_IN_USE, or CANNOT_LISTEN for an address that is not ours. */
  static async listen(options: RestOptions): Promise<RestServer> {
    const { router, port, host = '127.0.0.1', version, report = () => undefined } = options;
    const http = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    http.maxConnections = MAX_CONNECTIONS;
    const routes = new Routes(router.methods.values());
    const actualPort = await listen(http, port, host);
    http.on('error', report);
    http.on('request', (request, response) => {
      serve(router, routes, version, request, response).catch((error: unknown) => {
        report(error);
        response.destroy();
      });
    });
    http.on('clientError', (error, socket) => {
      const isLong = 'code' in error && error.code === 'HPE_HEADER_OVERFLOW';
      const status = isLong ? '431 Request Header Fields Too Large' : '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      else socket.destroy();
    });
    return new RestServer(host, actualPort, http);
  }

  get url(): string {
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeAllConnections();
    await closed;
  }
}

function listen(http: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (error) => reject(cannotListen(error, port, host)));
    http.listen(port, host, () => {
      const address = http.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

export function cannotListen(error: Error, port: number, host: string): R3mesError {
  const isTaken = ('code' in error && error.code === 'EADDRINUSE') || error.message.includes('EADDRINUSE');
  return new R3mesError({
    code: isTaken ? 'PORT_IN_USE' : 'CANNOT_LISTEN',
    message: isTaken ? `port ${port} of ${host} is in use by another process` : `cannot listen on port ${port} of ${host}: ${error.message}`,
    hint: 'stop the other process, or choose another port or address; port 0 takes any free one',
    cause: error,
  });
}

async function serve(router: Router, routes: Routes, version: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Wallets in browsers live on other origins; nothing here depends on who asks.
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Expose-Headers', `${HEIGHT_HEADER}, grpc-metadata-${HEIGHT_HEADER}`);
  request.on('error', () => response.destroy());
  if (request.method === 'OPTIONS') {
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
    response.setHeader('Access-Control-Allow-Headers', `Content-Type, Accept, Origin, X-Requested-With, ${HEIGHT_HEADER}`);
    response.setHeader('Access-Control-Max-Age', '600');
    response.writeHead(204).end();
    return;
  }
  const [path, query] = splitUrl(request.url ?? '/');
  if (request.method === 'GET' && path === '/openapi.json') {
    send(response, 200, openApi(version));
    return;
  }
  try {
    const match = routes.match(request.method ?? 'GET', path);
    if (match === undefined) throw notImplemented();
    const height = readHeight(firstOf(request.headers[HEIGHT_HEADER]) ?? firstOf(request.headers[`grpc-metadata-${HEIGHT_HEADER}`]));
    const message = match.binding.hasBody ? jsonToMessage(match.method.input, await readJson(request, response)) : fromUrl(match, query);
    const answer = await router.call(match.method, messageBytes(message), height);
    if (answer.height !== undefined) {
      response.setHeader(HEIGHT_HEADER, answer.height.toString());
      response.setHeader(`Grpc-Metadata-${HEIGHT_HEADER}`, answer.height.toString());
    }
    send(response, 200, bytesToJson(match.method.output, answer.value));
  } catch (error) {
    sendStatus(response, router.toStatus(error));
  }
}

function fromUrl({ method, variables }: Match, query: string): ReflectMessage {
  const message = reflect(method.input, create(method.input));
  const given = new URLSearchParams(query);
  if ([...given].length > MAX_PARAMETERS) throw invalidArgument(`expected at most ${MAX_PARAMETERS} parameters`);
  for (const name of new Set(given.keys())) if (!variables.has(name)) setFromText(message, name, given.getAll(name));
  for (const [name, value] of variables) setFromText(message, name, [value]);
  return message;
}

function splitUrl(url: string): [string, string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

async function readJson(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const text = await readBody(request);
  if (text === undefined) {
    response.setHeader('Connection', 'close');
    throw invalidArgument(`expected a body of at most ${MAX_BODY_BYTES} bytes, whole`);
  }
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`the body is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
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

function sendStatus(response: ServerResponse, error: StatusError): void {
  send(response, error.httpStatus, { code: error.code, message: error.message, details: [] });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed || response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': JSON_TYPE, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
