import type { ContentStore, DirectoryEntry, ReadOptions, StoredContent, StoreOptions } from './interface.js';

/**
 * Counts the payload bytes that go through a store: the content of files, not blocks, links or repeats on disk. Content
 * written counts when it was taken, also where the add then failed; content read counts as it is delivered.
 */
export class MeteredStore implements ContentStore {
  private written = 0n;
  private delivered = 0n;

  constructor(private readonly inner: ContentStore) {}

  get bytesWritten(): bigint {
    return this.written;
  }

  get bytesRead(): bigint {
    return this.delivered;
  }

  /** Both directions. */
  get bytesMoved(): bigint {
    return this.written + this.delivered;
  }

  add(content: AsyncIterable<Uint8Array>, options?: StoreOptions): Promise<StoredContent> {
    return this.inner.add(this.countWritten(content), options);
  }

  addDirectory(entries: AsyncIterable<DirectoryEntry>, options?: StoreOptions): Promise<StoredContent> {
    return this.inner.addDirectory(this.countEntries(entries), options);
  }

  async *read(cid: string, options: ReadOptions): AsyncIterable<Uint8Array> {
    for await (const bytes of this.inner.read(cid, options)) {
      this.delivered += BigInt(bytes.length);
      yield bytes;
    }
  }

  list(cid: string, options?: StoreOptions): Promise<ReadonlyMap<string, bigint>> {
    return this.inner.list(cid, options);
  }

  has(cid: string, options?: StoreOptions): Promise<boolean> {
    return this.inner.has(cid, options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private async *countWritten(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of content) {
      this.written += BigInt(bytes.length);
      yield bytes;
    }
  }

  private async *countEntries(entries: AsyncIterable<DirectoryEntry>): AsyncGenerator<DirectoryEntry> {
    for await (const { path, content } of entries) yield { path, content: this.countWritten(content) };
  }
}
