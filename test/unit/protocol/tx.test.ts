import { readFileSync } from 'node:fs';

import { DirectSecp256k1HdWallet, makeSignDoc } from '@cosmjs/proto-signing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { verifySignature } from '../../../src/chain/app/signature.js';
import { addressFromPubkey } from '../../../src/protocol/address.js';
import { fromHex, toHex } from '../../../src/protocol/bytes.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';
import { MsgSend } from '../../../src/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { AuthInfo, TxBody, TxRaw } from '../../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { sha256 } from '../../../src/protocol/hash.js';
import { decodeTx, directSignBytes, txHash } from '../../../src/protocol/tx.js';

interface Vectors {
  valid: {
    name: string;
    mnemonic: string;
    address: string;
    pubkey: string;
    chainId: string;
    accountNumber: string;
    sequence: string;
    gas: string;
    fee: string;
    memo: string;
    messages: number;
    signBytes: string;
    tx: string;
    hash: string;
  }[];
  invalid: { name: string; tx: string }[];
}

const vectors = JSON.parse(readFileSync('test/vectors/tx/direct.json', 'utf8')) as Vectors;

describe('transactions that cosmjs signed', () => {
  it.each(vectors.valid)('are read and verified: $name', (vector) => {
    const bytes = fromHex(vector.tx);
    const tx = decodeTx(bytes);
    expect(tx.body.memo).toBe(vector.memo);
    expect(tx.body.messages.map(({ typeUrl }) => typeUrl)).toEqual(Array(vector.messages).fill('/cosmos.bank.v1beta1.MsgSend'));
    expect(MsgSend.decode(tx.body.messages[0]!.value).fromAddress).toBe(vector.address);
    expect(tx.authInfo.signerInfos[0]!.sequence).toBe(BigInt(vector.sequence));
    expect(tx.authInfo.fee!.gasLimit).toBe(BigInt(vector.gas));
    const signBytes = directSignBytes(tx.raw, vector.chainId, BigInt(vector.accountNumber));
    expect(toHex(signBytes)).toBe(vector.signBytes);
    const pubkey = fromHex(vector.pubkey);
    expect(addressFromPubkey(pubkey)).toBe(vector.address);
    expect(verifySignature(pubkey, sha256(signBytes), tx.raw.signatures[0]!)).toBe(true);
    expect(verifySignature(pubkey, sha256(directSignBytes(tx.raw, 'other', BigInt(vector.accountNumber))), tx.raw.signatures[0]!)).toBe(false);
    expect(txHash(bytes)).toBe(vector.hash);
  });

  it('are the bytes that the wallet of the vectors signs today', async () => {
    const vector = vectors.valid[0]!;
    const wallet = await DirectSecp256k1HdWallet.fromMnemonic(vector.mnemonic, { prefix: 'remes' });
    const { raw } = decodeTx(fromHex(vector.tx));
    const signDoc = makeSignDoc(raw.bodyBytes, raw.authInfoBytes, vector.chainId, Number(vector.accountNumber));
    const { signature } = await wallet.signDirect(vector.address, signDoc);
    expect(Buffer.from(signature.signature, 'base64')).toEqual(Buffer.from(raw.signatures[0]!));
  });
});

describe('transactions are refused', () => {
  it.each(vectors.invalid)('$name', ({ tx }) => {
    expect(() => decodeTx(fromHex(tx))).toThrow(InvalidInputError);
    expect(() => decodeTx(fromHex(tx))).toThrow(/^not a transaction: /);
  });

  it('for any garbage, and never with another error', () => {
    const good = fromHex(vectors.valid[1]!.tx);
    const flipped = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, xor]) => {
      const bytes = good.slice();
      bytes[at]! ^= xor;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), flipped), (bytes) => {
        try {
          const tx = decodeTx(bytes);
          // What is accepted has this one encoding, or its hash could be changed without its signature.
          expect(TxRaw.encode(tx.raw).finish()).toEqual(new Uint8Array(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the parts of a transaction', () => {
  it('may be written with default values spelled out, as protobuf allows where they are signed', () => {
    const tx = decodeTx(fromHex(vectors.valid[0]!.tx));
    const bodyBytes = Buffer.concat([TxBody.encode(tx.body).finish(), Buffer.from([0x12, 0x00, 0x18, 0x00])]);
    const spelled = TxRaw.encode({ ...tx.raw, bodyBytes }).finish();
    expect(decodeTx(spelled).body).toEqual(tx.body);
    expect(AuthInfo.encode(tx.authInfo).finish()).toEqual(new Uint8Array(tx.raw.authInfoBytes));
  });
});
