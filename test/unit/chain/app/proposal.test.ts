import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { GasMeter, KV_GAS, MeteredStore } from '../../../../src/chain/app/gas.js';
import { blockMaxBytes, blockMaxGas, packBlock, refusalOfTxs, sizeInBlock, TURN, type Candidate, type Limits } from '../../../../src/chain/app/proposal.js';
import type { ProposerTx } from '../../../../src/chain/module.js';
import { ConsensusParams } from '../../../../src/protocol/gen/tendermint/types/params.js';
import { Data } from '../../../../src/protocol/gen/tendermint/types/types.js';
import type { DecodedTx } from '../../../../src/protocol/tx.js';

const RESERVED = 0xff;
const BROKEN = 0xee;
const reserved = { matches: (tx: Uint8Array) => tx[0] === RESERVED } as ProposerTx;
/** The first byte of a transaction here is its gas, the second its signer, the third the signer's sequence. */
const inspect = (tx: Uint8Array): Candidate | undefined =>
  tx[0] === BROKEN ? undefined : { gas: BigInt(tx[0] ?? 0), signers: [`signer ${tx[1] ?? 0}`], sequence: BigInt(tx[2] ?? 0) };
const decode = (tx: Uint8Array): DecodedTx | undefined =>
  tx[0] === BROKEN ? undefined : ({ authInfo: { fee: { gasLimit: BigInt(tx[0] ?? 0) } } } as unknown as DecodedTx);

