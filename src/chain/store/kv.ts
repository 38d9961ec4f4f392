/**
 * One module's part of the state, as the module sees it. Values are opaque; keys are ordered as bytes.
 *
 * There is no iteration: modules keep counters and index entries instead. Point reads are the only synchronous
 * reads that the database offers, and a list that is written down has an order that nobody can doubt.
 */
export interface KvReader {
  get(key: Uint8Array): Uint8Array | undefined;
}

export interface KvStore extends KvReader {
  set(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}
