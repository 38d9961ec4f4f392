/** Signatures of unmodified cosmjs: Amino JSON of every message, and multisigs. */
import { Secp256k1Wallet, createMultisigThresholdPubkey, encodeSecp256k1Pubkey, makeSignDoc, pubkeyToAddress, serializeSignDoc, type AminoMsg } from '@cosmjs/amino';
import { Registry, encodePubkey, makeAuthInfoBytes } from '@cosmjs/proto-signing';
import { AminoTypes, createDefaultAminoConverters, defaultRegistryTypes } from '@cosmjs/stargate';
// 0.39.0 cannot split any address with the version of its bech32 library that it takes (limit Infinity).
import { makeMultisignedTxBytes } from 'cosmjs-stargate-032';
import { SignMode } from 'cosmjs-types/cosmos/tx/signing/v1beta1/signing';
import { TextProposal } from 'cosmjs-types/cosmos/gov/v1beta1/gov';
import { afterEach, describe, expect, it } from 'vitest';

import { createModules } from '../../src/chain/app/modules.js';
import { createAminoConverters, createRegistry } from '../../src/client/index.js';
import { aminoOfAny, aminoSignBytes, sortedJson } from '../../src/protocol/amino.js';
import { AMINO_MESSAGES } from '../../src/protocol/amino-messages.js';
import { coins } from '../../src/protocol/coins.js';
import { MsgMultiSend } from '../../src/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { SignMode as AppSignMode } from '../../src/protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import { AuthInfo, TxBody, TxRaw } from '../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { decodeTx } from '../../src/protocol/tx.js';
import { CHAIN_ID, TestChain, message, msgSend, testAccount, type TestAccount, type TestTxResult } from './harness.js';

const alice = testAccount('alice');
const bob = testAccount('bob');
const members = ['one', 'two', 'three'].map(testAccount);
const PREFIX = 'remes';
const FEE = { amount: [{ denom: 'uremes', amount: '5000' }], gas: '1000000' };

let chain: TestChain | undefined;
async function start(): Promise<TestChain> {
  chain = await TestChain.start({ balances: { alice: 10_000_000n, bob: 10_000_000n } });
  await chain.block();
  return chain;
}
afterEach(async () => {
  await chain?.replay();
  await chain?.close();
  chain = undefined;
});

/** Every one that a wallet can send, with values that show what is left out, escaped or shifted. */
const valoper = alice.address;
const coin = { denom: 'uremes', amount: '7' };
const description = { moniker: 'A & B <c>', identity: 'i', website: 'w', securityContact: 's', details: 'line\nbreak "q" ü \u2603' };
const CASES: readonly (readonly [string, unknown])[] = [
  ['/cosmos.bank.v1beta1.MsgSend', { fromAddress: alice.address, toAddress: bob.address, amount: [coin] }],
  ['/cosmos.bank.v1beta1.MsgMultiSend', { inputs: [{ address: alice.address, coins: [coin] }], outputs: [{ address: bob.address, coins: [coin] }] }],
  ['/cosmos.staking.v1beta1.MsgDelegate', { delegatorAddress: alice.address, validatorAddress: valoper, amount: coin }],
  ['/cosmos.staking.v1beta1.MsgUndelegate', { delegatorAddress: alice.address, validatorAddress: valoper, amount: coin }],
  ['/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation', { delegatorAddress: alice.address, validatorAddress: valoper, amount: coin, creationHeight: 12n }],
  ['/cosmos.staking.v1beta1.MsgBeginRedelegate', { delegatorAddress: alice.address, validatorSrcAddress: valoper, validatorDstAddress: valoper, amount: coin }],
  [
    '/cosmos.staking.v1beta1.MsgCreateValidator',
    {
      description,
      commission: { rate: '100000000000000000', maxRate: '1000000000000000000', maxChangeRate: '1' },
      minSelfDelegation: '1',
      delegatorAddress: alice.address,
      validatorAddress: valoper,
      pubkey: encodePubkey({ type: 'tendermint/PubKeyEd25519', value: Buffer.alloc(32, 7).toString('base64') }),
      value: coin,
    },
  ],
  ['/cosmos.staking.v1beta1.MsgEditValidator', { description, commissionRate: '25000000000000000', minSelfDelegation: '2', validatorAddress: valoper }],
  ['/cosmos.distribution.v1beta1.MsgSetWithdrawAddress', { delegatorAddress: alice.address, withdrawAddress: bob.address }],
  ['/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward', { delegatorAddress: alice.address, validatorAddress: valoper }],
  ['/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission', { validatorAddress: valoper }],
  ['/cosmos.distribution.v1beta1.MsgFundCommunityPool', { depositor: alice.address, amount: [coin] }],
  ['/cosmos.gov.v1beta1.MsgVote', { proposalId: 3n, voter: alice.address, option: 1 }],
  ['/cosmos.gov.v1beta1.MsgVoteWeighted', { proposalId: 3n, voter: alice.address, options: [{ option: 1, weight: '700000000000000000' }, { option: 3, weight: '300000000000000000' }] }],
  ['/cosmos.gov.v1beta1.MsgDeposit', { proposalId: 3n, depositor: alice.address, amount: [coin] }],
  [
    '/cosmos.gov.v1beta1.MsgSubmitProposal',
    {
      initialDeposit: [coin],
      proposer: alice.address,
      content: { typeUrl: '/cosmos.gov.v1beta1.TextProposal', value: TextProposal.encode({ title: '<T>', description: 'D & d' }).finish() },
    },
  ],
];

