/**
 * What datasets need of a content store; src/storage has it. Declared here because a dataset does not depend on where bytes
 * are kept.
 */
export interface ContentWriter {
  add(content: AsyncIterable<Uint8Array>, options?: { readonly signal?: AbortSignal }): Promise<{ readonly cid: string }>;
}

export interface ContentReader {
  read(
    cid: string,
    options: { readonly maxBytes: bigint; readonly range?: { readonly offset: bigint; readonly length: bigint }; readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  has(cid: string, options?: { readonly signal?: AbortSignal }): Promise<boolean>;
}

export type WithSignal = { readonly signal?: AbortSignal };

/** `signal` as an options object: absent, not undefined, where there is none. */
export function signalOf(signal: AbortSignal | undefined): WithSignal {
  return signal === undefined ? {} : { signal };
}

export async function addAll(store: ContentWriter, bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
  const stream = (async function* () {
    yield await Promise.resolve(bytes);
  })();
  return (await store.add(stream, signalOf(signal))).cid;
}

export async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
