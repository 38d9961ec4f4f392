export type { Blocks } from './blocks.js';
export { addBytes, readBytes } from './bytes.js';
export type { ByteRange, ContentStore, DirectoryEntry, ReadOptions, StoredContent, StoreOptions } from './interface.js';
export { MeteredStore } from './metered-store.js';
export { memoryStore, openLocalStore, UnixfsStore } from './unixfs-store.js';
