/**
 * Ternary weights from float ones, as BitNet's online mode makes them (docs/arithmetic.md §1.5): absmean, but with an exact
 * sum, so that whoever has the master gets the same bytes. Reads the tensor twice, in parts.
 */
import { InvalidInputError } from '../protocol/errors.js';
import { fromHalf, type Dtype } from './safetensors.js';

export type MasterDtype = 'F32' | 'BF16' | 'F16';

/** A float matrix [out, in] that can be read more than once. */
export interface MasterMatrix {
  /** For messages: file and tensor. */
  readonly what: string;
  readonly dtype: MasterDtype;
  readonly shape: readonly [out: number, inFeatures: number];
  /** Its bytes from the start, in parts of whole elements. */
  parts(): AsyncIterable<Uint8Array>;
}

export interface Ternarized {
  /** As `TernaryMatrix.codes`. */
  readonly codes: Uint8Array;
  /** 1 ÷ max(absmean, 1e-5): what a weight is multiplied by before it is rounded; legacy `bitlinear` keeps this one. */
  readonly inverse: number;
  /** 1 ÷ inverse: multiplies the product (`autobitlinear`). */
  readonly scale: number;
}

const LEAST_MEAN = Math.fround(1e-5);
const MAGNITUDES = 0x8000;

export function isMasterDtype(dtype: Dtype): dtype is MasterDtype {
  return dtype === 'F32' || dtype === 'BF16' || dtype === 'F16';
}

function aligned<T>(bytes: Uint8Array, elementBytes: number, view: (buffer: ArrayBufferLike, offset: number, count: number) => T): T {
  const own = bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
  return view(own.buffer, own.byteOffset, own.length / elementBytes);
}

function halves(bytes: Uint8Array): Uint16Array {
  return aligned(bytes, 2, (buffer, offset, count) => new Uint16Array(buffer, offset, count));
}

