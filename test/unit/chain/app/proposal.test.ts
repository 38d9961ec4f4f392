import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { GasMeter, KV_GAS, MeteredStore } from '../../../../src/chain/app/gas.js';
import { blockMaxBytes, blockMaxGas, packBlock, refusalOfTxs, sizeInBlock, type Limits } from '../../../../src/chain/app/proposal.js';
import type { ProposerTx } from '../../../../src/chain/module.js';
import { ConsensusParams } from '../../../../src/protocol/gen/tendermint/types/params.js';
import { Data } from '../../../../src/protocol/gen/tendermint/types/types.js';
import type { DecodedTx } from '../../../../src/protocol/tx.js';

const RESERVED = 0xff;
const BROKEN = 0xee;
const reserved = { matches: (tx: Uint8Array) => tx[0] === RESERVED } as ProposerTx;
/** The first byte of a transaction here is its gas. */
const decode = (tx: Uint8Array): DecodedTx | undefined =>
  tx[0] === BROKEN ? undefined : ({ authInfo: { fee: { gasLimit: BigInt(tx[0] ?? 0) } } } as unknown as DecodedTx);

const txs = fc.array(fc.tuple(fc.constantFrom(0, 1, 5, 9, RESERVED, BROKEN), fc.nat(300)).map(([gas, size]) => Uint8Array.of(gas, ...new Uint8Array(size))), { maxLength: 20 });
const limits = fc.record({ maxBytes: fc.bigInt({ min: 0n, max: 3000n }), maxGas: fc.bigInt({ min: -1n, max: 40n }) });

describe('the size of a transaction in a block', () => {
  it('is what the block’s encoding takes for it', () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_097_152]) {
      const tx = new Uint8Array(length);
      expect(sizeInBlock(tx)).toBe(BigInt(Data.encode({ txs: [tx] }).finish().length));
    }
  });
});

describe('a block that is packed', () => {
  const first = Uint8Array.of(RESERVED, 1, 2);

  it('is one that is accepted: within both limits, in order, the reserved transaction first and nowhere else', () => {
    fc.assert(
      fc.property(txs, limits, fc.boolean(), (list, bounds: Limits, hasFirst) => {
        const packed = packBlock(hasFirst ? first : undefined, list, bounds, reserved, decode);
        const rest = packed[0] === first ? packed.slice(1) : packed;
        expect(packed.reduce((sum, tx) => sum + sizeInBlock(tx), 0n) <= bounds.maxBytes).toBe(true);
        expect(refusalOfTxs(rest, bounds, reserved, decode)).toBeUndefined();
        let at = -1;
        for (const tx of rest) {
          const next = list.findIndex((other, i) => i > at && other === tx);
          expect(next).toBeGreaterThan(at);
          at = next;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('ends at the first transaction that does not fit, and passes over those that never will', () => {
    const of = (gas: number, size: number) => Uint8Array.of(gas, ...new Uint8Array(size));
    const [small, large, broken] = [of(1, 10), of(1, 90), of(BROKEN, 1)];
    expect(packBlock(undefined, [broken, large, small], { maxBytes: 100n, maxGas: -1n }, reserved, decode)).toEqual([large]);
    expect(packBlock(undefined, [of(1, 200), small], { maxBytes: 100n, maxGas: -1n }, reserved, decode)).toEqual([small]);
    expect(packBlock(undefined, [of(5, 1), of(9, 1), of(1, 1)], { maxBytes: 1000n, maxGas: 10n }, reserved, decode)).toEqual([of(5, 1)]);
    expect(packBlock(first, [], { maxBytes: 2n, maxGas: -1n }, reserved, decode)).toEqual([]);
  });
});

describe('a proposal is refused', () => {
  const bounds = { maxBytes: 100n, maxGas: 10n };
  it.each([
    ['with the proposer’s kind further on', [Uint8Array.of(1), Uint8Array.of(RESERVED)], /transaction 1 is of the proposer's kind/],
    ['with what cannot be decoded', [Uint8Array.of(BROKEN)], /transaction 0 is too large or cannot be decoded/],
    ['with too many bytes', [Uint8Array.of(1, ...new Uint8Array(99))], /expected at most 100 bytes of transactions, got 102/],
    ['with too much gas', [Uint8Array.of(9), Uint8Array.of(5)], /expected at most 10 gas, got 14/],
  ])('%s', (_what, list, why) => {
    expect(refusalOfTxs(list, bounds, reserved, decode)).toMatch(why);
  });

  it('by limits that default to CometBFT’s', () => {
    expect([blockMaxBytes(ConsensusParams.create()), blockMaxGas(ConsensusParams.create())]).toEqual([104_857_600n, -1n]);
    expect(blockMaxBytes(ConsensusParams.fromPartial({ block: { maxBytes: -1n, maxGas: 5n } }))).toBe(104_857_600n);
  });
});

describe('gas', () => {
  it('is charged for every access by its bytes, before what exceeds the limit happens', () => {
    const kept = new Map<string, Uint8Array>();
    const store = {
      get: (key: Uint8Array) => kept.get(key.join()),
      set: (key: Uint8Array, value: Uint8Array) => void kept.set(key.join(), value),
      delete: (key: Uint8Array) => void kept.delete(key.join()),
    };
    const meter = new GasMeter(10_000n);
    const metered = new MeteredStore(store, meter);
    metered.set(Uint8Array.of(1), new Uint8Array(9));
    expect(meter.used).toBe(KV_GAS.writeFlat + 10n * KV_GAS.writePerByte);
    metered.get(Uint8Array.of(1));
    expect(meter.used).toBe(2300n + KV_GAS.readFlat + 10n * KV_GAS.readPerByte);
    metered.delete(Uint8Array.of(1));
    expect(meter.used).toBe(3330n + KV_GAS.deleteFlat);
    expect(() => metered.set(Uint8Array.of(2), new Uint8Array(1000))).toThrow(/out of gas in write; gas wanted: 10000, used: 36360/);
    expect(kept.size).toBe(0);
    expect(() => meter.consume(-1n, 'nothing')).toThrow(/negative gas/);
  });
});
