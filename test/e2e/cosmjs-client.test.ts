/** Our own client against a solo node with the real application. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ChainMessage, ChainClient, type ChainSigner, signerFromMnemonic, signerFromPrivateKey } from '../../src/client/index.js';
import { MsgSend } from '../../src/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { sha256 } from '../../src/protocol/hash.js';
import { utf8 } from '../../src/protocol/bytes.js';
import { BALANCE, CHAIN_ID, type RunningNode, cosmjsGenesis, startNode } from './cosmjs-harness.js';

const key = (name: string): Uint8Array => sha256(utf8(`client test ${name}`));
const send = (from: string, to: string, amount: bigint): ChainMessage => ({
  typeUrl: '/cosmos.bank.v1beta1.MsgSend',
  value: MsgSend.fromPartial({ fromAddress: from, toAddress: to, amount: [{ denom: 'uremes', amount: amount.toString() }] }),
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('ChainClient', () => {
  let alice: ChainSigner;
  let bob: ChainSigner;
  let miner: ChainSigner;
  let node: RunningNode;
  let client: ChainClient;

  beforeAll(async () => {
    [alice, bob, miner] = await Promise.all([signerFromPrivateKey(key('alice')), signerFromPrivateKey(key('bob')), signerFromPrivateKey(key('miner'))]);
    node = await startNode(cosmjsGenesis([alice.address, bob.address], miner.address));
    while (node.engine.height < 2n) await pause(20);
    client = await ChainClient.connect(`${node.url}/`, { timeoutMs: 5000 });
  });
  afterAll(() => node.stop());

  it('reads every query', async () => {
    const { queries } = client;
    expect(client.chainId).toBe(CHAIN_ID);
    expect(await client.status()).toMatchObject({ chainId: CHAIN_ID, version: '0.38.26', isCatchingUp: false });
    expect((await client.genesis()).chainId).toBe(CHAIN_ID);
    const header = await client.header(2n);
    expect(header.height).toBe(2n);
    expect(header.appHash).toEqual(node.engine.store.results(1n)!.appHash);
    expect((await client.header()).height).toBeGreaterThanOrEqual(2n);
    expect(await queries.account(alice.address)).toMatchObject({ sequence: 0n });
    const nobody = await signerFromPrivateKey(key('nobody'));
    expect(await queries.account(nobody.address)).toBeUndefined();
    expect(await queries.balance(alice.address)).toBe(BALANCE);
    expect(await queries.balance(nobody.address)).toBe(0n);
    expect(await queries.supply()).toBe(3n * BALANCE + 1_000_000_000n);
    expect((await queries.params()).auth!.minGasPriceMicro).toBe(2500n);
    expect((await queries.model())!.name).toBe('test');
    expect(await queries.model(99n)).toBeUndefined();
    expect((await queries.datasets()).map((d) => d.name)).toEqual(['test']);
    expect((await queries.dataset(1n))!.name).toBe('test');
    expect((await queries.registration(Part.MINER, miner.address))!.address).toBe(miner.address);
    expect(await queries.registration(Part.MINER, alice.address)).toBeUndefined();
    expect(await queries.registrations(Part.MINER)).toHaveLength(1);
    const window = await queries.window();
    expect(await queries.jobs(window!.id)).toHaveLength(1);
    expect((await queries.job(window!.id, miner.address))!.miner).toBe(miner.address);
    expect(await queries.window(99n)).toBeUndefined();
    expect(await queries.gradients(window!.id)).toEqual([]);
    expect(await queries.gradient(99n)).toBeUndefined();
    expect((await queries.beacon())!).toBeDefined();
    expect(await queries.slashes()).toEqual([]);
    expect(await queries.openDuties(alice.address)).toEqual([]);
    expect(await queries.duties(window!.id)).toEqual([]);
    expect(await queries.case(99n)).toBeUndefined();
    expect(await queries.cases()).toEqual([]);
    expect(await queries.rewards(miner.address)).toEqual([]);
    expect(await queries.windowRewards(window!.id)).toEqual([]);
    expect(await queries.emission()).toBeDefined();
    expect((await queries.aggregation(window!.id))?.accepted).toBeUndefined();
  });

  it('keeps several transactions of an account in flight, in order', async () => {
    const before = await client.queries.balance(bob.address);
    const submitted = await Promise.all(Array.from({ length: 8 }, (_, i) => client.submit(alice, [send(alice.address, bob.address, BigInt(i + 1))], { gas: 150_000n })));
    expect(submitted.map((tx) => tx.sequence)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    const outcomes = await Promise.all(submitted.map((tx) => client.wait(tx)));
    expect(outcomes.every((o) => o.code === 0)).toBe(true);
    expect(await client.queries.balance(bob.address)).toBe(before + 36n);
    expect(await client.tx(submitted[0]!.hash)).toMatchObject({ hash: submitted[0]!.hash, code: 0 });
    expect(await client.tx('00'.repeat(32))).toBeUndefined();
    // Asking with auto costs about what was used.
    const auto = await client.submitAndWait(alice, [send(alice.address, bob.address, 1n)], { memo: 'hi' });
    expect(auto.gasUsed <= auto.gasWanted && auto.gasWanted < auto.gasUsed * 2n).toBe(true);
    expect(auto.responses[0]!.typeUrl).toBe('/cosmos.bank.v1beta1.MsgSendResponse');
    expect(auto.events.filter((e) => e.type === 'transfer').map((e) => e.attributes['recipient'])).toContain(bob.address);
  });

  it('finds its place again when another client used the account', async () => {
    const other = await ChainClient.connect(node.url);
    await client.submitAndWait(alice, [send(alice.address, bob.address, 1n)], { gas: 150_000n });
    // Both in the mempool at once: the other one only learns of the waiting one from the refusal.
    const first = await client.submit(alice, [send(alice.address, bob.address, 1n)], { gas: 150_000n });
    const second = await other.submit(alice, [send(alice.address, bob.address, 2n)], { gas: 150_000n });
    expect(second.sequence).toBe(first.sequence + 1n);
    const third = await client.submit(alice, [send(alice.address, bob.address, 3n)], { gas: 150_000n });
    expect(third.sequence).toBe(second.sequence + 1n);
    for (const tx of [first, second, third]) expect((await client.wait(tx)).code).toBe(0);
  });

  it('says why a transaction failed', async () => {
    const tooMuch = send(bob.address, alice.address, BALANCE * 100n);
    await expect(client.submit(bob, [tooMuch])).rejects.toMatchObject({ code: 'QUERY_FAILED' });
    await expect(client.submitAndWait(bob, [tooMuch], { gas: 200_000n })).rejects.toMatchObject({ code: 'TX_FAILED', codespace: 'sdk', abciCode: 5 });
    const poor = await ChainClient.connect(node.url, { gasPriceMicro: 1n });
    await expect(poor.submit(bob, [send(bob.address, alice.address, 1n)], { gas: 200_000n })).rejects.toMatchObject({ code: 'TX_FAILED', abciCode: 13 });
    // A refused one leaves the sequence where it was.
    expect((await client.submitAndWait(bob, [send(bob.address, alice.address, 1n)], { gas: 150_000n })).code).toBe(0);
    const nobody = await signerFromPrivateKey(key('nobody'));
    await expect(client.submit(nobody, [send(nobody.address, bob.address, 1n)], { gas: 1n })).rejects.toMatchObject({ code: 'UNKNOWN_ACCOUNT' });
    await expect(client.join('x')).rejects.toMatchObject({ code: 'RPC_ERROR' });
  });

  it('has the addresses of mnemonics that other wallets have', async () => {
    const words = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
    const [first, second] = await Promise.all([signerFromMnemonic(words), signerFromMnemonic(words, 1)]);
    expect(first.address).toMatch(/^remes1/);
    expect(second.address).not.toBe(first.address);
    await expect(signerFromMnemonic('abandon secret')).rejects.toThrow(/not a mnemonic/);
    await expect(signerFromMnemonic('abandon secret')).rejects.not.toThrow(/secret/);
    await expect(signerFromPrivateKey(new Uint8Array(31))).rejects.toThrow(/32 bytes, got 31/);
  });

  it('names a node that is not there', async () => {
    await expect(ChainClient.connect('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', retryable: true });
    await expect(ChainClient.connect('ws://127.0.0.1:1')).rejects.toThrow(/expected the URL of a node/);
    await expect(ChainClient.connect('nonsense')).rejects.toThrow(/expected the URL of a node/);
  });
});

describe('a devnet through ChainClient', () => {
  it('tells new blocks through a restart of the node, and waits for the role', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'r3mes-cosmjs-'));
    const alice = await signerFromPrivateKey(key('alice'));
    const bob = await signerFromPrivateKey(key('bob'));
    const genesis = cosmjsGenesis([alice.address, bob.address], (await signerFromPrivateKey(key('miner'))).address);
    const sealing = { kind: 'ready', roles: [{ role: 'alice', addresses: [alice.address] }], timeoutMs: 0, deterministicOrder: { blockSeconds: 1n } } as const;
    let node = await startNode(genesis, sealing, home);
    const port = Number(new URL(node.url).port);
    const client = await ChainClient.connect(node.url);
    const stop = new AbortController();
    const seen: bigint[] = [];
    expect((await client.join('alice')).waiting_for).toEqual([]);
    for await (const height of client.blocks(stop.signal)) {
      seen.push(height);
      if (height === 2n) await client.submit(alice, [send(alice.address, bob.address, 2n)], { gas: 150_000n });
      if (height === 4n) {
        const submitted = await client.submit(alice, [send(alice.address, bob.address, 4n)], { gas: 150_000n });
        // The mempool is lost with the node; whoever waits sends again.
        await node.stop();
        node = await startNode(genesis, sealing, home, port);
        expect(node.engine.mempool.size).toBe(0);
        const outcome = client.wait(submitted, 30_000);
        while (node.engine.mempool.size === 0) await pause(50);
        await client.ready('alice', height);
        expect((await outcome).code).toBe(0);
        continue;
      }
      if (height === 6n) break;
      await client.ready('alice', height);
    }
    stop.abort();
    expect(seen).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
    expect((await client.header(6n)).timeSeconds - (await client.header(1n)).timeSeconds).toBe(5n);
    expect(await client.queries.balance(bob.address)).toBe(BALANCE + 6n);
    await client.leave('alice');
    await node.stop();
    rmSync(home, { recursive: true, force: true });
  });
});
