// Makes direct.json and wire.json with @cosmjs/proto-signing and cosmjs-types, which share no code with ours:
//   node test/vectors/tx/generate.js
// Signatures are deterministic (RFC 6979), so the files change only where the format does.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { Bip39, EnglishMnemonic, stringToPath } from '@cosmjs/crypto';
import { DirectSecp256k1HdWallet, Registry, encodePubkey, makeAuthInfoBytes, makeSignBytes, makeSignDoc } from '@cosmjs/proto-signing';
import { encodeSecp256k1Pubkey } from '@cosmjs/amino';
import cosmosAuth from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import cosmosAuthQuery from 'cosmjs-types/cosmos/auth/v1beta1/query';
import cosmosBankQuery from 'cosmjs-types/cosmos/bank/v1beta1/query';
import cosmosBankTx from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import cosmosTx from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import abci from 'cosmjs-types/tendermint/abci/types';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const here = import.meta.dirname;
const { TxRaw, TxBody } = cosmosTx;

/** BIP-39 words of fixed entropy; worth nothing. */
const mnemonicOf = (byte) => Bip39.encode(new Uint8Array(16).fill(byte)).toString();
const registry = new Registry([['/cosmos.bank.v1beta1.MsgSend', cosmosBankTx.MsgSend]]);
const send = (from, to, amount) => ({
  typeUrl: '/cosmos.bank.v1beta1.MsgSend',
  value: { fromAddress: from, toAddress: to, amount: [{ denom: 'uremes', amount }] },
});

async function wallet(byte) {
  const mnemonic = mnemonicOf(byte);
  void new EnglishMnemonic(mnemonic);
  const w = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, { prefix: 'remes', hdPaths: [stringToPath("m/44'/118'/0'/0/0")] });
  const [account] = await w.getAccounts();
  return { mnemonic, wallet: w, address: account.address, pubkey: account.pubkey };
}

async function signed({ signer, messages, memo = '', chainId, accountNumber, sequence, gas, fee, timeoutHeight }) {
  const bodyBytes = registry.encodeTxBody({ messages, memo, timeoutHeight });
  const authInfoBytes = makeAuthInfoBytes(
    [{ pubkey: encodePubkey(encodeSecp256k1Pubkey(signer.pubkey)), sequence }],
    fee === '0' ? [] : [{ denom: 'uremes', amount: fee }],
    gas,
    undefined,
    undefined,
  );
  const signDoc = makeSignDoc(bodyBytes, authInfoBytes, chainId, accountNumber);
  const { signature } = await signer.wallet.signDirect(signer.address, signDoc);
  const tx = TxRaw.encode({ bodyBytes, authInfoBytes, signatures: [Buffer.from(signature.signature, 'base64')] }).finish();
  return { tx, signBytes: makeSignBytes(signDoc) };
}

const alice = await wallet(1);
const bob = await wallet(2);

const cases = [
  { name: 'one MsgSend', messages: [send(alice.address, bob.address, '1000')], chainId: 'r3mes-test', accountNumber: 0, sequence: 0, gas: 200000, fee: '500' },
  { name: 'two messages, a memo beyond ASCII', messages: [send(alice.address, bob.address, '1'), send(alice.address, bob.address, '2')], memo: 'ödeme → 🙂', chainId: 'r3mes-test', accountNumber: 7, sequence: 41, gas: 300000, fee: '750' },
  { name: 'large numbers, a timeout height', messages: [send(alice.address, bob.address, '170141183460469231731687303715884105727')], chainId: 'r3mes-1', accountNumber: 9007199254740991, sequence: 9007199254740991, gas: 9007199254740991, fee: '170141183460469231731687303715884105727', timeoutHeight: 1n },
  { name: 'no fee', messages: [send(alice.address, alice.address, '1')], chainId: 'x', accountNumber: 1, sequence: 0, gas: 1, fee: '0' },
];

const valid = [];
for (const { name, ...rest } of cases) {
  const { tx, signBytes } = await signed({ signer: alice, ...rest });
  const { chainId, accountNumber, sequence, memo = '', gas, fee } = rest;
  valid.push({ name, mnemonic: alice.mnemonic, address: alice.address, pubkey: hex(alice.pubkey), chainId, accountNumber: `${accountNumber}`, sequence: `${sequence}`, gas: `${gas}`, fee, memo, messages: rest.messages.length, signBytes: hex(signBytes), tx: hex(tx), hash: hex(sha256(tx)).toUpperCase() });
}

