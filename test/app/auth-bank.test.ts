import { DirectSecp256k1HdWallet, Registry, encodePubkey, makeAuthInfoBytes, makeSignDoc } from '@cosmjs/proto-signing';
import { encodeSecp256k1Pubkey } from '@cosmjs/amino';
import { MsgSend as CosmjsMsgSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import { TxRaw as CosmjsTxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { afterEach, describe, expect, it } from 'vitest';

import { moduleAddress } from '../../src/protocol/address.js';
import { TxMsgData } from '../../src/protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import { MsgSendResponse } from '../../src/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { CheckTxType } from '../../src/protocol/gen/tendermint/abci/types.js';
import { CHAIN_ID, TestChain, type TestChainOptions, msgSend, testAccount } from './harness.js';

const alice = testAccount('alice');
const bob = testAccount('bob');
const carol = testAccount('carol');
const FEES = moduleAddress('fee_collector');

const chains: TestChain[] = [];
async function start(options: TestChainOptions = {}): Promise<TestChain> {
  const chain = await TestChain.start({ balances: { alice: 10_000_000n, bob: 1_000_000n }, ...options });
  chains.push(chain);
  return chain;
}
afterEach(async () => {
  for (const chain of chains.splice(0)) await chain.close();
});

describe('a transaction', () => {
  it('moves coins, takes the fee and counts the sequence', async () => {
    const chain = await start({ onDisk: true });
    const result = await chain.deliver(alice, [msgSend(alice.address, carol.address, 1_000n)]);
    expect(result).toMatchObject({ code: 0, codespace: '', log: '', gasWanted: 1_000_000n });
    expect(await chain.balance(carol.address)).toBe(1_000n);
    expect(await chain.balance(alice.address)).toBe(10_000_000n - 1_000n - 2_500n);
    expect(await chain.balance(FEES)).toBe(2_500n);
    expect(await chain.supply()).toBe(11_000_000n);
    expect(await chain.accountState(alice.address)).toMatchObject({ sequence: 1n, accountNumber: 0n });
    expect(await chain.accountState(bob.address)).toMatchObject({ sequence: 0n, accountNumber: 1n });
    expect(await chain.accountState(carol.address)).toMatchObject({ sequence: 0n, accountNumber: 3n });
    await chain.restart();
    expect((await chain.deliver(bob, [msgSend(bob.address, alice.address, 1n)], { gas: 100_000n, fee: 250n })).code).toBe(0);
    await chain.replay();
  });

  it('answers with message responses and indexed events, as the SDK does', async () => {
    const chain = await start();
    const messages = [msgSend(alice.address, bob.address, 1n), msgSend(alice.address, carol.address, 2n)];
    const result = await chain.deliver(alice, messages);
    const { msgResponses } = TxMsgData.decode(result.data);
    expect(msgResponses.map(({ typeUrl }) => typeUrl)).toEqual(Array(2).fill('/cosmos.bank.v1beta1.MsgSendResponse'));
    expect(MsgSendResponse.decode(msgResponses[0]!.value)).toEqual({});
    const transfer = (recipient: string, amount: string, index: string): object => ({
      type: 'transfer',
      attributes: { recipient, sender: alice.address, amount, msg_index: index },
    });
    const action = { action: '/cosmos.bank.v1beta1.MsgSend', sender: alice.address };
    expect(result.events).toEqual([
      { type: 'transfer', attributes: { recipient: FEES, sender: alice.address, amount: '2500uremes' } },
      { type: 'tx', attributes: { fee: '2500uremes', fee_payer: alice.address } },
      { type: 'tx', attributes: { acc_seq: `${alice.address}/0` } },
      { type: 'message', attributes: { ...action, msg_index: '0' } },
      transfer(bob.address, '1uremes', '0'),
      { type: 'message', attributes: { ...action, msg_index: '1' } },
      transfer(carol.address, '2uremes', '1'),
    ]);
  });

  it('whose last message fails leaves nothing but its fee and its sequence', async () => {
    const chain = await start();
    const result = await chain.deliver(alice, [msgSend(alice.address, carol.address, 5n), msgSend(alice.address, carol.address, 99_000_000n)]);
    expect(result).toMatchObject({ code: 5, codespace: 'sdk' });
    expect(result.log).toMatch(/^failed to execute message; message index: 1: spendable balance 9997495uremes of remes1\w+ is smaller than 99000000uremes/);
    expect(result.data).toEqual(new Uint8Array());
    expect(result.events.map(({ type }) => type)).toEqual(['transfer', 'tx', 'tx']);
    expect(await chain.accountState(carol.address)).toBeUndefined();
    expect(await chain.balance(alice.address)).toBe(10_000_000n - 2_500n);
    expect(await chain.accountState(alice.address)).toMatchObject({ sequence: 1n });
    await chain.replay();
  });

  it('that runs out of gas leaves nothing but its fee', async () => {
    const chain = await start();
    await chain.deliver(alice, [msgSend(alice.address, bob.address, 5n)]); // dearer than the next: it makes the account that collects fees
    const needed = (await chain.deliver(alice, [msgSend(alice.address, bob.address, 5n)])).gasUsed;
    const result = await chain.deliver(alice, [msgSend(alice.address, bob.address, 5n)], { gas: needed - 5_000n });
    expect(result).toMatchObject({ code: 11, codespace: 'sdk', gasWanted: needed - 5_000n });
    expect(result.gasUsed).toBeGreaterThan(needed - 5_000n);
    expect(await chain.balance(bob.address)).toBe(1_000_010n);
    expect(await chain.accountState(alice.address)).toMatchObject({ sequence: 3n });
  });

  it('of several signers needs all of them, in the order of the messages; the first one pays', async () => {
    const chain = await start();
    const messages = [msgSend(bob.address, carol.address, 1n), msgSend(alice.address, carol.address, 2n), msgSend(bob.address, carol.address, 3n)];
    expect((await chain.deliver([bob, alice], messages)).code).toBe(0);
    expect(await chain.balance(carol.address)).toBe(6n);
    expect(await chain.balance(bob.address)).toBe(1_000_000n - 4n - 2_500n);
    expect(await chain.balance(alice.address)).toBe(10_000_000n - 2n);
    expect(await chain.accountState(alice.address)).toMatchObject({ sequence: 1n });
    expect(await chain.deliver([alice, bob], messages)).toMatchObject({ code: 8, codespace: 'sdk' });
    expect(await chain.deliver(bob, messages)).toMatchObject({
      code: 4,
      log: 'wrong number of signers; expected 2, got 1 signer infos and 1 signatures',
    });
    await chain.replay();
  });

  it('signed by the real wallet of @cosmjs/proto-signing is accepted', async () => {
    const wallet = await DirectSecp256k1HdWallet.generate(12, { prefix: 'remes' });
    const [account] = await wallet.getAccounts();
    const chain = await start({ appState: { bank: { balances: [{ address: account!.address, coins: [{ denom: 'uremes', amount: '50000' }] }] } } });
    await chain.block();
    const state = await chain.accountState(account!.address);
    const registry = new Registry([['/cosmos.bank.v1beta1.MsgSend', CosmjsMsgSend]]);
    const value = { fromAddress: account!.address, toAddress: bob.address, amount: [{ denom: 'uremes', amount: '123' }] };
    const bodyBytes = registry.encodeTxBody({ messages: [{ typeUrl: '/cosmos.bank.v1beta1.MsgSend', value }], memo: 'merhaba' });
    const pubkey = encodePubkey(encodeSecp256k1Pubkey(account!.pubkey));
    const fee = [{ denom: 'uremes', amount: '500' }];
    const authInfoBytes = makeAuthInfoBytes([{ pubkey, sequence: 0 }], fee, 200_000, undefined, undefined);
    const signDoc = makeSignDoc(bodyBytes, authInfoBytes, CHAIN_ID, Number(state!.accountNumber));
    const { signature } = await wallet.signDirect(account!.address, signDoc);
    const tx = CosmjsTxRaw.encode({ bodyBytes, authInfoBytes, signatures: [Buffer.from(signature.signature, 'base64')] }).finish();
    expect((await chain.checkTx(tx)).code).toBe(0);
    expect((await chain.block([tx])).results[0]).toMatchObject({ code: 0, log: '' });
    expect(await chain.balance(bob.address)).toBe(1_000_123n);
  });
});

describe('the mempool', () => {
  it('takes transactions in sequence before any of them is in a block', async () => {
    const chain = await start();
    const txs = [];
    for (let i = 0; i < 3; i++) txs.push(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)]));
    expect(await chain.checkTx(txs[1]!)).toMatchObject({ code: 32, log: expect.stringContaining('expected 0, got 1') as string });
    for (const tx of txs) expect((await chain.checkTx(tx)).code).toBe(0);
    expect((await chain.checkTx(txs[0]!)).code).toBe(32);
    expect((await chain.block(txs)).results.map(({ code }) => code)).toEqual([0, 0, 0]);
    // After the commit the check starts from the new state.
    expect((await chain.checkTx(txs[2]!, CheckTxType.RECHECK)).code).toBe(32);
    expect((await chain.checkTx(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)]))).code).toBe(0);
  });

  it('lets nobody spend the same coins on two fees', async () => {
    const chain = await start({ balances: { alice: 4_000n } });
    const txs = [];
    for (let i = 0; i < 2; i++) txs.push(await chain.sign(alice, [msgSend(alice.address, alice.address, 1n)]));
    expect((await chain.checkTx(txs[0]!)).code).toBe(0);
    expect(await chain.checkTx(txs[1]!)).toMatchObject({ code: 5, codespace: 'sdk' });
  });

  it('drops on recheck what a block has made impossible, and keeps the rest', async () => {
    const chain = await start({ balances: { alice: 6_000n, bob: 1_000_000n } });
    const first = await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)], { sequence: 0n });
    const rival = await chain.sign(alice, [msgSend(alice.address, bob.address, 2n)], { sequence: 0n });
    const other = await chain.sign(bob, [msgSend(bob.address, alice.address, 1n)]);
    for (const tx of [first, other]) expect((await chain.checkTx(tx)).code).toBe(0);
    await chain.block([rival]);
    expect((await chain.checkTx(first, CheckTxType.RECHECK)).code).toBe(32);
    expect((await chain.checkTx(other, CheckTxType.RECHECK)).code).toBe(0);
  });

  it('does not execute messages: what fails there is paid for in a block', async () => {
    const chain = await start();
    const tx = await chain.sign(alice, [msgSend(alice.address, bob.address, 99_000_000n)]);
    expect((await chain.checkTx(tx)).code).toBe(0);
    expect((await chain.block([tx])).results[0]!.code).toBe(5);
  });
});

