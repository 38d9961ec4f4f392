import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Tensor } from '../../../src/train/index.js';
import { nearestQuotient, ternarize, type Ternarized } from '../../../src/train/ternarize.js';
import { bf16, expectRejected, floats } from './helpers.js';
import { masterWeights, packed, plainTernary } from './masters.js';

/** @param cut bytes of a part, a multiple of every element's size. */
function run({ dtype, shape, bytes }: Tensor, cut = bytes.length): Promise<Ternarized> {
  const [out = 0, inFeatures = 0] = shape;
  async function* parts() {
    for (let at = 0; at < bytes.length; at += cut) yield await Promise.resolve(bytes.subarray(at, at + cut));
  }
  return ternarize({ what: 'file: tensor w', dtype: dtype as 'F32', shape: [out, inFeatures], parts });
}
function f16(halves: readonly number[], shape: readonly number[]): Tensor {
  return { dtype: 'F16', shape, bytes: new Uint8Array(Uint16Array.from(halves).buffer) };
}
/** w + 1 of [row, column]. */
function codeAt({ codes }: Ternarized, row: number, column: number, out: number, inFeatures: number): number {
  const quarter = out / 4;
  return ((codes[(row % quarter) * inFeatures + column] ?? 0) >> (2 * Math.floor(row / quarter))) & 3;
}

describe('a float matrix becomes ternary', () => {
  it.each([
    ['BF16', 4, 1],
    ['BF16', 8, 5],
    ['BF16', 16, 33],
    ['F32', 4, 3],
    ['F32', 12, 7],
    ['F32', 64, 40],
  ] as const)('%s [%d, %d]: as the plain implementation does it, in parts of any size', async (dtype, out, inFeatures) => {
    const values = masterWeights(out * inFeatures, out + inFeatures, dtype);
    const tensor = dtype === 'BF16' ? bf16(values, [out, inFeatures]) : floats(values, [out, inFeatures]);
    const { weights, inverse, scale } = plainTernary(values);
    expect(new Set(weights).size).toBeGreaterThan(1);
    for (const cut of [8, 24, tensor.bytes.length]) {
      const made = await run(tensor, cut);
      expect(made).toEqual({ codes: packed(weights, out, inFeatures).bytes, inverse, scale });
    }
  });

  it('reads f16, its subnormals included', async () => {
    // 1, −1, the smallest subnormal, −0: mean (2 + 2⁻²⁴) ÷ 4, in binary32 0.5 + 2⁻²⁶ rounded to 0.5.
    const made = await run(f16([0x3c00, 0xbc00, 0x0001, 0x8000], [4, 1]));
    expect(made.inverse).toBe(2);
    expect(made.scale).toBe(0.5);
    expect([0, 1, 2, 3].map((row) => codeAt(made, row, 0, 4, 1))).toEqual([2, 0, 1, 1]);
  });

  it('takes a half to 0, and what is just above it to 1', async () => {
    // The mean of the magnitudes is exactly 1: half of it is a tie.
    const above = 0.5 + 2 ** -23;
    const values = [0.5, -0.5, above, -above, 1, -1, 2.5 - above, 2.5 - above];
    expect(values.reduce((sum, x) => sum + Math.abs(x), 0)).toBe(8);
    const made = await run(floats(values, [8, 1]));
    expect(made.inverse).toBe(1);
    expect(values.map((_, row) => codeAt(made, row, 0, 8, 1) - 1)).toEqual([0, 0, 1, -1, 1, -1, 1, 1]);
  });

  it('is all zeros with the scale 1e-5 where all weights are 0', async () => {
    for (const tensor of [bf16(new Float32Array(8), [4, 2]), floats(new Float32Array(8).fill(-0), [4, 2]), f16(new Array<number>(8).fill(0), [4, 2])]) {
      const made = await run(tensor);
      expect([...made.codes]).toEqual([0x55, 0x55]);
      expect(made.inverse).toBe(Math.fround(1 / Math.fround(1e-5)));
      expect(made.scale).toBe(Math.fround(1 / made.inverse));
    }
  });

  it('sums magnitudes exactly where binary64 would lose the small ones', async () => {
    // 2^100 and 15 times 2^40: the mean is 2^96 + 15·2^36, of which binary32 keeps 2^96.
    const values = new Float32Array(16).fill(2 ** 40);
    values[3] = -(2 ** 100);
    const made = await run(floats(values, [4, 4]));
    expect(made.scale).toBe(2 ** 96);
    expect(codeAt(made, 0, 3, 4, 4)).toBe(0);
    expect(codeAt(made, 0, 0, 4, 4)).toBe(1);
    const most = 3.4028234663852886e38;
    const largest = await run(floats([most, most, -most, most], [4, 1]));
    expect(largest.inverse).toBe(Math.fround(1 / most));
    expect([0, 1, 2, 3].map((row) => codeAt(largest, row, 0, 4, 1))).toEqual([2, 2, 0, 2]);
  });

  it('does not depend on the order of the elements', async () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(i * 12.9898) * 10 ** ((i % 9) - 4)));
    const forward = await run(floats(values, [4, 16]));
    const backward = await run(floats(values.toReversed(), [4, 16]));
    expect(backward.inverse).toBe(forward.inverse);
  });

  it.each<[string, Tensor, string]>([
    ['NaN in bf16', bf16(new Float32Array(12).fill(NaN, 7, 8), [4, 3]), 'is NaN at [2, 1]'],
    ['infinity in bf16', bf16(new Float32Array(12).fill(-Infinity, 11, 12), [4, 3]), 'is -Infinity at [3, 2]'],
    ['NaN in f32', floats(new Float32Array(12).fill(NaN, 4, 5), [4, 3]), 'is NaN at [1, 1]'],
    ['infinity in f16', f16([0, 0, 0, 0x7c00], [4, 1]), 'is Infinity at [3, 0]'],
  ])('refuses %s by tensor and index', async (_what, tensor, says) => {
    await expectRejected(() => run(tensor, 8), 'file: tensor w', says, 'expected finite values');
  });
});