const good = Buffer.from(valid[0].tx, 'hex');
const raw = TxRaw.decode(good);
const withBody = (bodyBytes) => TxRaw.encode({ ...raw, bodyBytes }).finish();
const withAuth = (authInfoBytes) => TxRaw.encode({ ...raw, authInfoBytes }).finish();
const field = (tag, bytes) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
const invalid = [
  { name: 'no bytes of protobuf', tx: 'ffffffff' },
  { name: 'text', tx: hex(Buffer.from('hello, chain')) },
  { name: 'cut off', tx: hex(good.subarray(0, good.length - 1)) },
  { name: 'trailing zero byte', tx: hex(Buffer.concat([good, Buffer.from([0])])) },
  { name: 'unknown field of the transaction', tx: hex(Buffer.concat([good, field(0x22, Buffer.from('x'))])) },
  { name: 'fields in another order', tx: hex(Buffer.concat([field(0x1a, raw.signatures[0]), TxRaw.encode({ ...raw, signatures: [] }).finish()])) },
  { name: 'a length in more bytes than it needs', tx: hex(Buffer.concat([good.subarray(0, 1), Buffer.from([good[1], good[2] | 0x80, 0]), good.subarray(3)])) },
  { name: 'unknown field of the body (unordered)', tx: hex(withBody(Buffer.concat([raw.bodyBytes, Buffer.from([0x20, 1])]))) },
  { name: 'memo of a wrong wire type', tx: hex(withBody(Buffer.concat([raw.bodyBytes, Buffer.from([0x10, 1])]))) },
  { name: 'unknown field of auth info', tx: hex(withAuth(Buffer.concat([raw.authInfoBytes, field(0x22, Buffer.from('x'))]))) },
  { name: 'body that ends within a field', tx: hex(withBody(raw.bodyBytes.subarray(0, raw.bodyBytes.length - 1))) },
  { name: 'body of another message', tx: hex(withBody(TxBody.encode(TxBody.fromPartial({ memo: 'x' })).finish().map((b) => b ^ 0x40))) },
];

writeFileSync(path.join(here, 'direct.json'), `${JSON.stringify({ version: 1, generator: 'test/vectors/tx/generate.js', source: '@cosmjs/proto-signing 0.39.0', valid, invalid }, null, 1)}\n`);

const time = { seconds: 1_700_000_000n, nanos: 5 };
const bytes = (length, start = 1) => Uint8Array.from({ length }, (_, i) => (i + start) & 255);
const params = {
  block: { maxBytes: 4194304n, maxGas: -1n },
  evidence: { maxAgeNumBlocks: 100000n, maxAgeDuration: { seconds: 172800n, nanos: 1 }, maxBytes: 1048576n },
  validator: { pubKeyTypes: ['ed25519'] },
  version: { app: 1n },
  abci: { voteExtensionsEnableHeight: 3n },
};
const event = { type: 'transfer', attributes: [{ key: 'amount', value: '5uremes', index: true }] };
const result = { code: 5, data: bytes(3), log: 'no', info: 'i', gasWanted: 200000n, gasUsed: 1n, events: [event], codespace: 'sdk' };
const any = { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: bytes(35) };
const coin = { denom: 'uremes', amount: '12345678901234567890' };

