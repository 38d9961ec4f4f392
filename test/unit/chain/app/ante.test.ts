import { afterEach, describe, expect, it } from 'vitest';

import { moduleAddress } from '../../../../src/protocol/address.js';
import { AuthInfo, Tip, TxBody, TxRaw } from '../../../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { PubKey } from '../../../../src/protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { SignMode } from '../../../../src/protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import { CheckTxType } from '../../../../src/protocol/gen/tendermint/abci/types.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { directSignBytes } from '../../../../src/protocol/tx.js';
import { isPubkey, SignatureVerifier, verifySignature } from '../../../../src/chain/app/signature.js';
import { CHAIN_ID, msgSend, signDigest, signTx, TestChain, testAccount, type TestAccount } from '../../../app/harness.js';

const alice = testAccount('alice');
const bob = testAccount('bob');
const ORDER = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141');

let chain: TestChain;
afterEach(() => chain.close());

async function start(): Promise<void> {
  chain = await TestChain.start({ balances: { alice: 10_000_000n, bob: 1_000_000n } });
  await chain.block();
}

/** Neither the mempool nor a block takes it, both for the same reason; nothing of it stays. */
async function refused(tx: Uint8Array, code: number, log: RegExp): Promise<void> {
  const before = [await chain.balance(alice.address), await chain.accountState(alice.address)];
  const checked = await chain.checkTx(tx);
  expect([checked.codespace, checked.code]).toEqual(['sdk', code]);
  expect(checked.log).toMatch(log);
  const { results } = await chain.block([tx], { force: true });
  expect([results[0]?.codespace, results[0]?.code, results[0]?.log]).toEqual(['sdk', code, checked.log]);
  expect(results[0]?.events).toEqual([]);
  expect([await chain.balance(alice.address), await chain.accountState(alice.address)]).toEqual(before);
}

type Parts = { body: TxBody; authInfo: AuthInfo };

/** A transfer of alice, changed before or after it is signed. */
async function changed(change: (parts: Parts) => void, spoil: (signature: Uint8Array) => Uint8Array[] = (s) => [s], signer: TestAccount = alice): Promise<Uint8Array> {
  const raw = TxRaw.decode(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)]));
  const parts = { body: TxBody.decode(raw.bodyBytes), authInfo: AuthInfo.decode(raw.authInfoBytes) };
  change(parts);
  const unsigned = { bodyBytes: TxBody.encode(parts.body).finish(), authInfoBytes: AuthInfo.encode(parts.authInfo).finish(), signatures: [] };
  const signature = signDigest(signer, sha256(directSignBytes(unsigned, CHAIN_ID, 0n)));
  return TxRaw.encode({ ...unsigned, signatures: spoil(signature) }).finish();
}

const keep = (): void => undefined;
const fee = (p: Parts) => p.authInfo.fee!;
const info = (p: Parts) => p.authInfo.signerInfos[0]!;