describe('a simulation', () => {
  it('tells the gas that the signed transaction uses, within a few percent, and changes nothing', async () => {
    const chain = await start();
    await chain.block();
    for (const messages of [
      [msgSend(alice.address, bob.address, 1n)],
      [msgSend(alice.address, carol.address, 1n), msgSend(alice.address, bob.address, 1n)],
    ]) {
      const simulated = await chain.simulate(alice, messages);
      expect(await chain.simulate(alice, messages)).toBe(simulated);
      expect(await chain.accountState(carol.address)).toBeUndefined();
      const used = (await chain.deliver(alice, messages)).gasUsed;
      expect(Number(simulated) / Number(used)).toBeGreaterThan(0.97);
      expect(Number(simulated) / Number(used)).toBeLessThan(1.05);
    }
  });

  it('fails as the transaction would', async () => {
    const chain = await start();
    await chain.block();
    await expect(chain.simulate(alice, [msgSend(alice.address, bob.address, 99_000_000n)])).rejects.toThrow('sdk/5: failed to execute message');
    await expect(chain.simulate(carol, [msgSend(carol.address, bob.address, 1n)])).rejects.toThrow(`sdk/9: account ${carol.address} does not exist`);
    await expect(chain.simulate(alice, [{ typeUrl: '/a.MsgB', value: new Uint8Array() }])).rejects.toThrow('no message type "/a.MsgB"');
  });
});