describe('the binary32 value nearest to a quotient', () => {
  const neighbours = (x: number): number[] => {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, x);
    const bits = view.getUint32(0);
    return [bits - 1, bits + 1].filter((b) => b >= 0).map((b) => {
      view.setUint32(0, b);
      return view.getFloat32(0);
    });
  };
  /** |x·2^149·d − n| of a binary32 x. */
  const miss = (x: number, n: bigint, d: bigint): bigint => {
    const units = BigInt(x * 2 ** 149) * d - n;
    return units < 0n ? -units : units;
  };

  it('has no neighbour that is nearer, and is even where two are as near', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 1n << 200n), fc.bigInt(1n, 1n << 40n), fc.integer({ min: 0, max: 190 }), (wide, d, cut) => {
        const n = wide >> BigInt(cut);
        const x = nearestQuotient(n, d);
        expect(Math.fround(x)).toBe(x);
        for (const other of neighbours(x)) expect(miss(other, n, d) >= miss(x, n, d)).toBe(true);
      }),
    );
  });

  it.each([
    [0n, 7n, 0],
    [1n, 1n, 2 ** -149],
    [1n, 2n, 0], // ties: to the even one
    [3n, 2n, 2 ** -148],
    [5n, 2n, 2 ** -148],
    [(1n << 25n) + 1n, 1n, 2 ** -124],
    [((1n << 24n) * 2n + 3n) << 124n, 1n, (2 ** 24 + 2) * 2 ** -24],
    [(1n << 25n) - 1n, 1n, 2 ** -124],
  ])('%d ÷ %d', (n, d, expected) => expect(nearestQuotient(n, d)).toBe(expected));
});
