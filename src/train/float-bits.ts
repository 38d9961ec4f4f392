/** Binary32 values rounded to bf16, to nearest, ties to even. */

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
