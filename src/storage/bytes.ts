import type { ContentStore, ReadOptions, StoredContent, StoreOptions } from './interface.js';

/** Adds bytes that are in memory already. */
export function addBytes(store: ContentStore, bytes: Uint8Array, options?: StoreOptions): Promise<StoredContent> {
  return store.add(once(bytes), options);
}

/** Reads a whole file (or the range asked for) into memory; `maxBytes` is what bounds it. */
export async function readBytes(store: ContentStore, cid: string, options: ReadOptions): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of store.read(cid, options)) parts.push(part);
  const only = parts[0];
  return parts.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(parts));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
