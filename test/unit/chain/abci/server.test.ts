/** The server against a client made of cosmjs-types, and the real application behind it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { CheckTxType, ResponseProcessProposal_ProposalStatus as TheirStatus, ResponseOfferSnapshot_Result as TheirOffer } from 'cosmjs-types/tendermint/abci/types';
import { afterEach, describe, expect, it } from 'vitest';

import type { Application } from '../../../../src/chain/abci/application.js';
import { type AbciAddress, AbciServer } from '../../../../src/chain/abci/server.js';
import { ResponseProcessProposal_ProposalStatus as Status } from '../../../../src/protocol/gen/tendermint/abci/types.js';
import { FakeApp } from '../solo/fake-app.js';
import { AbciClient, type Asked, varint } from './client.js';

const LOOPBACK: AbciAddress = { host: '127.0.0.1', port: 0 };
const reports: string[] = [];
const exceptions: string[] = [];
const closers: (() => Promise<void> | void)[] = [];

async function serve(app: Application, address = LOOPBACK, maxFrameBytes?: number): Promise<AbciServer> {
  const server = await AbciServer.listen({
    app,
    address,
    report: (text) => reports.push(text),
    onException: (kind) => exceptions.push(kind),
    ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
  });
  closers.unshift(() => server.close());
  return server;
}

function client(server: AbciServer, options = {}): AbciClient {
  const one = new AbciClient(server.address, options);
  closers.unshift(() => one.close());
  return one;
}

const checkTx = (text: string): Asked => ({ checkTx: { tx: Buffer.from(text), type: CheckTxType.NEW } });
const init: Asked = { initChain: { time: { seconds: 1n, nanos: 0 }, chainId: 'x', validators: [], appStateBytes: Buffer.from('{}'), initialHeight: 1n } };
const hash = new Uint8Array(32);
const finalize = (height: bigint, ...txs: string[]): Asked => ({
  finalizeBlock: { txs: txs.map((tx) => Buffer.from(tx)), misbehavior: [], hash, height, time: { seconds: 2n, nanos: 0 }, nextValidatorsHash: hash, proposerAddress: hash.subarray(0, 20) },
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  reports.length = 0;
  exceptions.length = 0;
});

describe('the ABCI server', () => {
  it('answers every kind of request with its own kind', async () => {
    const one = client(await serve(new FakeApp()));
    const proposal = { txs: [Buffer.from('a')], misbehavior: [], height: 1n, nextValidatorsHash: hash, proposerAddress: hash };
    const answers = await one.ask(
      { echo: { message: 'hello' } },
      { info: { version: '0.38.26', blockVersion: 11n, p2pVersion: 8n, abciVersion: '2.0.0' } },
      init,
      { query: { path: '/last', data: hash, height: 0n, prove: false } },
      checkTx('fine'),
      { prepareProposal: { ...proposal, maxTxBytes: 1000n } },
      { processProposal: { ...proposal, hash } },
      finalize(1n, 'a', 'fail'),
      { commit: {} },
      { listSnapshots: {} },
      { offerSnapshot: { appHash: hash } },
      { loadSnapshotChunk: { height: 1n, format: 1, chunk: 0 } },
      { applySnapshotChunk: { index: 0, chunk: hash, sender: 'x' } },
    );
    const kinds = answers.map((answer) => Object.entries(answer).find(([, value]) => value !== undefined)?.[0]);
    expect(kinds).toEqual([
      'echo', 'info', 'initChain', 'query', 'checkTx', 'prepareProposal', 'processProposal', 'finalizeBlock', 'commit', 'listSnapshots', 'offerSnapshot', 'loadSnapshotChunk', 'applySnapshotChunk',
    ]); // prettier-ignore
    expect(answers[0]!.echo!.message).toBe('hello');
    expect(answers[4]!.checkTx!.gasWanted).toBe(10n);
    expect(answers[6]!.processProposal!.status).toBe(TheirStatus.ACCEPT);
    expect(answers[7]!.finalizeBlock!.txResults.map(({ code }) => code === 0)).toEqual([true, false]);
    expect(answers[10]!.offerSnapshot!.result).toBe(TheirOffer.REJECT);
  });

  it('keeps answers until Flush', async () => {
    const app = new FakeApp();
    const one = client(await serve(app));
    one.write(checkTx('a'), checkTx('b'));
    while (app.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
    // A second connection that is answered shows that the first one would have been.
    await client(await serve(new FakeApp())).ask({ echo: { message: 'x' } });
    expect(one.answers).toEqual([]);
    one.write({ flush: {} });
    expect((await one.next(3)).map((answer) => answer.checkTx !== undefined)).toEqual([true, true, false]);
  });

  it('answers four busy connections in their order, one call at a time', async () => {
    const app = new FakeApp(); // throws when it is called while it works
    const server = await serve(app);
    const clients = [1, 2, 3, 4].map(() => client(server));
    const all = await Promise.all(
      clients.map((one, number) => one.ask(...Array.from({ length: 300 }, (_, i): Asked => (i % 3 === 0 ? { echo: { message: `${number}/${i}` } } : checkTx(i % 2 === 0 ? 'fine' : 'bad'))))),
    );
    for (const [number, answers] of all.entries()) {
      for (const [i, answer] of answers.entries()) {
        if (i % 3 === 0) expect(answer.echo?.message).toBe(`${number}/${i}`);
        else expect(answer.checkTx?.code).toBe(i % 2 === 0 ? 0 : 5);
      }
    }
    expect(reports).toEqual([]);
  });

  it('takes turns: a block does not wait for all transactions to check', async () => {
    const app = new FakeApp();
    const server = await serve(app);
    const [mempool, consensus] = [client(server), client(server)];
    await consensus.ask(init);
    const checking = mempool.ask(...Array.from({ length: 1000 }, () => checkTx('fine')));
    while (!app.calls.some((call) => call.startsWith('checkTx'))) await new Promise((resolve) => setImmediate(resolve));
    await consensus.ask(finalize(1n), { commit: {} });
    expect(app.calls.filter((call) => call.startsWith('checkTx')).length).toBeLessThan(1000);
    expect(await checking).toHaveLength(1000);
  });

  it('answers a request that throws with an Exception, and stays up', async () => {
    const server = await serve(new FakeApp());
    const one = client(server);
    const answers = await one.ask({ commit: {} }, { query: { path: '/throw', data: hash, height: 0n, prove: false } });
    expect(answers.map((answer) => answer.exception?.error)).toEqual(['commit without finalizeBlock', 'a bug']);
    expect(exceptions).toEqual(['commit', 'query']);
    expect(reports[0]).toBe('ABCI: commit failed: commit without finalizeBlock');
    expect((await client(server).ask({ echo: { message: 'still here' } }))[0]!.echo!.message).toBe('still here');
  });

  it('refuses vote extensions by name', async () => {
    const one = client(await serve(new FakeApp()));
    const answers = await one.ask(
      { extendVote: { hash, height: 1n, txs: [], misbehavior: [], nextValidatorsHash: hash, proposerAddress: hash } },
      { verifyVoteExtension: { hash, validatorAddress: hash, height: 1n, voteExtension: hash } },
    );
    for (const answer of answers) expect(answer.exception!.error).toMatch(/no vote extensions/);
  });

  it('does not pass on what CometBFT would end itself over', async () => {
    const app = new FakeApp();
    app.results = (response) => ({ ...response, txResults: [] });
    app.prepared = (txs) => [...txs, new Uint8Array(200)];
    app.processStatus = Status.UNKNOWN;
    const one = client(await serve(app));
    const proposal = { txs: [Buffer.from('a')], misbehavior: [], height: 1n, nextValidatorsHash: hash, proposerAddress: hash };
    const answers = await one.ask(init, finalize(1n, 'a'), { prepareProposal: { ...proposal, maxTxBytes: 205n } }, { processProposal: { ...proposal, hash } });
    expect(answers.slice(1).map((answer) => answer.exception?.error)).toEqual([
      'expected 1 results in block 1, one a transaction, got 0',
      'expected a proposal of at most 205 bytes for height 1, got 206',
      'expected a proposal to be accepted or rejected, got status 0',
    ]);
    app.results = (response) => {
      const update = { pubKey: { sum: { $case: 'ed25519' as const, value: hash } }, power: 1n };
      return { ...response, validatorUpdates: [update, { ...update, power: 2n }] };
    };
    expect((await one.ask(finalize(1n)))[0]!.exception!.error).toMatch(/is updated twice/);
  });
});

describe('a connection that goes wrong', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['a length that does not end', new Uint8Array(8).fill(0xff), /length of a message in at most 5 bytes/],
    ['a message above the limit', varint(1001), /at most 1000 bytes, got the length 1001/],
    ['bytes that are no message', Uint8Array.of(3, 0x0a, 0x7f, 0x01), /cannot be decoded/],
    ['an unknown kind of request', Uint8Array.of(2, 0x3a, 0x00), /an unknown kind in 2 bytes/],
    ['an empty request', Uint8Array.of(0), /an unknown kind in 0 bytes/],
  ];
  it.each(cases)('is told and ended: %s', async (_, bytes, message) => {
    const server = await serve(new FakeApp(), LOOPBACK, 1000);
    const [bad, good] = [client(server), client(server)];
    await good.ask({ echo: { message: 'x' } });
    bad.write({ echo: { message: 'before' } });
    bad.socket.write(bytes);
    await bad.closed;
    expect(bad.answers.map((answer) => answer.echo?.message ?? answer.exception?.error)).toEqual(['before', expect.stringMatching(message)]);
    expect(reports).toEqual([expect.stringMatching(message)]);
    expect((await good.ask({ echo: { message: 'y' } }))[0]!.echo!.message).toBe('y');
  });

  it('is ended when the other side ends, in a message or between two', async () => {
    const server = await serve(new FakeApp());
    const half = client(server, { allowHalfOpen: true });
    half.socket.end(Uint8Array.of(10, 1, 2));
    await half.closed;
    expect(reports).toEqual(['ABCI: connection 1 closed: it ended within a message, after 2 bytes of it']);
    const whole = client(server, { allowHalfOpen: true });
    await whole.ask({ echo: { message: 'x' } });
    whole.socket.end();
    await whole.closed;
    expect(reports).toHaveLength(1);
  });

  it('is refused beyond a bound, and a reader that is slow does not hold up the others', async () => {
    const server = await serve(new FakeApp());
    const slow = client(server);
    slow.socket.pause();
    const long = 'x'.repeat(100_000);
    slow.write(...Array.from({ length: 100 }, () => ({ echo: { message: long } })), { flush: {} });
    const good = client(server);
    for (let i = 0; i < 50; i++) expect((await good.ask({ echo: { message: 'y' } }))[0]!.echo!.message).toBe('y');
    slow.socket.resume();
    expect((await slow.next(101))[99]!.echo!.message).toBe(long);
    for (let i = 0; i < 14; i++) await client(server).ask({ echo: { message: 'z' } });
    const extra = client(server);
    await extra.closed;
    expect(reports).toEqual([expect.stringMatching(/refused: 16 are open/)]);
  });
});

describe.skipIf(process.platform === 'win32')('a Unix socket', () => {
  it('replaces what a killed process left, but no file', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'r3mes-abci-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'abci.sock');
    await serve(new FakeApp(), { path: file });
    const second = await serve(new FakeApp(), { path: file });
    expect(second.address).toBe(`unix://${file}`);
    expect((await client(second).ask({ echo: { message: 'x' } }))[0]!.echo!.message).toBe('x');
    const other = path.join(folder, 'file');
    writeFileSync(other, 'keep me');
    await expect(serve(new FakeApp(), { path: other })).rejects.toMatchObject({ code: 'ABCI_LISTEN' });
    expect(existsSync(other)).toBe(true);
  });
});
