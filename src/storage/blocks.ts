import type { CID } from 'multiformats/cid';

import { equalBytes } from '../protocol/bytes.js';
import { checkCid } from '../protocol/cid.js';
import { InvalidInputError } from '../protocol/errors.js';
import { sha256 } from '../protocol/hash.js';
import { contentCorrupt, contentMalformed, contentNotFound } from './errors.js';

/** Kubo refuses blocks above 2 MiB; nothing of the profile comes near it. */
export const MAX_BLOCK_BYTES = 2 * 1_048_576;

/**
 * Where blocks lie. `get` may return anything, as a disk or a network may: readers go through `readBlock`.
 * A second implementation (Kubo, a gateway) needs these three methods and nothing else.
 */
export interface Blocks {
  /** Undefined where there is no such block. Never more than `MAX_BLOCK_BYTES`: CONTENT_CORRUPT instead. */
  get(cid: CID, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  has(cid: CID, signal?: AbortSignal): Promise<boolean>;
  /** Stores a block atomically; `bytes` hash to `cid`. */
  put(cid: CID, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
}

/**
 * One block, hashed against its CID.
 * @throws R3mesError CONTENT_NOT_FOUND, CONTENT_CORRUPT, CONTENT_MALFORMED (a CID of a kind that is never made here).
 */
export async function readBlock(blocks: Pick<Blocks, 'get'>, cid: CID, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    checkCid(cid);
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw contentMalformed(cid.toString(), cause.message);
    throw cause;
  }
  const bytes = await blocks.get(cid, signal);
  if (bytes === undefined) throw contentNotFound(cid.toString());
  if (bytes.length > MAX_BLOCK_BYTES) {
    throw contentCorrupt(cid.toString(), `${bytes.length} bytes, expected at most ${MAX_BLOCK_BYTES}`);
  }
  if (!equalBytes(sha256(bytes), cid.multihash.digest)) {
    throw contentCorrupt(cid.toString(), `its ${bytes.length} bytes have another SHA-256`);
  }
  return bytes;
}

/** Blocks in memory, for tests and for computing CIDs. Keyed by multihash, as on disk. */
export class MemoryBlocks implements Blocks {
  private readonly byHash = new Map<string, Uint8Array>();

  get(cid: CID): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.byHash.get(keyOf(cid)));
  }

  has(cid: CID): Promise<boolean> {
    return Promise.resolve(this.byHash.has(keyOf(cid)));
  }

  put(cid: CID, bytes: Uint8Array): Promise<void> {
    // A copy: the importer hands out views into larger buffers, which would stay alive with them.
    this.byHash.set(keyOf(cid), new Uint8Array(bytes));
    return Promise.resolve();
  }
}

function keyOf(cid: CID): string {
  return Buffer.from(cid.multihash.bytes).toString('latin1');
}
