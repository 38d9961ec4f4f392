import { Comet38Client, WebsocketClient } from '@cosmjs/tendermint-rpc';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { utf8 } from '../../../../src/protocol/bytes.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import type { Answer } from './harness.js';
import { request, serveEngine } from './harness.js';

const roles = [{ role: 'r', addresses: [] }];
const ready = { kind: 'ready', roles, timeoutMs: 0 } as const;

/** A plain WebSocket client: every message in order, and a way to wait for the next. */
async function open(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/websocket`, { headers });
  const messages: Answer[] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (data) => {
    messages.push(JSON.parse((data as Buffer).toString()) as Answer);
    for (const wake of waiting.splice(0)) wake();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const next = async (): Promise<Answer> => {
    while (messages.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    return messages.shift()!;
  };
  const ask = (method: string, params: unknown = {}, id = 1): void => socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  return { socket, messages, next, ask };
}

describe('WebSocket', () => {
  it('tells an unmodified cosmjs client of blocks, headers and transactions', async () => {
    const { engine, url } = await serveEngine({ sealing: ready });
    const client = Comet38Client.create(new WebsocketClient(url.replace('http', 'ws')));
    const seen = new Promise<{ block: number; header: number; tx: Uint8Array }>((resolve, reject) => {
      const got: { block?: number; header?: number; tx?: Uint8Array } = {};
      const done = (): void => {
        if (got.block !== undefined && got.header !== undefined && got.tx !== undefined) resolve({ block: got.block, header: got.header, tx: got.tx });
      };
      const error = (e: unknown): void => reject(new Error(String(e)));
      const note = (what: typeof got): void => {
        Object.assign(got, what);
        done();
      };
      client.subscribeNewBlock().subscribe({ next: (block) => note({ block: block.header.height }), error });
      client.subscribeNewBlockHeader().subscribe({ next: (header) => note({ header: header.height }), error });
      client.subscribeTx("say.text='hi'").subscribe({ next: (tx) => note({ tx: tx.hash }), error });
    });
    // Requests of one connection are answered in order: after this the subscriptions stand.
    await client.health();
    await client.broadcastTxSync({ tx: utf8('hello') });
    await client.broadcastTxSync({ tx: utf8('hi') });
    engine.start();
    engine.roles.join('r');
    expect(await seen).toEqual({ block: 1, header: 1, tx: sha256(utf8('hi')) });
    client.disconnect();
  });

  it('words events as CometBFT does', async () => {
    const { engine, url } = await serveEngine({ sealing: ready });
    const { ask, next, socket } = await open(url);
    const hash = Buffer.from(sha256(utf8('fail me'))).toString('hex').toUpperCase();
    ask('subscribe', { query: `tm.event='Tx' AND tx.hash='${hash}'` }, 7);
    expect(await next()).toEqual({ jsonrpc: '2.0', id: 7, result: {} });
    await engine.broadcast(utf8('other'));
    await engine.broadcast(utf8('fail me'));
    engine.start();
    engine.roles.join('r');
    const { id, result } = await next();
    expect(id).toBe(7);
    expect(result).toMatchObject({
      query: `tm.event='Tx' AND tx.hash='${hash}'`,
      data: { type: 'tendermint/event/Tx', value: { TxResult: { height: '1', index: 1, tx: Buffer.from('fail me').toString('base64'), result: { code: 9, gas_used: '3', codespace: 'fake' } } } },
      events: { 'tm.event': ['Tx'], 'tx.hash': [hash], 'tx.height': ['1'], 'say.hidden': ['yes'] },
    });
    ask('unsubscribe_all', {}, 8);
    expect(await next()).toEqual({ jsonrpc: '2.0', id: 8, result: {} });
    ask('subscribe', { query: "tm.event='NewBlockEvents' AND round.parity='even'" }, 9);
    await next();
    engine.roles.ready('r', 1n);
    expect(await next()).toMatchObject({ id: 9, result: { data: { type: 'tendermint/event/NewBlockEvents', value: { height: '2', num_txs: '0' } } } });
    socket.close();
  });

  it('limits and names what is wrong with subscriptions', async () => {
    const { url } = await serveEngine();
    const { ask, next, socket } = await open(url);
    const errorOf = async (method: string, params: unknown): Promise<string | undefined> => {
      ask(method, params);
      return (await next()).error?.data;
    };
    expect(await errorOf('subscribe', { query: 'bad' })).toMatch(/failed to parse query/);
    expect(await errorOf('subscribe', {})).toMatch(/failed to parse query/);
    expect(await errorOf('unsubscribe', { query: "a='b'" })).toBe('subscription not found');
    expect(await errorOf('unsubscribe_all', {})).toBe('subscription not found');
    expect(await errorOf('subscribe', { query: "a='1'" })).toBeUndefined();
    expect(await errorOf('subscribe', { query: "a='1'" })).toBe('already subscribed');
    for (const n of [2, 3, 4, 5]) expect(await errorOf('subscribe', { query: `a='${n}'` })).toBeUndefined();
    expect(await errorOf('subscribe', { query: "a='6'" })).toMatch(/max_subscriptions_per_client 5 reached/);
    expect(await errorOf('unsubscribe', { query: "a='1'" })).toBeUndefined();
    ask('nosuch');
    expect((await next()).error!.code).toBe(-32601);
    socket.send('not json');
    expect((await next()).error!.code).toBe(-32700);
    socket.close();
  });

  it('answers many requests at once, in binary frames too, and cuts off what breaks the rules', async () => {
    const { url } = await serveEngine({ sealing: ready });
    const { ask, next, socket } = await open(url);
    for (let id = 0; id < 100; id++) ask('status', {}, id);
    for (let id = 0; id < 100; id++) expect((await next()).id).toBe(id);
    socket.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'health' })));
    expect(await next()).toEqual({ jsonrpc: '2.0', id: 5, result: {} });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.send('x'.repeat(1_100_000));
    await closed;
    const page = await open(url, { origin: 'http://evil.example' });
    page.ask('r3mes_leave', { role: 'r' });
    expect((await page.next()).error!.data).toBe('r3mes_leave is not for web pages');
    page.socket.terminate();
    expect((await request(url, 'health')).result).toEqual({});
  });

  it('refuses more clients than it can serve, and other paths', async () => {
    const { url } = await serveEngine();
    const clients = await Promise.all(Array.from({ length: 100 }, () => open(url)));
    await expect(open(url)).rejects.toThrow(/503/);
    for (const { socket } of clients) socket.terminate();
    await expect(open(`${url}/other`)).rejects.toThrow(/404/);
  });
});