const signed = fc.array(
  fc.tuple(fc.constantFrom(0, 1, 5, 9, RESERVED, BROKEN), fc.nat(3), fc.nat(300)).map(([gas, signer, size]) => [gas, signer, size] as const),
  { maxLength: 40 },
).map((list) => list.map(([gas, signer, size], i) => Uint8Array.of(gas, signer, i, ...new Uint8Array(size))));
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

  it('is one that is accepted: within both limits, the reserved transaction first and nowhere else, nothing twice, each signer’s in sequence without a gap', () => {
    fc.assert(
      fc.property(signed, limits, fc.boolean(), (list, bounds: Limits, hasFirst) => {
        const packed = packBlock(hasFirst ? first : undefined, list, bounds, reserved, inspect);
        const rest = packed[0] === first ? packed.slice(1) : packed;
        expect(packed.reduce((sum, tx) => sum + sizeInBlock(tx), 0n) <= bounds.maxBytes).toBe(true);
        expect(refusalOfTxs(rest, bounds, reserved, decode)).toBeUndefined();
        expect(new Set(rest).size).toBe(rest.length);
        for (const signer of [0, 1, 2, 3]) {
          const of = (txs: readonly Uint8Array[]) => txs.filter((tx) => tx[1] === signer && tx[0] !== RESERVED && tx[0] !== BROKEN);
          const possible = of(list).filter((tx) => sizeInBlock(tx) <= bounds.maxBytes && (bounds.maxGas < 0n || BigInt(tx[0]!) <= bounds.maxGas));
          const taken = of(rest);
          expect(taken).toEqual(possible.sort((a, b) => a[2]! - b[2]!).slice(0, taken.length));
        }
      }),
      { numRuns: 300 },
    );
  });

  const of = (gas: number, size: number, signer = 0, sequence = 0) => Uint8Array.of(gas, signer, sequence, ...new Uint8Array(size));
  const pack = (list: readonly Uint8Array[], maxBytes: bigint, maxGas = -1n, withFirst?: Uint8Array) => packBlock(withFirst, list, { maxBytes, maxGas }, reserved, inspect);

  it('holds all that fits, in the order of the mempool where nobody sends more than a turn’s', () => {
    const list = [of(1, 9, 2), of(1, 9, 1), of(1, 9, 3), of(1, 9, 1, 1)];
    expect(pack(list, 1000n)).toEqual(list);
    const flood = Array.from({ length: 50 }, (_, i) => of(1, 9, 1, i));
    expect(pack(flood, 10_000n)).toEqual(flood);
  });

  it('gives everybody a turn before anybody has a second one', () => {
    const flood = Array.from({ length: 20 }, (_, i) => of(1, 9, 1, i));
    const others = [2, 3, 4].map((signer) => of(1, 9, signer));
    const roomFor = (count: number) => BigInt(count) * sizeInBlock(flood[0]!);
    expect(pack([...flood, ...others], roomFor(TURN + 3))).toEqual([...flood.slice(0, TURN), ...others]);
    expect(pack([...flood, ...others], roomFor(TURN + 5))).toEqual([...flood.slice(0, TURN), ...others, ...flood.slice(TURN, TURN + 2)]);
  });

  it('goes on past what does not fit, but not with the same signer, and passes over those that never will', () => {
    const [large, next, other, broken] = [of(1, 90, 1, 0), of(1, 10, 1, 1), of(1, 10, 2), of(BROKEN, 1)];
    expect(pack([of(1, 20, 3), broken, large, next, other], 110n)).toEqual([of(1, 20, 3), other]);
    expect(pack([of(1, 200, 1), other], 110n)).toEqual([other]);
    expect(pack([of(5, 1, 1), of(9, 1, 2), of(1, 1, 2, 1), of(1, 1, 3)], 1000n, 10n)).toEqual([of(5, 1, 1), of(1, 1, 3)]);
    expect(pack([], 2n, -1n, first)).toEqual([]);
  });

  it('puts a sender’s transactions in the order of their sequences', () => {
    const [a, b, c, other] = [of(1, 1, 1, 7), of(1, 1, 1, 8), of(1, 1, 1, 9), of(1, 1, 2)];
    expect(pack([c, other, a, b], 1000n)).toEqual([a, other, b, c]);
  });

  it('keeps the order of everybody who signs a transaction of several', () => {
    const signers = new Map([
      ['both', ['x', 'y']],
      ['after', ['y']],
    ]);
    const text = (tx: Uint8Array) => Buffer.from(tx).toString();
    const list = [...Array.from({ length: TURN }, () => 'x'), 'both', 'after'].map((name) => new Uint8Array(Buffer.from(name)));
    const many = packBlock(undefined, list, { maxBytes: 1000n, maxGas: -1n }, undefined, (tx) => ({ gas: 1n, signers: signers.get(text(tx)) ?? ['x'], sequence: 0n }));
    expect(many.map(text)).toEqual(['x', 'x', 'x', 'x', 'both', 'after']);
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
    expect(meter.used).toBe(BigInt(KV_GAS.writeFlat + 10 * KV_GAS.writePerByte));
    metered.get(Uint8Array.of(1));
    expect(meter.used).toBe(2300n + BigInt(KV_GAS.readFlat + 10 * KV_GAS.readPerByte));
    metered.delete(Uint8Array.of(1));
    expect(meter.used).toBe(3330n + BigInt(KV_GAS.deleteFlat));
    expect(() => metered.set(Uint8Array.of(2), new Uint8Array(1000))).toThrow(/out of gas in write; gas wanted: 10000, used: 36360/);
    expect(kept.size).toBe(0);
    expect(() => meter.consume(-1n, 'nothing')).toThrow(/negative gas/);
  });

  it('counts as one big number would, below and above what a number holds', () => {
    const small = fc.integer({ min: 0, max: 5_000_000 }).map((amount) => ({ small: true, amount: BigInt(amount) }));
    const large = fc.bigInt({ min: 0n, max: 2n ** 64n }).map((amount) => ({ small: false, amount }));
    const limit = fc.oneof(fc.bigInt({ min: 0n, max: 20_000_000n }), fc.bigInt({ min: 0n, max: 2n ** 63n }), fc.constantFrom(2n ** 50n - 1n, 2n ** 50n, 2n ** 50n + 1n));
    fc.assert(
      fc.property(limit, fc.array(fc.oneof({ weight: 5, arbitrary: small }, { weight: 1, arbitrary: large }), { maxLength: 30 }), (bound, charges) => {
        const meter = new GasMeter(bound);
        let used = 0n;
        for (const { small: isSmall, amount } of charges) {
          used += amount;
          const charge = () => {
            if (isSmall) meter.consumeSmall(Number(amount), 'a test');
            else meter.consume(amount, 'a test');
          };
          if (used > bound) expect(charge).toThrow(`out of gas in a test; gas wanted: ${bound}, used: ${used}`);
          else charge();
          expect(meter.used).toBe(used);
        }
      }),
      { numRuns: 500 },
    );
  });
});
