// Accounts that are the same in every run, and what they sign.
import { createHash } from 'node:crypto';

import { toBech32 } from '@cosmjs/encoding';
import { ripemd160 } from '@noble/hashes/legacy.js';
import secp256k1 from 'secp256k1';

import { MsgSend } from '../../dist/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { PubKey } from '../../dist/protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { AuthInfo, TxBody, TxRaw } from '../../dist/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { directSignBytes } from '../../dist/protocol/tx.js';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const SIGN_MODE_DIRECT = 1;

/** @returns accounts with sequence 0; `number` is what the chain gives it. */
export function makeAccounts(count, prefix) {
  return Array.from({ length: count }, (_, i) => {
    const privkey = sha256(`r3mes bench account ${i}`);
    const pubkey = secp256k1.publicKeyCreate(privkey, true);
    return { privkey, pubkey, address: toBech32(prefix, ripemd160(sha256(pubkey))), number: 0n, sequence: 0n };
  });
}

export function sendMessage(from, to, denom) {
  const value = MsgSend.encode({ fromAddress: from.address, toAddress: to.address, amount: [{ denom, amount: '1' }] }).finish();
  return { typeUrl: '/cosmos.bank.v1beta1.MsgSend', value };
}

/** Signs in SIGN_MODE_DIRECT with the account's next sequence. */
export function sign(account, messages, { chainId, denom, fee, gas }) {
  const bodyBytes = TxBody.encode(TxBody.fromPartial({ messages })).finish();
  const publicKey = { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: PubKey.encode({ key: account.pubkey }).finish() };
  const signerInfos = [{ publicKey, modeInfo: { sum: { $case: 'single', value: { mode: SIGN_MODE_DIRECT } } }, sequence: account.sequence++ }];
  const authInfo = { signerInfos, fee: { amount: [{ denom, amount: fee.toString() }], gasLimit: gas } };
  const raw = { bodyBytes, authInfoBytes: AuthInfo.encode(AuthInfo.fromPartial(authInfo)).finish(), signatures: [] };
  const { signature } = secp256k1.ecdsaSign(sha256(directSignBytes(raw, chainId, account.number)), account.privkey);
  return TxRaw.encode({ ...raw, signatures: [signature] }).finish();
}
