/** What a wallet does: only the public face of cosmjs, unmodified, against a solo node with the real application. */
import { toBech32 } from '@cosmjs/encoding';
import { DirectSecp256k1HdWallet, type GeneratedType, Registry } from '@cosmjs/proto-signing';
import { GasPrice, QueryClient, SigningStargateClient, StargateClient, assertIsDeliverTxSuccess, coin, coins, defaultRegistryTypes } from '@cosmjs/stargate';
import { connectComet } from '@cosmjs/tendermint-rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { GradientEncoding } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { QueryGetGradientsRequest, QueryGetGradientsResponse, QueryGetJobRequest, QueryGetJobResponse, QueryGetWindowRequest, QueryGetWindowResponse } from '../../src/protocol/gen/remes/remes/v1/query.js';
import { MsgSubmitGradient, MsgSubmitGradientResponse } from '../../src/protocol/gen/remes/remes/v1/tx.js';
import { BALANCE, CHAIN_ID, type RunningNode, cosmjsGenesis, startNode } from './cosmjs-harness.js';

const OPTIONS = {
  registry: new Registry([...defaultRegistryTypes, ['/remes.remes.v1.MsgSubmitGradient', MsgSubmitGradient as unknown as GeneratedType]]),
  gasPrice: GasPrice.fromString('0.0025uremes'),
  broadcastPollIntervalMs: 50,
};

describe('an unmodified SigningStargateClient', () => {
  let node: RunningNode;
  let wallet: DirectSecp256k1HdWallet;
  let miner: string;
  let client: SigningStargateClient;
  const stranger = toBech32('remes', new Uint8Array(20).fill(5));

  beforeAll(async () => {
    wallet = await DirectSecp256k1HdWallet.generate(12, { prefix: 'remes' });
    miner = (await wallet.getAccounts())[0]!.address;
    node = await startNode(cosmjsGenesis([], miner));
    while (node.engine.height < 2n) await new Promise((resolve) => setTimeout(resolve, 20));
    client = await SigningStargateClient.connectWithSigner(node.url, wallet, OPTIONS);
  });
  afterAll(async () => {
    client.disconnect();
    await node.stop();
  });

  it('reads the chain', async () => {
    expect(await client.getChainId()).toBe(CHAIN_ID);
    expect(await client.getHeight()).toBeGreaterThan(0);
    expect(await client.getAccount(miner)).toMatchObject({ address: miner, sequence: 0, pubkey: null });
    expect(await client.getAccount(stranger)).toBeNull();
    expect(await client.getBalance(miner, 'uremes')).toEqual(coin(BALANCE.toString(), 'uremes'));
    expect(await client.getAllBalances(miner)).toEqual(coins(BALANCE.toString(), 'uremes'));
    const block = await client.getBlock(1);
    expect(block.header).toMatchObject({ height: 1, chainId: CHAIN_ID });
    const readOnly = await StargateClient.connect(node.url);
    expect((await readOnly.getBlock(1)).id).toBe(block.id);
    readOnly.disconnect();
  });

  it('sends coins with fee auto and finds the transaction by hash, by event and in its block', async () => {
    const gas = await client.simulate(miner, [{ typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: { fromAddress: miner, toAddress: stranger, amount: coins(7, 'uremes') } }], '');
    expect(gas).toBeGreaterThan(1000);
    const sent = await client.sendTokens(miner, stranger, coins(7, 'uremes'), 'auto', 'a memo');
    assertIsDeliverTxSuccess(sent);
    expect(sent.gasUsed <= sent.gasWanted).toBe(true);
    expect(sent.msgResponses[0]!.typeUrl).toBe('/cosmos.bank.v1beta1.MsgSendResponse');
    expect(await client.getBalance(stranger, 'uremes')).toEqual(coin(7, 'uremes'));
    expect((await client.getAccount(miner))!.sequence).toBe(1);
    const found = await client.getTx(sent.transactionHash);
    expect(found).toMatchObject({ height: sent.height, code: 0, hash: sent.transactionHash });
    const block = await client.getBlock(sent.height);
    expect(block.txs.map((tx) => Buffer.from(tx).toString('hex'))).toContain(Buffer.from(found!.tx).toString('hex'));
    expect((await client.searchTx([{ key: 'transfer.recipient', value: stranger }])).map((tx) => tx.hash)).toEqual([sent.transactionHash]);
    expect((await client.searchTx(`tx.height=${sent.height}`)).map((tx) => tx.hash)).toContain(sent.transactionHash);
    expect(await client.getTx('00'.repeat(32))).toBeNull();
  });

  it('is told when it cannot pay, and when a transaction fails in its block', async () => {
    const tooMuch = coins((BALANCE * 10n).toString(), 'uremes');
    await expect(client.sendTokens(miner, stranger, tooMuch, 'auto')).rejects.toThrow(/insufficient/);
    const failed = await client.sendTokens(miner, stranger, tooMuch, { amount: coins(500, 'uremes'), gas: '200000' });
    expect(failed.code).not.toBe(0);
    expect((await client.getTx(failed.transactionHash))!.code).toBe(failed.code);
    await expect(client.sendTokens(miner, stranger, coins(1, 'uremes'), { amount: [], gas: '200000' })).rejects.toThrow(/insufficient fee/);
  });

  it('submits a gradient through a Registry entry and finds it by hash', async () => {
    const comet = await connectComet(node.url);
    const queries = new QueryClient(comet);
    const read = async (method: string, request: Uint8Array): Promise<Uint8Array> => (await queries.queryAbci(`/remes.remes.v1.Query/${method}`, request)).value;
    const { window } = QueryGetWindowResponse.decode(await read('GetWindow', QueryGetWindowRequest.encode({ windowId: 0n }).finish()));
    const { job } = QueryGetJobResponse.decode(await read('GetJob', QueryGetJobRequest.encode({ windowId: window!.id, miner }).finish()));
    const value = MsgSubmitGradient.fromPartial({
      miner,
      windowId: window!.id,
      jobId: job!.id,
      modelVersion: window!.modelVersion,
      baseAdapterCid: window!.baseAdapterCid,
      layerRange: { start: 0, end: 4 },
      encoding: GradientEncoding.DENSE_F32,
      payloadCid: window!.baseAdapterCid,
      payloadSize: 100n,
      gradientHash: new Uint8Array(32).fill(1),
      possessionRoot: new Uint8Array(32),
      lossBits: 0x40000000,
      arithmeticVersion: 1,
      device: { backend: 'cpu' },
    });
    const sent = await client.signAndBroadcast(miner, [{ typeUrl: '/remes.remes.v1.MsgSubmitGradient', value }], 'auto');
    assertIsDeliverTxSuccess(sent);
    const { gradientId } = MsgSubmitGradientResponse.decode(sent.msgResponses[0]!.value);
    expect(gradientId).toBeGreaterThan(0n);
    expect((await client.getTx(sent.transactionHash))!.code).toBe(0);
    const { gradients } = QueryGetGradientsResponse.decode(await read('GetGradients', QueryGetGradientsRequest.encode({ windowId: window!.id, pagination: undefined }).finish()));
    expect(gradients.map((g) => g.id)).toEqual([gradientId]);
    comet.disconnect();
  });
});
