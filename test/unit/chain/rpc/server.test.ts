import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RpcServer } from '../../../../src/chain/rpc/server.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { openEngine, reached } from '../solo/harness.js';
import { get, post, request, serveEngine } from './harness.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function withBlocks() {
  const served = await serveEngine({ stopAtHeight: 3n });
  await served.engine.broadcast(utf8('one'));
  await served.engine.broadcast(utf8('two'));
  served.engine.start();
  await served.engine.finished;
  return served;
}

describe('JSON-RPC over HTTP', () => {
  it('answers errors in the words and codes of CometBFT', async () => {
    const { url } = await withBlocks();
    const cases: [unknown, number, RegExp | undefined][] = [
      [{ jsonrpc: '2.0', id: 1, method: 'nosuch' }, -32601, undefined],
      [{ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { query: 'x' } }, -32601, undefined],
      [{ jsonrpc: '2.0', id: 1, method: 'block', params: { height: '2x' } }, -32602, /height: expected a 64-bit integer, got "2x"/],
      [{ jsonrpc: '2.0', id: 1, method: 'block', params: { height: '99999999999999999999' } }, -32602, /64-bit/],
      [{ jsonrpc: '2.0', id: 1, method: 'block', params: { height: 1.5 } }, -32602, /64-bit/],
      [{ jsonrpc: '2.0', id: 1, method: 'block', params: { height: {} } }, -32602, /64-bit/],
      [{ jsonrpc: '2.0', id: 1, method: 'block', params: { height: '99' } }, -32603, /^height 99 must be less than or equal to the current blockchain height 3$/],
      [{ jsonrpc: '2.0', id: 1, method: 'block', params: { height: '0' } }, -32603, /^height must be greater than 0, but got 0$/],
      [{ jsonrpc: '2.0', id: 1, method: 'broadcast_tx_sync', params: { tx: '!!' } }, -32602, /bytes in base64/],
      [{ jsonrpc: '2.0', id: 1, method: 'broadcast_tx_sync', params: { tx: 5 } }, -32602, /bytes in base64/],
      [{ jsonrpc: '2.0', id: 1, method: 'broadcast_tx_sync', params: {} }, -32602, /got none/],
      [{ jsonrpc: '2.0', id: 1, method: 'abci_query', params: { path: 5 } }, -32602, /path: expected a text/],
      [{ jsonrpc: '2.0', id: 1, method: 'abci_query', params: { path: '', data: 'xx' } }, -32602, /bytes in hex/],
      [{ jsonrpc: '2.0', id: 1, method: 'abci_query', params: { path: '', prove: 'maybe' } }, -32602, /true or false/],
      [{ jsonrpc: '2.0', id: 1, method: 'abci_query', params: { path: '', height: '-1' } }, -32603, /non-negative/],
      [{ jsonrpc: '2.0', id: 1, method: 'r3mes_join', params: { role: 'x' } }, -32603, /waits for no roles/],
      [{ jsonrpc: '2.0', id: 1, method: 'r3mes_join', params: {} }, -32602, /role: expected a name/],
      [{ jsonrpc: '2.0', id: 1, method: 'r3mes_ready', params: { role: 'x' } }, -32602, /height: expected/],
      [{ jsonrpc: '2.0', id: 1, method: 'toString' }, -32601, undefined],
      [{ jsonrpc: '2.0', id: 1, method: '__proto__' }, -32601, undefined],
      [{ jsonrpc: '2.0', id: 1, method: 5 }, -32600, /method/],
      [{ jsonrpc: '2.0', id: 1, method: 'health', params: 5 }, -32600, /params/],
      [{ jsonrpc: '2.0', id: {}, method: 'health' }, -32600, /id/],
      [3, -32600, /an object/],
      ['{bad', -32700, /unmarshaling/],
    ];
    for (const [body, code, data] of cases) {
      const { error } = await post(url, body);
      expect(error, JSON.stringify(body)).toBeDefined();
      expect(error!.code, JSON.stringify(body)).toBe(code);
      if (data !== undefined) expect(error!.data).toMatch(data);
    }
  });

  it('keeps the id, takes params by name, by position or not at all, and answers batches', async () => {
    const { url } = await withBlocks();
    expect(await post(url, { jsonrpc: '2.0', id: 'abc', method: 'health' })).toEqual({ jsonrpc: '2.0', id: 'abc', result: {} });
    const named = await request(url, 'block', { height: '1', other: 1 });
    expect(await request(url, 'block', ['1'])).toEqual(named);
    expect(await request(url, 'block', { height: 1 })).toEqual(named);
    expect((await request(url, 'block', { height: null })).result).toEqual((await request(url, 'block', null)).result);
    const batch = (await post(url, [{ jsonrpc: '2.0', id: 1, method: 'health' }, { jsonrpc: '2.0', method: 'health' }, { jsonrpc: '2.0', id: 2, method: 'x' }])) as unknown as unknown[];
    expect(batch).toHaveLength(2);
    const notification = await fetch(url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', method: 'health' }) });
    expect([notification.status, await notification.text()]).toEqual([200, '']);
    const empty = await fetch(url, { method: 'POST', body: '[]' });
    expect([empty.status, await empty.text()]).toEqual([200, '']);
    expect((await post(url, Array.from({ length: 21 }, () => ({ jsonrpc: '2.0', id: 1, method: 'health' })))).error!.code).toBe(-32600);
  });

  it('limits bodies', async () => {
    const { url } = await withBlocks();
    const response = await fetch(url, { method: 'POST', body: 'x'.repeat(1_000_001) });
    expect(response.status).toBe(400);
    expect((await request(url, 'health')).result).toEqual({});
  });

  it('answers by URI, and lists what there is', async () => {
    const { url } = await withBlocks();
    expect((await get(url, 'block?height=2')).result).toEqual((await request(url, 'block', { height: '2' })).result);
    expect((await get(url, 'block?height="2"')).id).toBe(-1);
    expect((await get(url, 'abci_query?path="/last"&data=0x00')).result).toMatchObject({ response: { value: base64('1:two'), key: 'AA==' } });
    expect((await get(url, 'abci_query?path=/last')).result).toMatchObject({ response: { code: 0 } });
    expect((await get(url, 'tx?hash=0xZZ')).error!.data).toMatch(/as 0x… or as a text in quotes/);
    expect((await get(url, 'tx_search?query="say.text=\'two\'"&prove=true')).result).toMatchObject({ total_count: '1' });
    const failed = await fetch(`${url}/tx?hash=0x00`);
    expect([failed.status, failed.headers.get('content-type')]).toEqual([500, 'application/json']);
    expect((await fetch(`${url}/nosuch`)).status).toBe(404);
    expect((await fetch(`${url}/health`, { method: 'PUT' })).status).toBe(404);
    expect(await (await fetch(url)).text()).toMatch(/\/block\?height=_\n/);
  });

  it('lets web pages read and send, but not run the devnet', async () => {
    const { url } = await serveEngine({ sealing: { kind: 'ready', roles: [{ role: 'r', addresses: [] }], timeoutMs: 0 } });
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin: 'http://wallet.example' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/Content-Type/);
    const body = { jsonrpc: '2.0', id: 1, method: 'r3mes_join', params: { role: 'r' } };
    expect((await post(url, body, { origin: 'http://evil.example' })).error!.data).toBe('r3mes_join is not for web pages');
    expect((await fetch(`${url}/r3mes_join?role="r"`)).status).toBe(404);
    expect((await post(url, body)).result).toEqual({ height: '0', waiting_for: [] });
  });

  it('lets roles say when a block may be sealed', async () => {
    const { url, engine } = await serveEngine({ sealing: { kind: 'ready', roles: [{ role: 'r', addresses: [] }], timeoutMs: 0 } });
    engine.start();
    await request(url, 'r3mes_join', { role: 'r' });
    await reached(engine, 1n);
    expect((await request(url, 'r3mes_ready', { role: 'r', height: '5' })).error!.data).toMatch(/newest block is 1/);
    expect((await request(url, 'r3mes_ready', { role: 'x', height: '1' })).error!.data).toMatch(/one of the roles r/);
    await request(url, 'r3mes_ready', { role: 'r', height: '1' });
    await reached(engine, 2n);
    expect((await request(url, 'r3mes_leave', { role: 'r' })).result).toMatchObject({ height: '2' });
  });

  it('tells nothing of a bug but that there was one', async () => {
    const reported: unknown[] = [];
    const { url } = await serveEngine({}, { report: (error) => reported.push(error) });
    const { error } = await request(url, 'abci_query', { path: '/throw' });
    expect(error).toEqual({ code: -32603, message: 'Internal error', data: 'unexpected error; see the log of the node' });
    expect((await get(url, 'abci_query?path="/throw"')).error).toEqual(error);
    expect(reported).toHaveLength(2);
  });

  it('names a port in use and an address that is not ours', async () => {
    const engine = await openEngine();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(RpcServer.listen({ engine, port })).rejects.toMatchObject({ code: 'PORT_IN_USE', message: `port ${port} of 127.0.0.1 is in use by another process` });
    other.close();
    await expect(RpcServer.listen({ engine, port: 0, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'CANNOT_LISTEN' });
  });

  it('survives whatever is sent to it', async () => {
    const { url, server } = await withBlocks();
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>('0x', '-1', '9'.repeat(30), "a='", { a: 1 }, ''));
    const methods = ['block', 'tx', 'tx_search', 'block_search', 'abci_query', 'validators', 'blockchain', 'commit', 'consensus_params', 'broadcast_tx_async', 'unconfirmed_txs', 'block_by_hash', 'block_results', 'header'];
    const names = ['height', 'hash', 'query', 'page', 'per_page', 'order_by', 'path', 'data', 'prove', 'tx', 'minHeight', 'maxHeight', 'limit'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), fc.oneof(fc.dictionary(fc.constantFrom(...names), value), value), async (method, params) => {
        const answer = await request(url, method, params);
        expect(answer.result ?? answer.error).toBeDefined();
        expect(answer.error?.data ?? '').not.toMatch(/unexpected error/);
      }),
      { numRuns: 200 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        const response = await fetch(url, { method: 'POST', body: text });
        expect([200, 500]).toContain(response.status);
      }),
      { numRuns: 100 },
    );
    // Not even HTTP.
    for (const bytes of ['\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\0'.repeat(500), 'GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 'GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: y\r\nConnection: Upgrade\r\n\r\n', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`]) {
      await new Promise<void>((resolve) => {
        const socket = connect(server.port, '127.0.0.1', () => socket.end(bytes));
        socket.on('error', () => resolve());
        socket.on('close', () => resolve());
        socket.resume();
      });
    }
    expect((await request(url, 'health')).result).toEqual({});
  });
});
