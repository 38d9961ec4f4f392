import { InvalidInputError } from './errors.js';

const HEX = /^(?:[0-9a-f]{2})*$/i;
const textEncoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return textEncoder.encode(text);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** @throws InvalidInputError where `hex` is no even number of hexadecimal digits. */
export function fromHex(hex: string): Uint8Array {
  if (!HEX.test(hex)) throw new InvalidInputError(`expected hexadecimal bytes, got ${JSON.stringify(hex.slice(0, 80))}`);
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** Lexicographic order of bytes: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < n; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const p of parts) length += p.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const U64_MAX = (1n << 64n) - 1n;
const U32_MAX = (1n << 32n) - 1n;

/** 8 bytes, big-endian, so that byte order is numeric order. @throws InvalidInputError outside 0 … 2⁶⁴−1. */
export function u64be(value: bigint): Uint8Array {
  const out = new Uint8Array(8);
  writeU64be(out, 0, value);
  return out;
}

/** The same into `out`, from `offset` on. */
export function writeU64be(out: Uint8Array, offset: number, value: bigint): void {
  if (value < 0n || value > U64_MAX) throw new InvalidInputError(`expected an unsigned 64-bit integer, got ${value}`);
  // Two small numbers: no view of the array need be made.
  writeU32be(out, offset, Number(value >> 32n));
  writeU32be(out, offset + 4, Number(value & U32_MAX));
}

/** Reads 8 big-endian bytes at `offset`. */
export function readU64be(bytes: Uint8Array, offset = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset);
}

/** 4 bytes, big-endian. @throws InvalidInputError outside 0 … 2³²−1. */
export function u32be(value: number): Uint8Array {
  const out = new Uint8Array(4);
  writeU32be(out, 0, value);
  return out;
}

/** The same into `out`, from `offset` on. */
export function writeU32be(out: Uint8Array, offset: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new InvalidInputError(`expected an unsigned 32-bit integer, got ${value}`);
  }
  out[offset] = value >>> 24;
  out[offset + 1] = value >>> 16;
  out[offset + 2] = value >>> 8;
  out[offset + 3] = value;
}
