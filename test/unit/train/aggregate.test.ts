import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { trimmedMean } from '../../../src/native/index.js';
import { adapterLayout, aggregate, readAdapter, readOptimizer, type Adapter, type AggregateInput, type AggregateResult, type OptimizerSettings } from '../../../src/train/index.js';
import { expectRejected, random, SMALL } from './helpers.js';
import { aggregateAnew, bigToFloat, divideHalfEven, normOf } from './second-aggregate.js';

const LAYOUT = adapterLayout({ ...SMALL, layers: 1 }, { rank: 1, alpha: 2, targets: ['q_proj', 'v_proj'] });
const SETTINGS: OptimizerSettings = { learningRate: 2e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };

function vector(seed: number, scale = 1, size = LAYOUT.size): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: size }, () => (next() - 0.5) * scale);
}
const ADAPTER: Adapter = { layout: LAYOUT, values: vector(1) };
const gradients = (n: number, scale = 0.1): Float32Array[] => Array.from({ length: n }, (_, i) => vector(100 + i, scale * (1 + i)));
const run = (changes: Partial<AggregateInput> = {}): Promise<AggregateResult> => aggregate({ adapter: ADAPTER, step: 0n, settings: SETTINGS, gradients: gradients(3), ...changes });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** H("aggregate", …) and H("norms", …) of docs/protocol.md, written anew. */
function h(tag: string, fields: readonly (Buffer | string | number)[]): string {
  const hash = createHash('sha256');
  for (const field of [`r3mes/v1/${tag}`, ...fields]) {
    const bytes = typeof field === 'number' ? Buffer.from(BigInt(field).toString(16).padStart(16, '0'), 'hex') : Buffer.from(field as string);
    hash.update(Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex')).update(bytes);
  }
  return hash.digest('hex');
}
function meansHash(mean: readonly number[]): string {
  const bytes = Buffer.from(Int32Array.from(mean).buffer);
  return h('aggregate', [LAYOUT.slots.length, ...LAYOUT.slots.flatMap(({ name, shape, offset }) => [name, 2, shape[0], shape[1], bytes.subarray(4 * offset, 4 * (offset + shape[0] * shape[1]))])]);
}
function normsHash(norms: readonly number[]): string {
  const bits = norms.map((norm) => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatBE(norm);
    return bytes;
  });
  return h('norms', [norms.length, ...bits]);
}

describe('an aggregation', () => {
  it.each([1, 2, 3, 5, 10])('of %d gradients is what a second implementation computes, over three steps', async (n) => {
    let adapter = ADAPTER;
    let optimizer: AggregateInput['optimizer'];
    for (let step = 0; step < 3; step++) {
      const given = gradients(n, [1e-6, 0.1, 30][step]);
      const seen = await run({ adapter, step: BigInt(step), gradients: given, ...(optimizer === undefined ? {} : { optimizer }) });
      const expected = aggregateAnew(adapter.values, optimizer, step + 1, SETTINGS, given);
      expect(seen.norms).toEqual(expected.norms);
      expect(hex(seen.aggregateHash)).toBe(meansHash(expected.mean));
      expect(hex(seen.normsDigest)).toBe(normsHash(expected.norms));
      expect([...seen.adapter.values]).toEqual(expected.parameters);
      expect([...seen.optimizer.firstMoment]).toEqual(expected.firstMoment);
      expect([...seen.optimizer.secondMoment]).toEqual(expected.secondMoment);
      expect(seen.step).toBe(BigInt(step + 1));
      ({ adapter, optimizer } = seen);
    }
  });

  it('is what a second implementation computes, whatever the numbers', async () => {
    const number = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e15), max: Math.fround(1e15) }), fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e-3), max: Math.fround(1e-3) }), fc.constant(0));
    const one = fc.array(number, { minLength: LAYOUT.size, maxLength: LAYOUT.size }).map((v) => Float32Array.from(v));
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 7 }), fc.constantFrom(1e-3, 1, 1e6), fc.integer({ min: 1, max: 5000 }), async (given, clipNorm, step) => {
        const settings = { ...SETTINGS, clipNorm };
        const optimizer = { firstMoment: vector(5, 1e-3), secondMoment: vector(6, 1e-3).map(Math.abs) };
        const seen = await run({ settings, optimizer, step: BigInt(step - 1), gradients: given });
        const expected = aggregateAnew(ADAPTER.values, optimizer, step, settings, given);
        expect(seen.norms).toEqual(expected.norms);
        expect(hex(seen.aggregateHash)).toBe(meansHash(expected.mean));
        expect([...seen.adapter.values]).toEqual(expected.parameters);
        expect([...seen.optimizer.secondMoment]).toEqual(expected.secondMoment);
      }),
      { numRuns: 100 },
    );
  });

  it('gives everybody the same bytes, whatever the order of the gradients; only the digest of norms follows it', async () => {
    const inOrder = await run({ gradients: gradients(5) });
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), async (order) => {
        const all = gradients(5);
        const seen = await run({ gradients: order.map((i) => all[i]!) });
        expect(seen.adapterFile).toEqual(inOrder.adapterFile);
        expect(seen.optimizerFile).toEqual(inOrder.optimizerFile);
        expect(seen.aggregateHash).toEqual(inOrder.aggregateHash);
        expect(seen.norms).toEqual(order.map((i) => inOrder.norms[i]));
        expect(hex(seen.normsDigest) === hex(inOrder.normsDigest)).toBe(order.every((at, i) => at === i));
      }),
      { numRuns: 100 },
    );
  });

  it('writes files that are read as the next state', async () => {
    const seen = await run();
    expect(readAdapter(seen.adapterFile, { ...SMALL, layers: 1 }, LAYOUT.lora)).toEqual(seen.adapter);
    expect(readOptimizer(seen.optimizerFile, LAYOUT)).toEqual(seen.optimizer);
  });

  it('leaves what it was given as it was', async () => {
    const given = gradients(3);
    const before = given.map((g) => [...g]);
    await run({ gradients: given });
    expect(given.map((g) => [...g])).toEqual(before);
    expect([...ADAPTER.values]).toEqual([...vector(1)]);
  });

  it('counts its steps, as far as the engine can', async () => {
    expect((await run({ step: 41n })).step).toBe(42n);
    expect((await run({ step: 2n ** 31n - 2n })).step).toBe(2n ** 31n - 1n);
    await expectRejected(() => run({ step: 2n ** 31n - 1n }), 'has made 2147483647 steps, expected fewer than 2147483647');
    await expect(run({ step: -1n })).rejects.toMatchObject({ code: 'BAD_VALUE', message: expect.stringMatching(/step is 0/) as string });
  });

  it('of nothing, of other sizes, of NaN or without settings that make sense is refused', async () => {
    await expectRejected(() => run({ gradients: [] }), 'no gradients');
    await expect(run({ gradients: [vector(1), vector(2, 1, LAYOUT.size + 1)] })).rejects.toMatchObject({ code: 'BAD_SHAPE' });
    await expect(run({ gradients: [vector(2, 1, 3)] })).rejects.toMatchObject({ code: 'BAD_SHAPE' });
    await expect(run({ gradients: [vector(1).fill(NaN, 4, 5)] })).rejects.toMatchObject({ code: 'NOT_FINITE' });
    await expect(run({ gradients: [vector(1).fill(2e19, 4, 5)] })).rejects.toMatchObject({ code: 'OVERFLOW' });
    await expect(run({ optimizer: { firstMoment: vector(1), secondMoment: vector(1).fill(-1) } })).rejects.toMatchObject({ code: 'BAD_VALUE' });
    for (const changes of [{ clipNorm: 0 }, { learningRate: -1 }, { beta1: 1 }, { beta2: -0.1 }, { epsilon: 0 }, { weightDecay: -1 }]) {
      await expect(run({ settings: { ...SETTINGS, ...changes } })).rejects.toMatchObject({ code: 'BAD_VALUE' });
    }
  });
});

