/** Binary32 values rounded to the narrower types of checkpoints, to nearest, ties to even. */

const one = new Float32Array(1);
const bits = new Uint32Array(one.buffer);

/** Bits of the bf16 nearest to a finite binary32 value. Beyond the largest it is infinite. */
export function bf16Bits(x: number): number {
  one[0] = x;
  const b = bits[0] ?? 0;
  return ((b + 0x7fff + ((b >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The bf16 nearest to a finite binary32 value. */
export function toBf16(x: number): number {
  bits[0] = bf16Bits(x) * 65_536;
  return one[0] ?? NaN;
}

/** The binary16 nearest to a finite binary32 value. */
export function toHalf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude >= 65_520) return x < 0 ? -Infinity : Infinity;
  // The spacing of binary16 at this magnitude; adding and subtracting rounds a quotient below 2^12 in binary64 exactly.
  const exponent = Math.max(magnitude === 0 ? -14 : Math.floor(Math.log2(magnitude)), -14);
  const unit = 2 ** (exponent - 10);
  return roundHalfEven(x / unit) * unit;
}

/** The nearest whole number, ties to even, of |x| < 2^51. */
function roundHalfEven(x: number): number {
  const magic = 2 ** 52 + 2 ** 51;
  return x + magic - magic;
}
