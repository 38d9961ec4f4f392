import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { u64be } from '../../../../src/protocol/bytes.js';
import { BaseAccount, ModuleAccount } from '../../../../src/protocol/gen/cosmos/auth/v1beta1/auth.js';
import * as auth from '../../../../src/protocol/gen/cosmos/auth/v1beta1/query.js';
import * as bank from '../../../../src/protocol/gen/cosmos/bank/v1beta1/query.js';
import { PubKey } from '../../../../src/protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { msgSend, TestChain, testAccount } from '../../../app/harness.js';

const alice = testAccount('alice');
const bob = testAccount('bob');
const BANK = '/cosmos.bank.v1beta1.Query';
const AUTH = '/cosmos.auth.v1beta1.Query';

let chain: TestChain;
beforeEach(async () => {
  chain = await TestChain.start({ balances: { alice: 10_000_000n, bob: 5n } });
});
afterEach(() => chain.close());

describe('queries', () => {
  it('are answered from the last block, of which there must be one, or a kept one before it, and without proofs', async () => {
    const request = bank.QueryTotalSupplyRequest.encode(bank.QueryTotalSupplyRequest.create()).finish();
    expect(await chain.query(`${BANK}/TotalSupply`, request)).toMatchObject({ codespace: 'sdk', code: 26, log: expect.stringMatching(/there is no block yet/) as string });
    await chain.blocks(2);
    expect(await chain.query(`${BANK}/TotalSupply`, request, 2n)).toMatchObject({ code: 0, height: 2n });
    expect(await chain.query(`${BANK}/TotalSupply`, request, 1n)).toMatchObject({ code: 0, height: 1n });
    expect(await chain.query(`${BANK}/TotalSupply`, request, 3n)).toMatchObject({ code: 26, log: expect.stringMatching(/expected a height from 1 to 2, or 0 for the latest, got 3/) as string });
    expect(await chain.app.query({ path: `${BANK}/TotalSupply`, data: request, height: 0n, prove: true })).toMatchObject({ codespace: 'sdk', code: 37 });
    expect(await chain.query('/no.such.Query/Thing', request)).toMatchObject({ code: 6, log: 'unknown query path "/no.such.Query/Thing": unknown request' });
    const noBalance = await chain.query(`${BANK}/Balance`, Uint8Array.of(255));
    expect(noBalance).toMatchObject({ code: 18, log: expect.stringMatching(/^rpc error: code = InvalidArgument desc = .*the bytes are no such message/) as string });
  });

  it('of accounts give number, sequence and key, one or all by pages', async () => {
    await chain.deliver(alice, [msgSend(alice.address, bob.address, 1n)]);
    const state = await chain.accountState(alice.address);
    expect([state?.accountNumber, state?.sequence]).toEqual([0n, 1n]);
    expect(PubKey.decode(state!.pubKey!.value).key).toEqual(alice.pubkey);
    expect((await chain.accountState(bob.address))?.pubKey).toBeUndefined();
    const missing = await chain.query(`${AUTH}/Account`, auth.QueryAccountRequest.encode({ address: testAccount('nobody').address }).finish());
    expect(missing).toMatchObject({ code: 22, log: expect.stringMatching(/rpc error: code = NotFound desc = account \w+ not found/) as string });

    const all: string[] = [];
    let key: Uint8Array = new Uint8Array();
    do {
      const request = auth.QueryAccountsRequest.fromPartial({ pagination: { key, limit: 2n } });
      const { accounts, pagination } = await chain.ask(`${AUTH}/Accounts`, auth.QueryAccountsRequest, request, auth.QueryAccountsResponse);
      all.push(...accounts.map(({ typeUrl, value }) => (typeUrl.endsWith('.ModuleAccount') ? ModuleAccount.decode(value).name : BaseAccount.decode(value).address)));
      key = pagination?.nextKey ?? new Uint8Array();
    } while (key.length > 0);
    expect(all.slice(0, 2)).toEqual([alice.address, bob.address]);
    expect(all[2]).toBe('fee_collector');
    const modules = await chain.ask(`${AUTH}/ModuleAccounts`, auth.QueryModuleAccountsRequest, {}, auth.QueryModuleAccountsResponse);
    expect(modules.accounts.map(({ value }) => ModuleAccount.decode(value).name)).toEqual(['fee_collector']);
    const { bech32Prefix } = await chain.ask(`${AUTH}/Bech32Prefix`, auth.Bech32PrefixRequest, {}, auth.Bech32PrefixResponse);
    expect(bech32Prefix).toBe('remes');
    const { addressBytes } = await chain.ask(`${AUTH}/AddressStringToBytes`, auth.AddressStringToBytesRequest, { addressString: alice.address }, auth.AddressStringToBytesResponse);
    const { addressString } = await chain.ask(`${AUTH}/AddressBytesToString`, auth.AddressBytesToStringRequest, { addressBytes }, auth.AddressBytesToStringResponse);
    expect(addressString).toBe(alice.address);
    const { params } = await chain.ask(`${AUTH}/Params`, auth.QueryParamsRequest, {}, auth.QueryParamsResponse);
    expect(params).toMatchObject({ maxMemoCharacters: 256n, txSigLimit: 7n, sigVerifyCostSecp256k1: 1000n });
  });

  it('of balances know one denom, and say nothing of others as the SDK does', async () => {
    await chain.block();
    const { address } = bob;
    const pagination = undefined;
    const coins = [{ denom: 'uremes', amount: '5' }];
    expect((await chain.ask(`${BANK}/AllBalances`, bank.QueryAllBalancesRequest, bank.QueryAllBalancesRequest.fromPartial({ address }), bank.QueryAllBalancesResponse)).balances).toEqual(coins);
    expect((await chain.ask(`${BANK}/SpendableBalances`, bank.QuerySpendableBalancesRequest, { address, pagination }, bank.QuerySpendableBalancesResponse)).balances).toEqual(coins);
    const none = testAccount('nobody').address;
    expect((await chain.ask(`${BANK}/SpendableBalances`, bank.QuerySpendableBalancesRequest, { address: none, pagination }, bank.QuerySpendableBalancesResponse)).balances).toEqual([]);
    expect((await chain.ask(`${BANK}/Balance`, bank.QueryBalanceRequest, { address, denom: 'uatom' }, bank.QueryBalanceResponse)).balance).toEqual({ denom: 'uatom', amount: '0' });
    expect((await chain.query(`${BANK}/Balance`, bank.QueryBalanceRequest.encode({ address, denom: '' }).finish())).log).toMatch(/expected a denom, e.g. uremes, got none/);
    expect((await chain.ask(`${BANK}/SupplyOf`, bank.QuerySupplyOfRequest, { denom: 'uatom' }, bank.QuerySupplyOfResponse)).amount?.amount).toBe('0');
    expect(await chain.ask(`${BANK}/TotalSupply`, bank.QueryTotalSupplyRequest, { pagination }, bank.QueryTotalSupplyResponse)).toMatchObject({
      supply: [{ denom: 'uremes', amount: '10000005' }],
      pagination: { total: 1n },
    });
  });

  it('of owners give who holds coins, by pages', async () => {
    await chain.deliver(alice, [msgSend(alice.address, bob.address, 1n)]);
    const ask = (denom: string, key: Uint8Array = new Uint8Array()) =>
      chain.ask(`${BANK}/DenomOwners`, bank.QueryDenomOwnersRequest, bank.QueryDenomOwnersRequest.fromPartial({ denom, pagination: { limit: 1n, key } }), bank.QueryDenomOwnersResponse);
    const first = await ask('uremes');
    expect(first.denomOwners.map((o) => o.address)).toEqual([alice.address]);
    expect(first.denomOwners[0]?.balance?.amount).toBe((await chain.balance(alice.address)).toString());
    expect((await ask('uremes', first.pagination?.nextKey)).denomOwners.map((o) => o.address)).toEqual([bob.address]);
    expect((await ask('uatom')).denomOwners).toEqual([]);
  });

  it('of the denom say how wallets show it', async () => {
    await chain.block();
    const { metadata } = await chain.ask(`${BANK}/DenomMetadata`, bank.QueryDenomMetadataRequest, { denom: 'uremes' }, bank.QueryDenomMetadataResponse);
    expect(metadata?.denomUnits.map((u) => [u.denom, u.exponent])).toEqual([['uremes', 0], ['REMES', 6]]);
    const { metadatas } = await chain.ask(`${BANK}/DenomsMetadata`, bank.QueryDenomsMetadataRequest, { pagination: undefined }, bank.QueryDenomsMetadataResponse);
    expect(metadatas).toEqual([metadata]);
    const other = await chain.query(`${BANK}/DenomMetadata`, bank.QueryDenomMetadataRequest.encode({ denom: 'uatom' }).finish());
    expect(other).toMatchObject({ code: 22, log: expect.stringMatching(/metadata of denom uatom not found/) as string });
    const { params } = await chain.ask(`${BANK}/Params`, bank.QueryParamsRequest, {}, bank.QueryParamsResponse);
    expect(params?.defaultSendEnabled).toBe(true);
  });

  it('with a page key that is none start at the offset', async () => {
    await chain.block();
    const ask = (key: Uint8Array) =>
      chain.ask(`${AUTH}/Accounts`, auth.QueryAccountsRequest, auth.QueryAccountsRequest.fromPartial({ pagination: { key, offset: 1n } }), auth.QueryAccountsResponse);
    expect((await ask(Uint8Array.of(1, 2))).accounts).toHaveLength(1);
    expect((await ask(u64be(0n))).accounts).toHaveLength(2);
  });
});
