import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Mempool, takeFitting, txSizeInBlock } from '../../../../src/chain/solo/mempool.js';
import type { MempoolTx } from '../../../../src/chain/solo/mempool.js';
import { orderByRole } from '../../../../src/chain/solo/ordering.js';
import { addressFromPubkey } from '../../../../src/protocol/address.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { PubKey } from '../../../../src/protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { SignMode } from '../../../../src/protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import { AuthInfo, TxBody, TxRaw } from '../../../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { Data } from '../../../../src/protocol/gen/tendermint/types/types.js';
import { sha256 } from '../../../../src/protocol/hash.js';

const pubkeys = [1, 2, 3, 4].map((n) => Uint8Array.from([2, ...new Uint8Array(32).fill(n)]));
const addresses = pubkeys.map(addressFromPubkey);

function entry(tx: Uint8Array, gasWanted = 1n): MempoolTx {
  return { tx, hash: sha256(tx), gasWanted };
}

function txOf(sender: number, sequence: bigint, memo = ''): MempoolTx {
  const publicKey = { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: PubKey.encode({ key: pubkeys[sender]! }).finish() };
  const authInfo = AuthInfo.fromPartial({ signerInfos: [{ publicKey, sequence, modeInfo: { sum: { $case: 'single', value: { mode: SignMode.DIRECT } } } }] });
  const raw = TxRaw.fromPartial({
    bodyBytes: TxBody.encode(TxBody.fromPartial({ memo })).finish(),
    authInfoBytes: AuthInfo.encode(authInfo).finish(),
    signatures: [new Uint8Array(64)],
  });
  return entry(TxRaw.encode(raw).finish());
}

describe('orderByRole', () => {
  const roles = [
    { role: 'verifiers', addresses: [addresses[2]!, addresses[1]!] },
    { role: 'miner', addresses: [addresses[0]!] },
  ];

  it('puts role, then sequence, then strangers, then what has no sender', () => {
    const junk = entry(utf8('junk'));
    const expected = [txOf(2, 4n), txOf(2, 10n), txOf(1, 0n), txOf(0, 2n), txOf(0, 3n), txOf(3, 0n), txOf(3, 1n), junk];
    expect(orderByRole([...expected].reverse(), roles)).toEqual(expected);
  });

  it('does not depend on the order of arrival', () => {
    const items = fc.uniqueArray(fc.tuple(fc.nat(3), fc.bigInt(0n, 20n), fc.string({ maxLength: 3 })), { selector: (x) => x.join(), maxLength: 12 });
    fc.assert(
      fc.property(items, fc.infiniteStream(fc.nat()), (list, keys) => {
        const txs = [...list.map(([sender, sequence, memo]) => txOf(sender, sequence, memo)), entry(utf8('a')), entry(utf8('b'))];
        const shuffled = txs.map((tx) => ({ tx, key: keys.next().value as number })).sort((a, b) => a.key - b.key).map(({ tx }) => tx);
        expect(orderByRole(shuffled, roles)).toEqual(orderByRole(txs, roles));
      }),
      { numRuns: 100 },
    );
  });
});

describe('Mempool', () => {
  it('knows the size that a transaction takes in a block', () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) {
      const tx = new Uint8Array(length);
      expect(txSizeInBlock(tx)).toBe(Data.encode({ txs: [tx] }).finish().length);
    }
  });

  it('takes the longest beginning that fits', () => {
    const entries = ['aa', 'bb', 'cc'].map((text) => entry(utf8(text), 5n));
    expect(takeFitting(entries, 100n, -1n)).toHaveLength(3);
    expect(takeFitting(entries, 8n, -1n)).toHaveLength(2);
    expect(takeFitting(entries, 7n, -1n)).toHaveLength(1);
    expect(takeFitting(entries, 100n, 10n)).toHaveLength(2);
    expect(takeFitting(entries, 100n, 0n)).toHaveLength(0);
  });

  it('counts places that are kept while a transaction is checked', () => {
    const mempool = new Mempool({ maxTxs: 2, maxBytes: 10, maxTxBytes: 10 });
    const first = mempool.reserve(utf8('first'));
    expect(() => mempool.reserve(utf8('longer'))).toThrow(/mempool is full: number of txs 1 \(max: 2\), total txs bytes 5 \(max: 10\)/);
    mempool.drop(first);
    mempool.drop(first);
    const again = mempool.reserve(utf8('longer'));
    mempool.admit({ tx: utf8('longer'), hash: again, gasWanted: 1n });
    expect([mempool.size, mempool.sizeBytes]).toEqual([1, 6]);
    mempool.remove(again);
    mempool.remove(again);
    expect([mempool.size, mempool.sizeBytes]).toEqual([0, 0]);
  });
});
