/** A file or directory of the content store: its root CID (CIDv1, base32) and the bytes of its content. */
export interface StoredContent {
  readonly cid: string;
  readonly sizeBytes: bigint;
}

export interface StoreOptions {
  readonly signal?: AbortSignal;
}

/** Part of a file, in bytes. */
export interface ByteRange {
  readonly offset: bigint;
  readonly length: bigint;
}

export interface ReadOptions extends StoreOptions {
  /** Refuses content (the whole file, also where only a range of it is read) that is longer than this. */
  readonly maxBytes: bigint;
  /** Path below a directory root, e.g. `config.json`. */
  readonly path?: string;
  /** Reads these bytes only, and of the store only the blocks that hold them. Beyond the end is INVALID_INPUT. */
  readonly range?: ByteRange;
}

/** One file for `addDirectory`. */
export interface DirectoryEntry {
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Content-addressed files. CIDs are those of Kubo's `unixfs-v1-2025` profile: CIDv1, raw leaves, SHA-256, 1 MiB chunks,
 * 1024 links. Every block is hashed when it is read; content that is not what its CID says is an error.
 */
export interface ContentStore {
  /** @throws R3mesError DISK_FULL, STORE_IO; what the iterable throws. A failed add leaves no root behind. */
  add(content: AsyncIterable<Uint8Array>, options?: StoreOptions): Promise<StoredContent>;
  addDirectory(entries: AsyncIterable<DirectoryEntry>, options?: StoreOptions): Promise<StoredContent>;
  /**
   * Streams a file. Bytes already delivered are right even where a later block turns out missing or corrupt.
   * @throws R3mesError CONTENT_NOT_FOUND, CONTENT_CORRUPT (names the block), CONTENT_TOO_LARGE, CONTENT_MALFORMED.
   */
  read(cid: string, options: ReadOptions): AsyncIterable<Uint8Array>;
  /** The files that lie in a directory, not below it, and their sizes in bytes. @throws as `read`. */
  list(cid: string, options?: StoreOptions): Promise<ReadonlyMap<string, bigint>>;
  /** Whether the root block is here. A root is written last, so that it stands for a whole graph. */
  has(cid: string, options?: StoreOptions): Promise<boolean>;
  close(): Promise<void>;
}
