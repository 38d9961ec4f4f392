/** Serves metrics to Prometheus: GET /metrics and nothing else. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { R3mesError } from '../../protocol/errors.js';
import type { ListenAddress } from '../node/listen-address.js';

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** One answer serves whoever asks within this time: asking more often costs the node nothing. */
const KEEP_MS = 500;
const HEADERS_TIMEOUT_MS = 5000;
/** Prometheus keeps one connection; more than a few askers are a mistake. */
const MAX_CONNECTIONS = 32;

export interface MetricsServer {
  /** `http://host:port/metrics` */
  readonly url: string;
  close(): Promise<void>;
}

function answer(response: ServerResponse, status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'Content-Type': CONTENT_TYPE, ...headers });
  response.end(text);
}

/** @param collect makes the text of all metrics. @throws R3mesError PORT_IN_USE, CANNOT_LISTEN. */
export async function serveMetrics({ host, port }: ListenAddress, collect: () => Promise<string>, report: (text: string) => void): Promise<MetricsServer> {
  let kept: { readonly text: Promise<string>; readonly atMs: number } | undefined;
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    const isThere = request.url?.split('?')[0] === '/metrics';
    if (!isThere || (request.method !== 'GET' && request.method !== 'HEAD')) {
      if (isThere) answer(response, 405, 'only GET\n', { Allow: 'GET, HEAD' });
      else answer(response, 404, 'metrics are at /metrics\n');
      return;
    }
    if (kept === undefined || performance.now() - kept.atMs > KEEP_MS) kept = { text: collect(), atMs: performance.now() };
    kept.text.then(
      (text) => answer(response, 200, request.method === 'HEAD' ? '' : text),
      (error: unknown) => {
        kept = undefined;
        report(`metrics: ${error instanceof Error ? error.message : String(error)}`);
        answer(response, 500, 'the metrics could not be collected; see the log of the node\n');
      },
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      reject(
        new R3mesError({
          code: isTaken ? 'PORT_IN_USE' : 'CANNOT_LISTEN',
          message: isTaken ? `port ${port} of ${host} is in use` : `metrics cannot be served at ${host}:${port}: ${error.message}`,
          hint: 'choose another one with --metrics HOST:PORT',
          retryable: isTaken,
          cause: error,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
  server.on('error', (error) => report(`metrics: ${error.message}`));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
