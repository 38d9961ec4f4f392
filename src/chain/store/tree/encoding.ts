/** Integers and texts as IAVL writes them: varints, signed ones in zigzag; a text is a latin1 string of bytes. */
import { hash as digest } from 'node:crypto';

/** SHA-256 as 32 characters of one byte each: a third of the memory of a `Uint8Array`, and the fastest to make. */
export type HashText = string;

export const HASH_BYTES = 32;

export function uvarintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** @param value below 2⁵³. @returns where the next byte goes. */
export function writeUvarint(out: Buffer, at: number, value: number): number {
  let rest = value;
  while (rest >= 128) {
    out[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  out[at++] = rest;
  return at;
}

/** Zigzag, hence twice the number where it is not negative. */
export function writeVarint(out: Buffer, at: number, value: number): number {
  return writeUvarint(out, at, value * 2);
}

export function varintOf(value: number): Buffer {
  const out = Buffer.allocUnsafe(uvarintBytes(value * 2));
  writeVarint(out, 0, value);
  return out;
}

/** Reads what this package wrote; whoever reads foreign bytes checks `failed` and `at` afterwards. */
export class ByteReader {
  at: number;
  /** Whether something was asked for that is not there. */
  failed = false;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) this.failed = true;
    return value ?? 0;
  }

  /** Below 2⁵³, or it counts as failed. */
  uvarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte % 128) * factor;
      if (byte < 128) break;
      if (factor > 2 ** 49) this.failed = true;
      if (this.failed) break;
    }
    if (!Number.isSafeInteger(value)) this.failed = true;
    return this.failed ? 0 : value;
  }

  /** `length` bytes as text. */
  text(length: number): string {
    if (length > this.left) this.failed = true;
    if (this.failed) return '';
    this.at += length;
    return this.#bytes.toString('latin1', this.at - length, this.at);
  }

  /** A view of `length` bytes. */
  bytes(length: number): Uint8Array {
    if (length > this.left) this.failed = true;
    if (this.failed) return new Uint8Array();
    this.at += length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.at - length, length);
  }
}

export function hashBytes(data: Uint8Array): HashText {
  return digest('sha256', data, 'binary');
}

/** Of no bytes: the root of a tree without leaves. */
export const EMPTY_HASH: HashText = hashBytes(new Uint8Array());

let scratch = Buffer.allocUnsafeSlow(512);
/** Hash inputs of inner nodes are 69 to some 90 bytes long: views of the scratch of every such length. */
let views: (Buffer | undefined)[] = [];

function hashScratch(length: number): HashText {
  if (length >= 256) return hashBytes(scratch.subarray(0, length));
  return hashBytes((views[length] ??= scratch.subarray(0, length)));
}

function reserve(bytes: number): void {
  if (bytes <= scratch.length) return;
  scratch = Buffer.allocUnsafeSlow(bytes * 2);
  views = [];
}

/** Hash of a leaf: SHA-256(0 ‖ 1 ‖ version ‖ key ‖ SHA-256(value)), integers in zigzag, texts behind their length. */
export function leafHash(version: number, key: string, valueHash: HashText): HashText {
  reserve(key.length + 64);
  let at = writeVarint(scratch, 0, 0);
  at = writeVarint(scratch, at, 1);
  at = writeVarint(scratch, at, version);
  at = writeUvarint(scratch, at, key.length);
  at += scratch.write(key, at, 'latin1');
  scratch[at++] = HASH_BYTES;
  at += scratch.write(valueHash, at, 'latin1');
  return hashScratch(at);
}

/** Hash of an inner node: SHA-256(height ‖ size ‖ version ‖ left hash ‖ right hash). */
export function innerHash(height: number, size: number, version: number, left: HashText, right: HashText): HashText {
  let at = writeVarint(scratch, 0, height);
  at = writeVarint(scratch, at, size);
  at = writeVarint(scratch, at, version);
  scratch[at++] = HASH_BYTES;
  at += scratch.write(left, at, 'latin1');
  scratch[at++] = HASH_BYTES;
  at += scratch.write(right, at, 'latin1');
  return hashScratch(at);
}
