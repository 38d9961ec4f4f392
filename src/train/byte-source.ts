/** Where the bytes of a model come from: a file, a content store, memory. Read in parts, so that no file is ever held as a whole. */
import { InvalidInputError } from '../protocol/errors.js';

/** Bytes of which any part can be read. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Exactly the bytes [offset, offset + length), which lie within `sizeBytes`. Nobody writes into them. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `offset`; where it is there, a large tensor costs no memory beside its own. */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
}

/** The files of a model by their names. */
export interface ModelFolder {
  /** Nothing where there is no such file. */
  open(name: string): Promise<ByteSource | undefined>;
}

/** What is read at once of a long tensor: a multiple of every element's size. */
export const PART_BYTES = 4 * 1_048_576;

export function memorySource(bytes: Uint8Array): ByteSource {
  return { sizeBytes: bytes.length, read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)) };
}

export function memoryFolder(files: Readonly<Record<string, Uint8Array>>): ModelFolder {
  const map = new Map(Object.entries(files));
  return {
    open: (name) => {
      const bytes = map.get(name);
      return Promise.resolve(bytes === undefined ? undefined : memorySource(bytes));
    },
  };
}

/** The whole of a small file. @throws InvalidInputError where it is larger than `maxBytes`. */
export async function readSmall(source: ByteSource, what: string, maxBytes: number): Promise<Uint8Array> {
  if (source.sizeBytes > maxBytes) throw new InvalidInputError(`${what} has ${source.sizeBytes} bytes, expected at most ${maxBytes}`);
  return source.read(0, source.sizeBytes);
}

/** The bytes [begin, end) in parts of at most `PART_BYTES`. */
export async function* readParts(source: ByteSource, begin: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = begin; at < end; at += PART_BYTES) yield source.read(at, Math.min(PART_BYTES, end - at));
}
