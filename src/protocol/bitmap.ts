/** Bitmaps of attestation: bit i of byte ⌊i/8⌋, lowest bit first, is the window's gradient i. Unused bits are 0. */

export function bitmapOf(bits: readonly boolean[]): Uint8Array {
  const out = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    if (bit) out[i >> 3] = (out[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return out;
}

export function bitmapHas(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/** Whether `bitmap` has exactly the bytes that `count` bits need and no bit beyond them. */
export function isBitmapFor(bitmap: Uint8Array, count: number): boolean {
  if (bitmap.length !== Math.ceil(count / 8)) return false;
  const spare = bitmap.length * 8 - count;
  return spare === 0 || (bitmap.at(-1) ?? 0) >> (8 - spare) === 0;
}
