/** A file or directory of the content store: its root CID (CIDv1, base32) and the bytes of its content. */
export interface StoredContent {
  readonly cid: string;
  readonly sizeBytes: bigint;
}

export interface StoreOptions {
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends StoreOptions {
  /** Refuses content that turns out longer than this. */
  readonly maxBytes: bigint;
  /** Path below a directory root, e.g. `config.json`. */
  readonly path?: string;
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
  add(content: AsyncIterable<Uint8Array>, options?: StoreOptions): Promise<StoredContent>;
  addDirectory(entries: AsyncIterable<DirectoryEntry>, options?: StoreOptions): Promise<StoredContent>;
  /** Streams a file. @throws R3mesError CONTENT_NOT_FOUND, CONTENT_CORRUPT, CONTENT_TOO_LARGE. */
  read(cid: string, options: ReadOptions): AsyncIterable<Uint8Array>;
  has(cid: string, options?: StoreOptions): Promise<boolean>;
  close(): Promise<void>;
}
