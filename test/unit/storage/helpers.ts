import { createCipheriv, createHash } from 'node:crypto';

/** Bytes of the vectors in test/vectors/unixfs: a ChaCha20 key stream in pieces that do not fit the chunks. */
export async function* keyStream(sizeBytes: number, seed: string, pieceBytes = 60_000): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv('chacha20', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(pieceBytes);
  for (let left = sizeBytes; left > 0; left -= pieceBytes) {
    yield await Promise.resolve(cipher.update(zeros.subarray(0, Math.min(left, pieceBytes))));
  }
}

export async function* streamOf(...parts: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(typeof part === 'string' ? Buffer.from(part) : part);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

export async function* listOf<T>(...items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

/** Runs something that must fail and returns its error. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (cause) {
    return cause;
  }
  throw new Error('expected a failure');
}
