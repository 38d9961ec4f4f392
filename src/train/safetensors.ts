/**
 * safetensors: 8 bytes length of the header (little-endian), the header as JSON, then the tensors' bytes without gaps.
 * Written in one canonical form, so that equal tensors are equal files: names in byte order, the tensors in the same
 * order, no metadata, no white space but the blanks that fill the header up to a multiple of 8 bytes.
 */
import { z } from 'zod';

import { compareBytes, utf8 } from '../protocol/bytes.js';
import { InvalidInputError } from '../protocol/errors.js';
import { describeIssue, shownName } from './describe.js';
import { repeatedKey } from './repeated-key.js';

const ELEMENT_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1 } as const;
export type Dtype = keyof typeof ELEMENT_BYTES;

export const PREFIX_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_TENSORS = 1_000_000;
const MAX_DIMENSIONS = 8;

export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface Tensor extends TensorInfo {
  /** Little-endian, row-major; a view into the file. */
  readonly bytes: Uint8Array;
}

const size = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(ELEMENT_BYTES) as [Dtype, ...Dtype[]]),
  shape: z.array(size).max(MAX_DIMENSIONS),
  data_offsets: z.tuple([size, size]),
});
const metadataSchema = z.record(z.string(), z.string());

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function byteLength(info: TensorInfo): number {
  return elements(info.shape) * ELEMENT_BYTES[info.dtype];
}

function malformed(what: string, why: string): InvalidInputError {
  return new InvalidInputError(`${what}: ${why}`, 'the file is damaged or no safetensors file: get it again from its source');
}

/** A tensor of a file: bytes [begin, end) of the data behind the header. */
export interface TensorEntry extends TensorInfo {
  readonly begin: number;
  readonly end: number;
}

/**
 * Where the data begin, by the file's first 8 bytes.
 * @throws InvalidInputError where they promise a header that cannot be.
 */
export function dataOffset(prefix: Uint8Array, fileBytes: number, what: string): number {
  if (fileBytes < PREFIX_BYTES || prefix.length < PREFIX_BYTES) throw malformed(what, `expected at least ${PREFIX_BYTES} bytes, got ${fileBytes}`);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  const available = Math.min(MAX_HEADER_BYTES, fileBytes - PREFIX_BYTES);
  if (length > BigInt(available)) throw malformed(what, `the header is said to have ${length} bytes, expected at most ${available}`);
  return PREFIX_BYTES + Number(length);
}