function words(bytes: Uint8Array): Uint32Array {
  return aligned(bytes, 4, (buffer, offset, count) => new Uint32Array(buffer, offset, count));
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Bits of binary32 of the bf16 or f16 with these bits. */
function widenedBits(half: number, dtype: MasterDtype): number {
  if (dtype === 'BF16') return half * 65_536;
  scratch[0] = fromHalf(half);
  return scratchBits[0] ?? 0;
}

/** |x| in units of 2⁻¹⁴⁹, of the bits of a finite x. */
function units(bits: number): bigint {
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  return exponent === 0 ? BigInt(fraction) : BigInt(fraction | 0x800000) << BigInt(exponent - 1);
}

function bitLength(n: bigint): number {
  return n === 0n ? 0 : n.toString(2).length;
}

/** The binary32 value nearest to n ÷ d · 2⁻¹⁴⁹, ties to even. */
export function nearestQuotient(n: bigint, d: bigint): number {
  const shift = Math.max(0, bitLength(n / d) - 24);
  const unit = d << BigInt(shift);
  const floor = n / unit;
  const twice = 2n * (n % unit);
  const isUp = twice > unit || (twice === unit && floor % 2n === 1n);
  return Number(isUp ? floor + 1n : floor) * 2 ** (shift - 149);
}

function refuseNonFinite(matrix: MasterMatrix, element: number, bits: number): never {
  scratchBits[0] = bits;
  const value = scratch[0] ?? NaN;
  const [, width] = matrix.shape;
  throw new InvalidInputError(`${matrix.what} is ${value} at [${Math.floor(element / width)}, ${element % width}], expected finite values`);
}

/** Σ|w| in units of 2⁻¹⁴⁹ of 16-bit floats: there are only 32,768 magnitudes to count. */
async function sumOfHalves(matrix: MasterMatrix): Promise<bigint> {
  const counts = new Float64Array(MAGNITUDES);
  const limit = matrix.dtype === 'BF16' ? 0x7f80 : 0x7c00;
  let before = 0;
  for await (const bytes of matrix.parts()) {
    const values = halves(bytes);
    let largest = 0;
    for (let i = 0; i < values.length; i++) {
      const magnitude = (values[i] ?? 0) & 0x7fff;
      counts[magnitude] = (counts[magnitude] ?? 0) + 1;
      if (magnitude > largest) largest = magnitude;
    }
    if (largest >= limit) {
      const at = values.findIndex((h) => (h & 0x7fff) >= limit);
      refuseNonFinite(matrix, before + at, widenedBits(values[at] ?? 0, matrix.dtype));
    }
    before += values.length;
  }
  let sum = 0n;
  for (const [magnitude, count] of counts.entries()) {
    if (count !== 0) sum += units(widenedBits(magnitude, matrix.dtype)) * BigInt(count);
  }
  return sum;
}

/** Σ|w| in units of 2⁻¹⁴⁹ of binary32: significands by exponent; of a part of 2^20 elements each sum is below 2^44. */
async function sumOfWords(matrix: MasterMatrix): Promise<bigint> {
  let sum = 0n;
  let before = 0;
  for await (const bytes of matrix.parts()) {
    const values = words(bytes);
    const significands = new Float64Array(256);
    for (let i = 0; i < values.length; i++) {
      const bits = values[i] ?? 0;
      const exponent = (bits >>> 23) & 0xff;
      if (exponent === 0xff) refuseNonFinite(matrix, before + i, bits);
      significands[exponent] = (significands[exponent] ?? 0) + ((bits & 0x7fffff) | (exponent === 0 ? 0 : 0x800000));
    }
    for (const [exponent, significand] of significands.entries()) sum += BigInt(significand) << BigInt(Math.max(exponent, 1) - 1);
    before += values.length;
  }
  return sum;
}

/** Code w + 1 of x = w × inverse: rounded to the nearest of −1, 0, 1, a half to 0. */
function codeOf(x: number): number {
  return x > 0.5 ? 2 : x < -0.5 ? 0 : 1;
}

/** The code of every bf16 or f16, by its bits. */
function codeTable(dtype: MasterDtype, inverse: number): Uint8Array {
  const table = new Uint8Array(2 * MAGNITUDES);
  for (let half = 0; half < table.length; half++) {
    scratchBits[0] = widenedBits(half, dtype);
    table[half] = codeOf(Math.fround((scratch[0] ?? 0) * inverse));
  }
  return table;
}

/** Codes of one part, by position. */
function codesOf(bytes: Uint8Array, dtype: MasterDtype, inverse: number, table: Uint8Array | undefined): Uint8Array {
  if (table !== undefined) {
    const values = halves(bytes);
    const codes = new Uint8Array(values.length);
    for (let i = 0; i < values.length; i++) codes[i] = table[values[i] ?? 0] ?? 0;
    return codes;
  }
  const values = aligned(bytes, 4, (buffer, offset, count) => new Float32Array(buffer, offset, count));
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) codes[i] = codeOf(Math.fround((values[i] ?? 0) * inverse));
  return codes;
}

/**
 * Ternarises a matrix whose `out` is a multiple of 4.
 * @throws InvalidInputError naming tensor and index where it holds NaN or infinity.
 */
export async function ternarize(matrix: MasterMatrix): Promise<Ternarized> {
  const { dtype, shape: [out, inFeatures] } = matrix;
  const sum = await (dtype === 'F32' ? sumOfWords(matrix) : sumOfHalves(matrix));
  const mean = nearestQuotient(sum, BigInt(out) * BigInt(inFeatures));
  const inverse = Math.fround(1 / Math.max(mean, LEAST_MEAN));
  const table = dtype === 'F32' ? undefined : codeTable(dtype, inverse);
  const quarter = out / 4;
  const packed = new Uint8Array(quarter * inFeatures);
  let position = 0;
  for await (const bytes of matrix.parts()) {
    const codes = codesOf(bytes, dtype, inverse, table);
    for (let i = 0; i < codes.length; ) {
      const row = Math.floor((position + i) / inFeatures);
      const column = (position + i) % inFeatures;
      const end = Math.min(codes.length, i + inFeatures - column);
      const shift = 2 * Math.floor(row / quarter);
      let to = (row % quarter) * inFeatures + column;
      for (; i < end; i++, to++) packed[to] = (packed[to] ?? 0) | ((codes[i] ?? 0) << shift);
    }
    position += codes.length;
  }
  return { codes: packed, inverse, scale: Math.fround(1 / inverse) };
}