describe('a transaction is refused', () => {
  it('that is none, or is larger than the limit', async () => {
    await start();
    await refused(Uint8Array.of(1, 2, 3), 2, /./);
    const large = await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)], { memo: 'x'.repeat(65_536) });
    await refused(large, 21, /expected a transaction of at most 65536 bytes, got \d+/);
  });

  it('with a low fee, none, several coins, another denom, another payer or a granter', async () => {
    await start();
    await refused(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)], { fee: 2_499n }), 13, /insufficient fee; got: 2499uremes required: 2500uremes/);
    await refused(await changed((p) => (p.authInfo.fee = undefined)), 11, /out of gas in the size of the transaction; gas wanted: 0, used: \d+/);
    await refused(await changed((p) => (fee(p).amount = [])), 13, /got: 0uremes required: 2500uremes/);
    await refused(await changed((p) => fee(p).amount.push({ denom: 'uremes', amount: '1' })), 13, /expected a fee of one coin of uremes, got 2 coins/);
    await refused(await changed((p) => (fee(p).amount = [{ denom: 'uatom', amount: '9999' }])), 18, /fee: expected denom uremes, got "uatom"/);
    await refused(await changed((p) => (fee(p).payer = bob.address)), 4, /expected the first signer \w+ to pay the fee, got payer/);
    await refused(await changed((p) => (fee(p).granter = bob.address)), 37, /fee grants are not supported/);
    await refused(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)], { fee: 10_000_001n }), 5, /smaller than 10000001uremes/);
  });

  it('with a sequence that was used or is not yet due, and with another account number or chain', async () => {
    await start();
    const send = [msgSend(alice.address, bob.address, 1n)];
    const first = await chain.sign(alice, send);
    expect((await chain.block([first])).results[0]?.code).toBe(0);
    await refused(first, 32, /account sequence mismatch, expected 1, got 0/);
    await refused(await chain.sign(alice, send, { sequence: 2n }), 32, /account sequence mismatch, expected 1, got 2/);
    await refused(await chain.sign(alice, send, { sequence: 1n, accountNumber: 7n }), 4, /verify account number \(0\), sequence \(1\) and chain-id \(r3mes-test\)/);
    await refused(await chain.sign(alice, send, { sequence: 1n, chainId: 'another-chain' }), 4, /signature verification failed/);
  });

  it('whose signature is high-S, of another length, of another key or of other bytes', async () => {
    await start();
    const highS = (signature: Uint8Array): Uint8Array[] => {
      const s = ORDER - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
      return [Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])];
    };
    await refused(await changed(keep, highS), 4, /signature verification failed.*s in its lower form/);
    await refused(await changed(keep, (s) => [s.subarray(1)]), 4, /must be 64 bytes/);
    await refused(await changed(keep, () => [new Uint8Array(64)]), 4, /signature verification failed/);
    await refused(await changed(keep, (s) => [s], bob), 4, /signature verification failed/);
    await refused(await changed(keep, (s) => [Uint8Array.from(s, (byte, i) => (i === 40 ? byte ^ 1 : byte))]), 4, /signature verification failed/);
  });

  it('without a signature, with too many, or with a key that is not its signer’s', async () => {
    await start();
    await refused(await changed(keep, () => []), 15, /expected 1, got 1 signer infos and 0 signatures/);
    await refused(await changed(keep, (s) => [s, s]), 4, /expected 1, got 1 signer infos and 2 signatures/);
    await refused(await changed((p) => (info(p).publicKey = undefined)), 8, /has not signed before: its public key must come/);
    const packed = (key: Uint8Array) => ({ typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: PubKey.encode({ key }).finish() });
    await refused(await changed((p) => (info(p).publicKey = packed(bob.pubkey))), 8, new RegExp(`public key of ${bob.address} does not match signer 0`));
    await refused(await changed((p) => (info(p).publicKey = packed(alice.pubkey.subarray(1)))), 8, /expected a compressed point of 33 bytes as public key of signer 0, got 32 bytes/);
    await refused(await changed((p) => (info(p).publicKey = { typeUrl: '/cosmos.crypto.ed25519.PubKey', value: new Uint8Array() })), 8, /expected a public key of type/);
    await refused(await changed((p) => (info(p).publicKey = { ...packed(alice.pubkey), value: Uint8Array.of(10, 99) })), 8, /public key of signer 0 cannot be decoded/);
    const many = Array.from({ length: 8 }, (_, i) => testAccount(`signer ${i}`));
    const txs = signTx(many.map((account) => ({ account, accountNumber: 0n, sequence: 0n })), many.map((a) => msgSend(a.address, bob.address, 1n)));
    await refused(txs, 14, /expected at most 7 signers, got 8/);
  });

  it('in another sign mode or of several keys', async () => {
    await start();
    const mode = (value: SignMode) => (p: Parts) => void (info(p).modeInfo = { sum: { $case: 'single', value: { mode: value } } });
    await refused(await changed(mode(SignMode.LEGACY_AMINO_JSON)), 4, /signature verification failed/); // it signed the SignDoc
    await refused(await changed(mode(SignMode.UNSPECIFIED)), 37, /got SIGN_MODE_UNSPECIFIED/);
    await refused(await changed(mode(SignMode.TEXTUAL)), 37, /got SIGN_MODE_TEXTUAL/);
    await refused(await changed((p) => (info(p).modeInfo = { sum: { $case: 'multi', value: { bitarray: undefined, modeInfos: [] } } })), 4, /expected the mode of one key, got the other/);
  });

  it('with no message, an unknown one, a malformed one, a long memo, an extension, a tip or too late', async () => {
    await start();
    await refused(await changed((p) => (p.body.messages = [])), 18, /expected at least one message, got none/);
    await refused(await changed((p) => (p.body.messages[0]!.typeUrl = '/cosmos.gov.v1.MsgVote')), 6, /no message type "\/cosmos.gov.v1.MsgVote" is known here/);
    await refused(await changed((p) => (p.body.messages[0]!.value = Uint8Array.of(255))), 18, /MsgSend: the bytes are no such message/);
    await refused(await changed((p) => (p.body.memo = 'ü'.repeat(129))), 12, /expected a memo of at most 256 bytes, got 258/);
    await refused(await changed((p) => (p.body.extensionOptions = [{ typeUrl: '/x.Y', value: new Uint8Array() }])), 31, /extension option \/x.Y is not known/);
    await refused(await changed((p) => (p.authInfo.tip = Tip.fromPartial({ tipper: bob.address }))), 37, /tips are not supported/);
    await refused(await changed((p) => (p.body.timeoutHeight = 1n)), 30, /height \d+ is above the transaction's timeout height 1/);
  });

  it('with too little gas for its form, or more than a block has', async () => {
    await start();
    await refused(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)], { gas: 1_000n }), 11, /out of gas in the size of the transaction; gas wanted: 1000, used: \d+/);
    await refused(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)], { gas: 2_000_000_001n, fee: 9_000_000n }), 41, /gas limit of at most 2000000000 \(one block\), got 2000000001/);
  });

  it('of an account that does not exist', async () => {
    await start();
    const nobody = testAccount('nobody');
    await refused(signTx([{ account: nobody, accountNumber: 0n, sequence: 0n }], [msgSend(nobody.address, bob.address, 1n)]), 9, /account \w+ does not exist .*send coins to it first/);
  });

  it('to a module, for no coins, or from an address that is none', async () => {
    await start();
    const result = await chain.deliver(alice, [msgSend(alice.address, moduleAddress('fee_collector'), 1n)]);
    expect([result.codespace, result.code]).toEqual(['sdk', 4]);
    expect(result.log).toMatch(/is a module's account and is not allowed to receive funds/);
    await refused(await chain.sign(alice, [msgSend(alice.address, bob.address, 0n)]), 18, /amount: expected an amount above 0, got 0/);
    await refused(await chain.sign(alice, [msgSend('remes1x', bob.address, 1n)]), 18, /expected an address of 44 characters/);
  });
});