function parseHeader(bytes: Uint8Array, what: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    throw malformed(what, `the header is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw malformed(what, 'the header is no JSON object');
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw malformed(what, `the header has ${JSON.stringify(shownName(repeated))} twice, expected each name once`);
  return header as Record<string, unknown>;
}

/**
 * The tensors that a header names, checked: their sizes, and that they cover the data without gap or overlap.
 * @param header its JSON. @param dataBytes what the file holds behind it. @throws InvalidInputError naming the tensor.
 */
export function readEntries(header: Uint8Array, dataBytes: number, what: string): Map<string, TensorEntry> {
  const entries: (TensorEntry & { readonly name: string })[] = [];
  for (const [name, value] of Object.entries(parseHeader(header, what))) {
    if (name === '__metadata__') {
      if (!metadataSchema.safeParse(value).success) throw malformed(what, '__metadata__: expected an object of texts');
      continue;
    }
    const entry = entrySchema.safeParse(value);
    if (!entry.success) throw malformed(what, `tensor ${shownName(name)}: ${describeIssue(entry.error, value, 'its entry')}`);
    const { dtype, shape, data_offsets: [begin, end] } = entry.data;
    const expected = byteLength({ dtype, shape });
    if (!Number.isSafeInteger(expected) || end - begin !== expected) throw malformed(what, `tensor ${shownName(name)}: ${dtype} [${shape.join(', ')}] has ${expected} bytes, its offsets span ${end - begin}`);
    entries.push({ name, begin, end, dtype, shape });
  }
  if (entries.length > MAX_TENSORS) throw malformed(what, `${entries.length} tensors, expected at most ${MAX_TENSORS}`);
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let next = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== next) throw malformed(what, `tensor ${shownName(name)} begins at byte ${begin} of the data, expected ${next}`);
    next = end;
  }
  if (next !== dataBytes) throw malformed(what, `the tensors take ${next} bytes, the file holds ${dataBytes}: it is ${dataBytes < next ? 'truncated' : 'too long'}`);
  return new Map(entries.map(({ name, ...entry }) => [name, entry]));
}

/**
 * Reads a file that is in memory and checks all of its form.
 * @param what names the file in errors. @throws InvalidInputError naming the tensor.
 */
export function readSafetensors(bytes: Uint8Array, what: string): Map<string, Tensor> {
  const at = dataOffset(bytes, bytes.length, what);
  const data = bytes.subarray(at);
  const entries = readEntries(bytes.subarray(PREFIX_BYTES, at), data.length, what);
  return new Map([...entries].map(([name, { dtype, shape, begin, end }]) => [name, { dtype, shape, bytes: data.subarray(begin, end) }]));
}

/** The canonical order of names: as bytes. */
function inByteOrder(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => compareBytes(utf8(a), utf8(b)));
}

/** What stands before the data in a canonical file, and the order of the tensors behind it. */
export function canonicalHead(tensors: ReadonlyMap<string, TensorInfo>): { readonly head: Uint8Array; readonly names: readonly string[]; readonly dataBytes: number } {
  const names = inByteOrder(tensors.keys());
  let offset = 0;
  const parts: string[] = [];
  for (const name of names) {
    const info = tensors.get(name);
    if (info === undefined) continue;
    const { dtype, shape } = info;
    const end = offset + byteLength(info);
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  let header = `{${parts.join(',')}}`;
  header += ' '.repeat((8 - (utf8(header).length % 8)) % 8);
  const text = utf8(header);
  const head = new Uint8Array(PREFIX_BYTES + text.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
  head.set(text, PREFIX_BYTES);
  return { head, names, dataBytes: offset };
}

/** The one form in which we write: see the top of this file. */
export function writeSafetensors(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  for (const [name, tensor] of tensors) {
    if (tensor.bytes.length !== byteLength(tensor)) throw new InvalidInputError(`tensor ${shownName(name)}: expected ${byteLength(tensor)} bytes, got ${tensor.bytes.length}`);
  }
  const { head, names, dataBytes } = canonicalHead(tensors);
  const file = new Uint8Array(head.length + dataBytes);
  file.set(head);
  let at = head.length;
  for (const name of names) {
    const bytes = tensors.get(name)?.bytes ?? new Uint8Array();
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/** Values of an F32 tensor as a copy that is aligned. @throws InvalidInputError for another type. */
export function float32Values(tensor: Tensor, name: string): Float32Array {
  if (tensor.dtype !== 'F32') throw new InvalidInputError(`tensor ${name}: expected F32, got ${tensor.dtype}`);
  return new Float32Array(new Uint8Array(tensor.bytes).buffer);
}

/** Values of F32, BF16 or F16, widened exactly. @throws InvalidInputError for another type. */
export function widened(tensor: Tensor, name: string): Float32Array {
  if (tensor.dtype === 'F32') return float32Values(tensor, name);
  if (tensor.dtype !== 'BF16' && tensor.dtype !== 'F16') throw new InvalidInputError(`tensor ${name}: expected F32, BF16 or F16, got ${tensor.dtype}`);
  const halves = new Uint16Array(new Uint8Array(tensor.bytes).buffer);
  const isBf16 = tensor.dtype === 'BF16';
  if (isBf16) return new Float32Array(Uint32Array.from(halves, (h) => h * 65_536).buffer);
  return Float32Array.from(halves, fromHalf);
}

/** The value of an IEEE binary16 with these bits. */
export function fromHalf(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** An F32 tensor of these values. Assumes a little-endian machine, as every platform of Node is. */
export function float32Tensor(values: Float32Array, shape: readonly number[]): Tensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}
