import { importer } from 'ipfs-unixfs-importer';
import type { FileCandidate, ImporterOptions, ImportResult, WritableStorage } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';

import { CHUNK_BYTES, parseCid } from '../protocol/cid.js';
import { InvalidInputError, R3mesError } from '../protocol/errors.js';
import { MemoryBlocks } from './blocks.js';
import type { Blocks } from './blocks.js';
import { storeError } from './errors.js';
import { FileBlocks } from './file-blocks.js';
import type { ContentStore, DirectoryEntry, ReadOptions, StoredContent, StoreOptions } from './interface.js';
import { listFiles, MAX_LINKS, readFile, resolvePath } from './unixfs-reader.js';

const MAX_NAME_BYTES = 255;

/**
 * The profile `unixfs-v1-2025` (IPIP-499), every value spelled out: the importer's own defaults give other CIDs and may
 * change. One file at a time and four blocks in flight keep memory at a few MiB.
 */
function profile(): ImporterOptions {
  return {
    profile: 'unixfs-v1-2025',
    cidVersion: 1,
    rawLeaves: true,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: CHUNK_BYTES }),
    layout: balanced({ maxChildrenPerNode: MAX_LINKS }),
    shardSplitThresholdBytes: 262_144,
    shardSplitStrategy: 'block-bytes',
    shardFanoutBits: 8,
    fileImportConcurrency: 1,
    blockWriteConcurrency: 4,
  };
}

/** UnixFS over any place that keeps blocks. */
export class UnixfsStore implements ContentStore {
  constructor(private readonly blocks: Blocks) {}

  async add(content: AsyncIterable<Uint8Array>, options: StoreOptions = {}): Promise<StoredContent> {
    const counter = { bytes: 0n };
    const root = await this.import([{ content: counted(content, counter, options.signal) }], options, {});
    return { cid: root.cid.toString(), sizeBytes: counter.bytes };
  }

  async addDirectory(entries: AsyncIterable<DirectoryEntry>, options: StoreOptions = {}): Promise<StoredContent> {
    const counter = { bytes: 0n };
    const root = await this.import(candidates(entries, counter, options.signal), options, { wrapWithDirectory: true });
    return { cid: root.cid.toString(), sizeBytes: counter.bytes };
  }

  async *read(cid: string, options: ReadOptions): AsyncIterable<Uint8Array> {
    const { path, maxBytes, range, signal } = options;
    const root = parseCid(cid);
    const file = path === undefined ? root : await resolvePath(this.blocks, root, path, signal);
    yield* readFile(this.blocks, file, { maxBytes, range, signal });
  }

  list(cid: string, options: StoreOptions = {}): Promise<ReadonlyMap<string, bigint>> {
    return listFiles(this.blocks, parseCid(cid), options.signal);
  }

  has(cid: string, options: StoreOptions = {}): Promise<boolean> {
    return this.blocks.has(parseCid(cid), options.signal);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs the importer and returns its last entry, which is the root. */
  private async import(
    source: Iterable<FileCandidate> | AsyncIterable<FileCandidate>,
    { signal }: StoreOptions,
    extra: ImporterOptions,
  ): Promise<ImportResult> {
    const sink: WritableStorage = {
      put: async (cid, bytes) => {
        // The importer always hands over whole blocks; the wider type is that of the general interface.
        if (!(bytes instanceof Uint8Array)) throw new TypeError('expected a block as one Uint8Array');
        await this.blocks.put(cid, bytes, signal);
        return cid;
      },
    };
    let root: ImportResult | undefined;
    try {
      for await (const entry of importer(source, sink, { ...profile(), ...extra })) {
        if (entry.unixfs?.type === 'hamt-sharded-directory') {
          throw new InvalidInputError('a directory has more entries than fit into one block of 256 KiB', 'use fewer or shorter names, or subdirectories');
        }
        root = entry;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof R3mesError || !hasErrno(cause)) throw cause;
      throw storeError(cause, 'adding content');
    }
    if (root === undefined) throw new InvalidInputError('expected at least one file, got none');
    return root;
  }
}

function hasErrno(cause: unknown): boolean {
  return cause instanceof Error && 'errno' in cause;
}

async function* counted(content: AsyncIterable<Uint8Array>, counter: { bytes: bigint }, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const bytes of content) {
    signal?.throwIfAborted();
    counter.bytes += BigInt(bytes.length);
    yield bytes;
  }
}

async function* candidates(
  entries: AsyncIterable<DirectoryEntry>,
  counter: { bytes: bigint },
  signal?: AbortSignal,
): AsyncGenerator<FileCandidate> {
  const files = new Set<string>();
  const folders = new Set<string>();
  for await (const { path, content } of entries) {
    checkEntryPath(path, files, folders);
    yield { path, content: counted(content, counter, signal) };
  }
}

function checkEntryPath(path: string, files: Set<string>, folders: Set<string>): void {
  const shown = JSON.stringify(path);
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..' || segment.includes('\0') || segment.includes('\\')) {
      throw new InvalidInputError(`expected a relative path such as sub/file.txt, got ${shown}`);
    }
    if (Buffer.byteLength(segment) > MAX_NAME_BYTES) throw new InvalidInputError(`expected names of at most ${MAX_NAME_BYTES} bytes, got ${shown}`);
  }
  const parents = segments.slice(0, -1).map((_, i) => segments.slice(0, i + 1).join('/'));
  if (files.has(path) || folders.has(path) || parents.some((p) => files.has(p))) {
    throw new InvalidInputError(`the path ${shown} is given twice, or is both a file and a directory`);
  }
  files.add(path);
  for (const parent of parents) folders.add(parent);
}

/**
 * The content store of one machine: blocks in a directory, which any number of processes may share.
 * @throws R3mesError STORE_IO, DISK_FULL where the directory cannot be made.
 */
export async function openLocalStore(dir: string): Promise<ContentStore> {
  return new UnixfsStore(await FileBlocks.open(dir));
}

/** A store that forgets: for tests, and for computing the CID of something. */
export function memoryStore(): ContentStore {
  return new UnixfsStore(new MemoryBlocks());
}
