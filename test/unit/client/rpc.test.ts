import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { RpcConnection } from '../../../src/client/rpc.js';

const servers: Server[] = [];

/** A node that answers with its name, or says no. */
async function node(name: string, refuses = false): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const server = createServer((_, response) => {
    response.end(JSON.stringify(refuses ? { jsonrpc: '2.0', id: 1, error: { code: -32603, message: name } } : { jsonrpc: '2.0', id: 1, result: name }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve())));
  return { url: `http://127.0.0.1:${port}`, close };
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe('a connection to several nodes', () => {
  it('asks the next where one cannot be reached, stays there, and comes round again', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const rpc = new RpcConnection(a.url, 2000, [b.url]);
    expect(await rpc.request('status')).toBe('a');
    await a.close();
    expect(await Promise.all([rpc.request('status'), rpc.request('status')])).toEqual(['b', 'b']);
    await b.close();
    await expect(rpc.request('status')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', retryable: true });
  });

  it('takes a no for an answer', async () => {
    const [a, b] = [await node('a', true), await node('b')];
    await expect(new RpcConnection(a.url, 2000, [b.url]).request('status')).rejects.toMatchObject({ code: 'RPC_ERROR' });
  });

  it('refuses what is no URL', () => {
    expect(() => new RpcConnection('http://127.0.0.1:1', 2000, ['ftp://127.0.0.1'])).toThrow(/expected the URL of a node/);
  });
});