describe('the trimmed mean', () => {
  it('is not moved beyond the honest values by one that lies, among three or more', async () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1, max: 1 });
    const honest = fc.array(fc.array(value, { minLength: 4, maxLength: 4 }), { minLength: 2, maxLength: 9 });
    const lie = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(honest, lie, fc.nat(), async (others, liar, place) => {
        const all = [...others];
        all.splice(place % (others.length + 1), 0, liar);
        const mean = await trimmedMean(all.map((v) => Float32Array.from(v)));
        for (let i = 0; i < 4; i++) {
          const units = others.map((v) => Math.fround(v[i]!) * 2 ** 30);
          expect(mean[i]).toBeGreaterThanOrEqual(Math.floor(Math.min(...units)));
          expect(mean[i]).toBeLessThanOrEqual(Math.ceil(Math.max(...units)));
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [[1, 2], 2],
    [[1, 4], 2],
    [[-1, -2], -2],
    [[-1, 2], 0],
    [[3, 4], 4],
    [[7], 7],
    [[-100, 5, 9_000], 5],
    [[1, 2, 3, 100], 2],
    [[0, 1, 1, 2, 100], 1],
    [[-9, -9, 1, 1, 1, 2, 2, 2, 99, 99], 2],
    [[-9, -9, 1, 1, 1, 2, 2, 1, 99, 99], 1],
  ])('of %j units is %d: ties go to the even one', async (units, expected) => {
    expect([...(await trimmedMean(units.map((u) => Float32Array.of(u * 2 ** -30))))]).toEqual([expected]);
  });

  it('holds what is beyond its range at the end of it', async () => {
    expect([...(await trimmedMean([Float32Array.of(2, -2, 3e38)]))]).toEqual([2 ** 31 - 1, -(2 ** 31) + 1, 2 ** 31 - 1]);
  });
});

describe('the second implementation', () => {
  it('rounds as binary32 does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 53n }), (n) => {
        expect(bigToFloat(n)).toBe(Math.fround(Number(n)));
      }),
      { numRuns: 300 },
    );
    expect(bigToFloat(2n ** 60n + 2n ** 36n + 1n)).toBe(2 ** 60 + 2 ** 37);
    expect(divideHalfEven(-3n, 2n)).toBe(-2n);
    expect(divideHalfEven(5n, 2n)).toBe(2n);
    expect(normOf(Float32Array.of(3, 4))).toBe(5);
    expect(normOf(Float32Array.of(0, 0))).toBe(0);
  });
});
