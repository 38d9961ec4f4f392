import { afterEach } from 'vitest';

import { RpcServer, type RpcOptions } from '../../../../src/chain/rpc/server.js';
import type { SoloEngine, SoloOptions } from '../../../../src/chain/solo/engine.js';
import { openEngine } from '../solo/harness.js';

const servers: RpcServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** An engine with a fake application behind an RPC on a free port; both are gone after the test. */
export async function serveEngine(options: Partial<SoloOptions> = {}, rpc: Partial<RpcOptions> = {}): Promise<{ engine: SoloEngine; server: RpcServer; url: string }> {
  const engine = await openEngine(options);
  const server = await RpcServer.listen({ engine, port: 0, ...rpc });
  servers.push(server);
  return { engine, server, url: server.url };
}

export interface Answer {
  jsonrpc: string;
  id?: string | number;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data?: string };
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers });
  return (await response.json()) as Answer;
}

export function request(url: string, method: string, params: unknown = {}): Promise<Answer> {
  return post(url, { jsonrpc: '2.0', id: 1, method, params });
}

export async function get(url: string, path: string): Promise<Answer> {
  return (await (await fetch(`${url}/${path}`)).json()) as Answer;
}