const EDIT = '/cosmos.staking.v1beta1.MsgEditValidator';
const cosmjsRegistry = new Registry(defaultRegistryTypes);
const cosmjsAmino = new AminoTypes(createDefaultAminoConverters());

describe('Amino JSON', () => {
  it.each(CASES)('of %s is cosmjs’s own, to the byte', (typeUrl, value) => {
    const any = { typeUrl, value: cosmjsRegistry.encode({ typeUrl, value }) };
    const doc = (msg: AminoMsg) => Buffer.from(serializeSignDoc(makeSignDoc([msg], FEE, CHAIN_ID, 'memo <&>', 5, 6, 9n))).toString('utf8');
    const expected = doc(cosmjsAmino.toAmino({ typeUrl, value }));
    const bodyBytes = TxBody.encode(TxBody.fromPartial({ messages: [any], memo: 'memo <&>', timeoutHeight: 9n })).finish();
    const authInfoBytes = AuthInfo.encode(AuthInfo.fromPartial({ fee: { amount: FEE.amount, gasLimit: BigInt(FEE.gas) } })).finish();
    const tx = decodeTx(TxRaw.encode({ bodyBytes, authInfoBytes, signatures: [] }).finish());
    const bytes = aminoSignBytes(tx, { chainId: CHAIN_ID, accountNumber: 5n, sequence: 6n });
    expect(Buffer.from(bytes).toString('utf8')).toBe(expected);
  });

  it('leaves out what is empty, as the SDK does', () => {
    const value = cosmjsRegistry.encode({ typeUrl: EDIT, value: { description: { ...description, identity: '', details: '' }, commissionRate: '', minSelfDelegation: '', validatorAddress: valoper } });
    expect(sortedJson({ ...aminoOfAny({ typeUrl: EDIT, value }) })).toBe(
      `{"type":"cosmos-sdk/MsgEditValidator","value":{"description":{"moniker":"A \\u0026 B \\u003cc\\u003e","security_contact":"s","website":"w"},"validator_address":"${valoper}"}}`,
    );
  });

  it('refuses what it would not show: fields that are unknown, types without a name', () => {
    const { typeUrl, value } = msgSend(alice.address, bob.address, 1n);
    expect(() => aminoOfAny({ typeUrl, value: Buffer.concat([value, Uint8Array.of(0x78, 1)]) })).toThrow(/not in canonical protobuf encoding/);
    expect(() => aminoOfAny({ typeUrl: '/cosmos.group.v1.MsgVote', value })).toThrow(/has no Amino form/);
    expect(() => aminoOfAny({ typeUrl, value: Uint8Array.of(255) })).toThrow(/the bytes are no such message/);
  });

  it('is there for every message that the application takes', () => {
    const { base, modules } = createModules();
    const missing = [...base.modules, ...modules].flatMap((m) => m.messages.map(({ typeUrl }) => typeUrl)).filter((typeUrl) => AMINO_MESSAGES[typeUrl] === undefined);
    expect(missing).toEqual([]);
  });

  it('has a name of its own for every message, and ours go there and back', () => {
    const names = Object.values(AMINO_MESSAGES).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const types = new AminoTypes(createAminoConverters());
    const registry = createRegistry();
    const values: [string, object][] = [
      ['/remes.remes.v1.MsgRegisterNode', { address: alice.address, part: 1, stake: coin }],
      ['/remes.remes.v1.MsgSubmitGradient', { miner: alice.address, windowId: 5n, jobId: Uint8Array.of(1, 2), layerRange: { start: 0, end: 3 }, encoding: 1, lossBits: 0x40000000, device: { name: 'sim' } }],
      ['/remes.remes.v1.MsgRevealAggregation', { proposer: alice.address, windowId: 1n, participants: [3n, 4n], salt: Uint8Array.of(9), result: { adapterCid: 'x', step: 4n } }],
      ['/cosmos.slashing.v1beta1.MsgUnjail', { validatorAddr: valoper }],
      ['/cosmos.gov.v1.MsgVote', { proposalId: 4n, voter: alice.address, option: 1, metadata: 'm' }],
      ['/cosmos.gov.v1.MsgSubmitProposal', { proposer: alice.address, initialDeposit: [coin], title: 't', summary: 's', messages: [msgSend(alice.address, bob.address, 5n)] }],
    ];
    for (const [typeUrl, value] of values) {
      const bytes = registry.encode({ typeUrl, value });
      const amino = types.toAmino({ typeUrl, value });
      expect(sortedJson({ ...aminoOfAny({ typeUrl, value: bytes }) })).toBe(sortedJson(amino as never));
      const back = types.fromAmino(JSON.parse(JSON.stringify(amino)) as AminoMsg);
      expect(Buffer.from(registry.encode(back)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
    }
  });
});

async function signAmino(c: TestChain, accounts: readonly TestAccount[], typeUrl: string, value: object): Promise<TestTxResult> {
  const bodyBytes = cosmjsRegistry.encodeTxBody({ messages: [{ typeUrl, value }], memo: 'a < b & c' });
  const states = await Promise.all(accounts.map((a) => c.accountState(a.address)));
  const authInfoBytes = makeAuthInfoBytes(
    accounts.map((a, i) => ({ pubkey: encodePubkey(encodeSecp256k1Pubkey(a.pubkey)), sequence: Number(states[i]?.sequence ?? 0n) })),
    FEE.amount, Number(FEE.gas), undefined, undefined, SignMode.SIGN_MODE_LEGACY_AMINO_JSON,
  );
  const signatures = await Promise.all(
    accounts.map(async (a, i) => {
      const wallet = await Secp256k1Wallet.fromKey(a.privkey, PREFIX);
      const doc = makeSignDoc([cosmjsAmino.toAmino({ typeUrl, value })], FEE, CHAIN_ID, 'a < b & c', (states[i]?.accountNumber ?? 0n).toString(), (states[i]?.sequence ?? 0n).toString());
      return Buffer.from((await wallet.signAmino(a.address, doc)).signature.signature, 'base64');
    }),
  );
  const tx = TxRaw.encode({ bodyBytes, authInfoBytes, signatures }).finish();
  const checked = await c.checkTx(tx);
  const [result] = (await c.block([tx], { force: true })).results;
  expect([result?.code, result?.log]).toEqual([checked.code, checked.log]);
  return result!;
}

describe('SIGN_MODE_LEGACY_AMINO_JSON', () => {
  it('of the real Amino wallet is accepted, and not for another memo', async () => {
    const c = await start();
    const result = await signAmino(c, [alice], '/cosmos.bank.v1beta1.MsgSend', { fromAddress: alice.address, toAddress: bob.address, amount: coins(5n) });
    expect([result.log, result.code]).toEqual(['', 0]);
    expect(await c.balance(bob.address)).toBe(10_000_005n);
    const again = decodeTx(await c.sign(alice, [msgSend(alice.address, bob.address, 1n)]));
    expect(() => aminoSignBytes({ ...again, body: { ...again.body, memo: 'other' } }, { chainId: CHAIN_ID, accountNumber: 0n, sequence: 1n })).toThrow(/canonical/);
  });

  it('of several senders of one MsgMultiSend are needed all', async () => {
    const c = await start();
    const value = {
      inputs: [{ address: alice.address, coins: coins(70n) }, { address: bob.address, coins: coins(30n) }],
      outputs: [{ address: members[0]!.address, coins: coins(80n) }, { address: members[1]!.address, coins: coins(20n) }],
    };
    const result = await signAmino(c, [alice, bob], '/cosmos.bank.v1beta1.MsgMultiSend', value);
    expect([result.log, result.code]).toEqual(['', 0]);
    expect([await c.balance(members[0]!.address), await c.balance(members[1]!.address)]).toEqual([80n, 20n]);
    expect((await signAmino(c, [alice], '/cosmos.bank.v1beta1.MsgMultiSend', value)).log).toMatch(/wrong number of signers; expected 2, got 1/);
    const uneven = message('/cosmos.bank.v1beta1.MsgMultiSend', MsgMultiSend, { ...value, outputs: value.outputs.slice(1) });
    expect((await c.deliver([alice, bob], [uneven])).log).toMatch(/expected inputs and outputs of the same sum, got 100uremes and 20uremes/);
    const none = message('/cosmos.bank.v1beta1.MsgMultiSend', MsgMultiSend, { inputs: value.inputs, outputs: [] });
    expect((await c.deliver([alice, bob], [none])).log).toMatch(/expected at least one input and one output, got 2 and 0/);
  });
});

describe('a multisig', () => {
  const pubkey = createMultisigThresholdPubkey(members.map((m) => encodeSecp256k1Pubkey(m.pubkey)), 2);
  const address = pubkeyToAddress(pubkey, PREFIX);

  async function signed(c: TestChain, who: readonly TestAccount[], change?: (tx: { bodyBytes: Uint8Array; authInfoBytes: Uint8Array; signatures: Uint8Array[] }) => void): Promise<Uint8Array> {
    const state = await c.accountState(address);
    const value = { fromAddress: address, toAddress: bob.address, amount: coins(11n) };
    const msg = { typeUrl: '/cosmos.bank.v1beta1.MsgSend', value };
    const bodyBytes = cosmjsRegistry.encodeTxBody({ messages: [msg], memo: '' });
    const signatures = new Map<string, Uint8Array>();
    for (const one of who) {
      const wallet = await Secp256k1Wallet.fromKey(one.privkey, PREFIX);
      const doc = makeSignDoc([cosmjsAmino.toAmino(msg)], FEE, CHAIN_ID, '', (state?.accountNumber ?? 0n).toString(), (state?.sequence ?? 0n).toString());
      signatures.set(one.address, Buffer.from((await wallet.signAmino(one.address, doc)).signature.signature, 'base64'));
    }
    const bytes = makeMultisignedTxBytes(pubkey, Number(state?.sequence ?? 0n), FEE, bodyBytes, signatures);
    if (change === undefined) return bytes;
    const tx = TxRaw.decode(bytes);
    change(tx);
    return TxRaw.encode(tx).finish();
  }

  async function funded(): Promise<TestChain> {
    const c = await start();
    await c.deliver(alice, [msgSend(alice.address, address, 1_000_000n)]);
    return c;
  }

  it('of two of three keys spends, and its key is known from then on', async () => {
    const c = await funded();
    for (const pair of [[0, 2], [1, 2], [0, 1, 2]]) {
      const tx = await signed(c, pair.map((i) => members[i]!));
      const checked = await c.checkTx(tx);
      expect([checked.log, checked.code]).toEqual(['', 0]);
      expect((await c.block([tx])).results[0]).toMatchObject({ code: 0 });
    }
    expect((await c.accountState(address))?.pubKey?.typeUrl).toBe('/cosmos.crypto.multisig.LegacyAminoPubKey');
    expect(await c.balance(bob.address)).toBe(10_000_033n);
  });

  it('pays gas for each signature', async () => {
    const c = await funded();
    const two = (await c.block([await signed(c, members.slice(0, 2))])).results[0]!.gasUsed;
    const again = (await c.block([await signed(c, members.slice(0, 2))])).results[0]!.gasUsed;
    const three = (await c.block([await signed(c, members)])).results[0]!.gasUsed;
    expect(again).not.toBe(0n);
    expect(three - again).toBeGreaterThan(1000n);
    expect(two).not.toBe(0n);
  });

  it('with too few signatures, wrong bits, a wrong signature or another key is refused', async () => {
    const c = await funded();
    const refused = async (tx: Uint8Array, code: number, log: RegExp) => {
      const checked = await c.checkTx(tx);
      expect([checked.codespace, checked.code]).toEqual(['sdk', code]);
      expect(checked.log).toMatch(log);
      expect((await c.block([tx], { force: true })).results[0]).toMatchObject({ code });
    };
    const info = (tx: { authInfoBytes: Uint8Array }, change: (info: AuthInfo['signerInfos'][number]) => void) => {
      const authInfo = AuthInfo.decode(tx.authInfoBytes);
      change(authInfo.signerInfos[0]!);
      tx.authInfoBytes = AuthInfo.encode(authInfo).finish();
    };
    const multi = (one: AuthInfo['signerInfos'][number]) => (one.modeInfo!.sum as { value: { bitarray: { elems: Uint8Array; extraBitsStored: number }; modeInfos: unknown[] } }).value;
    await refused(await signed(c, members.slice(0, 1)), 4, /expected signatures of at least 2 of 3 keys, got 1/);
    await refused(await signed(c, members, (tx) => info(tx, (one) => (multi(one).bitarray.elems = Uint8Array.of(0b11000000)))), 4, /2 bits are set; expected as many signatures and modes, got 3 and 3/);
    await refused(await signed(c, members, (tx) => info(tx, (one) => (multi(one).bitarray.extraBitsStored = 4))), 4, /expected a bit array of 3 bits for a multisig of 3 keys, got 4/);
    await refused(await signed(c, members, (tx) => (tx.signatures = [Uint8Array.of(255)])), 4, /signature 0 is no MultiSignature/);
    await refused(await signed(c, members.slice(0, 2), (tx) => (tx.signatures[0]![10]! ^= 1)), 4, /signature verification failed/);
    await refused(await signed(c, members, (tx) => info(tx, (one) => (one.modeInfo = { sum: { $case: 'single', value: { mode: AppSignMode.LEGACY_AMINO_JSON } } }))), 4, /expected the mode of a multisig, got the other/);
    await refused(await signed(c, members, (tx) => info(tx, (one) => (one.publicKey!.value = Uint8Array.of(8, 1)))), 8, /expected 1 to 20 keys, got 0/);
    const other = encodePubkey(createMultisigThresholdPubkey(members.map((m) => encodeSecp256k1Pubkey(m.pubkey)), 3));
    await refused(await signed(c, members, (tx) => info(tx, (one) => (one.publicKey = other))), 8, /does not match signer 0/);
    const many = Array.from({ length: 21 }, (_, i) => encodeSecp256k1Pubkey(testAccount(`m${i}`).pubkey));
    await refused(await signed(c, members, (tx) => info(tx, (one) => (one.publicKey = encodePubkey(createMultisigThresholdPubkey(many, 3))))), 8, /expected 1 to 20 keys, got 21/);
  });
});