const samples = [
  ['tendermint.abci.RequestInfo', abci.RequestInfo, { version: '0.38.26', blockVersion: 11n, p2pVersion: 8n, abciVersion: '2.0.0' }],
  ['tendermint.abci.ResponseInfo', abci.ResponseInfo, { data: 'r3mes', version: '1', appVersion: 1n, lastBlockHeight: 9n, lastBlockAppHash: bytes(32) }],
  ['tendermint.abci.RequestInitChain', abci.RequestInitChain, { time, chainId: 'r3mes-1', consensusParams: params, validators: [{ pubKey: { ed25519: bytes(32) }, power: 10n }], appStateBytes: bytes(9), initialHeight: 1n }],
  ['tendermint.abci.ResponseInitChain', abci.ResponseInitChain, { consensusParams: params, validators: [], appHash: bytes(32) }],
  ['tendermint.abci.RequestCheckTx', abci.RequestCheckTx, { tx: bytes(5), type: 1 }],
  ['tendermint.abci.ResponseCheckTx', abci.ResponseCheckTx, result],
  ['tendermint.abci.RequestPrepareProposal', abci.RequestPrepareProposal, { maxTxBytes: 1000n, txs: [bytes(2), bytes(3)], localLastCommit: { round: 1, votes: [{ validator: { address: bytes(20), power: 3n }, voteExtension: bytes(2), extensionSignature: bytes(4), blockIdFlag: 2 }] }, misbehavior: [{ type: 1, validator: { address: bytes(20), power: 3n }, height: 4n, time, totalVotingPower: 9n }], height: 5n, time, nextValidatorsHash: bytes(32), proposerAddress: bytes(20) }],
  ['tendermint.abci.ResponsePrepareProposal', abci.ResponsePrepareProposal, { txs: [bytes(2), bytes(3)] }],
  ['tendermint.abci.RequestProcessProposal', abci.RequestProcessProposal, { txs: [bytes(2)], proposedLastCommit: { round: 0, votes: [] }, misbehavior: [], hash: bytes(32), height: 5n, time, nextValidatorsHash: bytes(32), proposerAddress: bytes(20) }],
  ['tendermint.abci.ResponseProcessProposal', abci.ResponseProcessProposal, { status: 2 }],
  ['tendermint.abci.RequestFinalizeBlock', abci.RequestFinalizeBlock, { txs: [bytes(2), bytes(300)], decidedLastCommit: { round: 2, votes: [{ validator: { address: bytes(20), power: 3n }, blockIdFlag: 3 }] }, misbehavior: [], hash: bytes(32), height: 5n, time, nextValidatorsHash: bytes(32), proposerAddress: bytes(20) }],
  ['tendermint.abci.ResponseFinalizeBlock', abci.ResponseFinalizeBlock, { events: [event], txResults: [result, { code: 0, data: bytes(0), log: '', info: '', gasWanted: 1n, gasUsed: 1n, events: [], codespace: '' }], validatorUpdates: [{ pubKey: { secp256k1: bytes(33) }, power: 0n }], consensusParamUpdates: params, appHash: bytes(32) }],
  ['tendermint.abci.ResponseCommit', abci.ResponseCommit, { retainHeight: 4n }],
  ['tendermint.abci.RequestQuery', abci.RequestQuery, { data: bytes(3), path: '/cosmos.bank.v1beta1.Query/Balance', height: 4n, prove: true }],
  ['tendermint.abci.ResponseQuery', abci.ResponseQuery, { code: 22, log: 'no', info: 'i', index: -1n, key: bytes(2), value: bytes(3), proofOps: { ops: [{ type: 'ics23:iavl', key: bytes(2), data: bytes(3) }] }, height: 7n, codespace: 'sdk' }],
  ['cosmos.auth.v1beta1.BaseAccount', cosmosAuth.BaseAccount, { address: alice.address, pubKey: any, accountNumber: 3n, sequence: 18446744073709551615n }],
  ['cosmos.auth.v1beta1.QueryAccountResponse', cosmosAuthQuery.QueryAccountResponse, { account: any }],
  ['cosmos.bank.v1beta1.MsgSend', cosmosBankTx.MsgSend, { fromAddress: alice.address, toAddress: bob.address, amount: [coin] }],
  ['cosmos.bank.v1beta1.QueryBalanceResponse', cosmosBankQuery.QueryBalanceResponse, { balance: coin }],
  ['cosmos.bank.v1beta1.QueryAllBalancesResponse', cosmosBankQuery.QueryAllBalancesResponse, { balances: [coin], pagination: { nextKey: bytes(2), total: 1n } }],
];
const wire = samples.map(([message, type, value]) => ({ message, bytes: hex(type.encode(type.fromPartial(value)).finish()) }));
writeFileSync(path.join(here, 'wire.json'), `${JSON.stringify({ version: 1, generator: 'test/vectors/tx/generate.js', source: 'cosmjs-types 0.11.0', valid: wire }, null, 1)}\n`);