describe('the key of an account', () => {
  it('need not come again, and stays the one that it signed with', async () => {
    await start();
    expect((await chain.deliver(alice, [msgSend(alice.address, bob.address, 1n)])).code).toBe(0);
    const raw = TxRaw.decode(await chain.sign(alice, [msgSend(alice.address, bob.address, 1n)]));
    const authInfo = AuthInfo.decode(raw.authInfoBytes);
    authInfo.signerInfos[0]!.publicKey = undefined;
    const unsigned = { bodyBytes: raw.bodyBytes, authInfoBytes: AuthInfo.encode(authInfo).finish(), signatures: [] };
    const signature = signDigest(alice, sha256(directSignBytes(unsigned, CHAIN_ID, 0n)));
    const tx = TxRaw.encode({ ...unsigned, signatures: [signature] }).finish();
    expect((await chain.checkTx(tx, CheckTxType.NEW)).code).toBe(0);
    expect((await chain.block([tx])).results[0]?.code).toBe(0);
  });
});

describe('a signature', () => {
  it('is checked at its edges before the library sees it, and remembered only where it is valid', async () => {
    await start();
    const digest = sha256(utf8('sign bytes'));
    const good = signDigest(alice, digest);
    expect(verifySignature(alice.pubkey, digest, good)).toBe(true);
    const edge = (r: bigint, s: bigint) => Buffer.from(r.toString(16).padStart(64, '0') + s.toString(16).padStart(64, '0'), 'hex');
    for (const bad of [edge(0n, 1n), edge(ORDER, 1n), edge(1n, 0n), edge(1n, ORDER / 2n + 1n), edge(1n, ORDER), new Uint8Array(63)]) {
      expect(verifySignature(alice.pubkey, digest, bad)).toBe(false);
    }
    expect(verifySignature(alice.pubkey, digest.subarray(1), good)).toBe(false);
    expect(isPubkey(Uint8Array.of(4, ...alice.pubkey.subarray(1)))).toBe(false);
    expect(isPubkey(new Uint8Array(33).fill(2, 0, 1))).toBe(false);

    const verifier = new SignatureVerifier();
    const bytes = utf8('sign bytes');
    expect(verifier.verifyAndRemember(bob.pubkey, bytes, good)).toBe(false);
    expect(verifier.verifyAndRemember(alice.pubkey, bytes, good)).toBe(true);
    expect(verifier.verifyAndRemember(alice.pubkey, bytes, good)).toBe(true);
    expect([verifier.verify(alice.pubkey, bytes, good), verifier.verify(alice.pubkey, bytes, good)]).toEqual([true, true]);
    expect(verifier.verify(bob.pubkey, bytes, good)).toBe(false);
  });
});
