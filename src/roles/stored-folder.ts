/** A model in the content store as files of which parts can be read. */
import { readBytes, type ContentStore } from '../storage/index.js';
import type { ModelFolder } from '../train/index.js';

/** No file of a model is longer. */
const MAX_FILE_BYTES = 1_099_511_627_776n;

/** @throws R3mesError CONTENT_NOT_FOUND, CONTENT_MALFORMED; INVALID_INPUT where `cid` is a file. Reading throws what the store throws. */
export async function storedFolder(store: ContentStore, cid: string, signal?: AbortSignal): Promise<ModelFolder> {
  const sizes = await store.list(cid, signal === undefined ? {} : { signal });
  return {
    open: (path) => {
      const sizeBytes = sizes.get(path);
      if (sizeBytes === undefined) return Promise.resolve(undefined);
      return Promise.resolve({
        sizeBytes: Number(sizeBytes),
        read: (offset: number, length: number) =>
          readBytes(store, cid, { maxBytes: MAX_FILE_BYTES, path, range: { offset: BigInt(offset), length: BigInt(length) }, ...(signal === undefined ? {} : { signal }) }),
      });
    },
  };
}
