/** Nodes that misbehave: whatever they answer, the client says what it was. */
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { ChainClient } from '../../../src/client/client.js';
import { createRegistry } from '../../../src/client/messages.js';
import { MsgCommitReport } from '../../../src/protocol/gen/remes/remes/v1/tx.js';
import { QueryGetDatasetsResponse } from '../../../src/protocol/gen/remes/remes/v1/query.js';

type Handler = (method: string, params: Record<string, unknown>) => unknown;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Answers with what `handler` gives: text as it is, `undefined` never, anything else as result. */
async function fakeNode(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.method !== 'POST') {
        response.writeHead(404).end();
        return;
      }
      const { method, params } = JSON.parse(body) as { method: string; params: Record<string, unknown> };
      const answer = handler(method, params);
      if (typeof answer === 'string') response.end(answer);
      else if (answer !== undefined) response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...answer }));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const status = (height: string) => ({ result: { node_info: { network: 'a-1', version: '0.38.26' }, sync_info: { latest_block_height: height, catching_up: false } } });

describe('ChainClient', () => {
  it.each<[string, Handler, string]>([
    ['no JSON', () => '<html>', 'NODE_UNREACHABLE'],
    ['JSON of another kind', () => '[1]', 'NODE_UNREACHABLE'],
    ['another form of status', () => ({ result: { node_info: {} } }), 'NODE_ANSWER'],
    ['an error', () => ({ error: { code: -32603, message: 'Internal error', data: 'no' } }), 'RPC_ERROR'],
    ['an error without data', () => ({ error: { code: -32601, message: 'Method not found' } }), 'RPC_ERROR'],
    ['nothing in time', () => undefined, 'NODE_UNREACHABLE'],
  ])('says what is wrong with a node that answers %s', async (_, handler, code) => {
    const url = await fakeNode(handler);
    await expect(ChainClient.connect(url, { timeoutMs: 200 })).rejects.toMatchObject({ code, retryable: code === 'NODE_UNREACHABLE' });
  });

  it('tells apart what is not there, what failed and what never ends', async () => {
    const endless = QueryGetDatasetsResponse.encode(QueryGetDatasetsResponse.fromPartial({ pagination: { nextKey: new Uint8Array(8) } })).finish();
    let pages = 0;
    const url = await fakeNode((method, { path }) => {
      if (method === 'status') return status('5');
      if (method === 'tx') return { error: { code: -32603, message: 'Internal error', data: 'tx (00) not found' } };
      if (path === '/remes.remes.v1.Query/GetDatasets') {
        const value = pages++ < 3 ? Buffer.from(endless).toString('base64') : '';
        return { result: { response: { value, height: '5' } } };
      }
      const log = path === '/remes.remes.v1.Query/GetBeacon' ? 'rpc error: code = NotFound desc = no' : 'broken';
      return { result: { response: { code: 5, log, codespace: 'sdk' } } };
    });
    const client = await ChainClient.connect(url);
    expect(await client.queries.beacon()).toBeUndefined();
    await expect(client.queries.window()).rejects.toMatchObject({ code: 'QUERY_FAILED', message: expect.stringContaining('broken (sdk/5)') as string });
    expect(await client.queries.datasets()).toEqual([]);
    expect(pages).toBe(4);
    expect(await client.tx('00'.repeat(32))).toBeUndefined();
    const waiting = client.wait({ hash: '00'.repeat(32), bytes: new Uint8Array(3), sequence: 0n }, 300);
    await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
  });

  it('polls for blocks where there is no WebSocket, through silence, and stops when told', async () => {
    let height = 3;
    let isSilent = false;
    const url = await fakeNode(() => (isSilent ? '' : status(String(height))));
    const client = await ChainClient.connect(url);
    const stop = new AbortController();
    const seen: bigint[] = [];
    for await (const newest of client.blocks(stop.signal)) {
      seen.push(newest);
      if (newest === 3n) height = 5;
      if (newest === 5n) {
        isSilent = true;
        setTimeout(() => {
          height = 6;
          isSilent = false;
        }, 700);
      }
      if (newest === 6n) setTimeout(() => stop.abort(), 50);
    }
    expect(seen).toEqual([3n, 5n, 6n]);
    for await (const unexpected of client.blocks(AbortSignal.abort())) expect(unexpected).toBeUndefined();
  });

  it('encodes every message of its registry', () => {
    const value = MsgCommitReport.fromPartial({ verifier: 'v', dutyId: 7n, commitment: new Uint8Array(32) });
    const encoded = createRegistry().encode({ typeUrl: '/remes.remes.v1.MsgCommitReport', value });
    expect(MsgCommitReport.decode(encoded)).toEqual(value);
  });
});
