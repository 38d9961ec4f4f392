import { InvalidInputError } from '../../../protocol/errors.js';
import type { Change } from '../database.js';
import { NodeKeys, storePrefix } from '../keys.js';
import { hashBytes, innerHash, leafHash, ByteReader } from '../tree/encoding.js';
import { TreeNode, encodeInner } from '../tree/node.js';
import type { Roots } from '../versions.js';

/** Children wait on a stack as high as the tree; no balanced one of 2⁵³ leaves is higher. */
const MAX_STACK = 100;
/** Of one leaf: far more than a block can write. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

interface Store {
  readonly name: string;
  readonly prefix: string;
  readonly keys: NodeKeys;
  readonly leaves: number;
  /** Finished subtrees from left to right, without their children; the key is the least one below. */
  readonly stack: TreeNode[];
  /** Nodes so far, which number them: no two of one store are alike. */
  nodes: number;
}

/** Builds the trees of a snapshot from its stream, piece by piece. Nothing of it may be believed before the root is compared. */
export class StateImport {
  readonly #roots = new Map<string, TreeNode | undefined>();
  /** What arrived of a record that is not whole yet. */
  #rest: Uint8Array = new Uint8Array();
  #store: Store | undefined;

  /** What is to be written of the next piece of the stream. @throws InvalidInputError where the stream is no snapshot. */
  *add(piece: Uint8Array): Iterable<Change> {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const reader = new ByteReader(bytes);
    let at = 0;
    while (reader.left > 0) {
      const record = this.#store === undefined ? this.#head(reader) : this.#node(reader, this.#store);
      if (record === undefined) break;
      at = reader.at;
      yield* record;
    }
    this.#rest = bytes.slice(at);
    if (this.#rest.length > MAX_RECORD_BYTES) throw malformed('a record is too long');
  }

  /** The trees' roots, once all of the stream was added. @throws InvalidInputError where something is missing. */
  finish(): Roots {
    if (this.#rest.length > 0 || this.#store !== undefined) throw malformed('it ends too early');
    return this.#roots;
  }

  /** Nothing, here and below, where the record is not whole yet. */
  #head(reader: ByteReader): readonly Change[] | undefined {
    const name = reader.text(reader.byte());
    const leaves = reader.uvarint();
    if (reader.failed) return undefined;
    if (!/^[a-z_]{1,32}$/.test(name) || this.#roots.has(name)) throw malformed('a store is named badly or twice');
    this.#roots.set(name, undefined);
    if (leaves > 0) this.#store = { name, prefix: storePrefix(name), keys: new NodeKeys(name), leaves, stack: [], nodes: 0 };
    return [];
  }

  #node(reader: ByteReader, store: Store): readonly Change[] | undefined {
    const height = reader.byte();
    const version = reader.uvarint();
    const changes = height === 0 ? leafOf(reader, store, version) : reader.failed ? undefined : innerOf(store, height, version);
    if (changes === undefined) return undefined;
    const [root] = store.stack;
    if (store.stack.length > MAX_STACK) throw malformed('a tree is too high');
    if (store.stack.length === 1 && root?.size === store.leaves) {
      this.#roots.set(store.name, root);
      this.#store = undefined;
    }
    return changes;
  }
}

function leafOf(reader: ByteReader, store: Store, version: number): readonly Change[] | undefined {
  const key = reader.text(reader.uvarint());
  const value = reader.bytes(reader.uvarint());
  if (reader.failed) return undefined;
  store.stack.push(new TreeNode(key, 0, 1, version, ++store.nodes, leafHash(version, key, hashBytes(value))));
  return [{ key: store.prefix + key, value }];
}

function innerOf(store: Store, height: number, version: number): readonly Change[] {
  const right = store.stack.pop();
  const left = store.stack.pop();
  if (left === undefined || right === undefined) throw malformed('a node has no children');
  if (height !== Math.max(left.height, right.height) + 1) throw malformed(`a node of height ${height} stands over heights ${left.height} and ${right.height}`);
  const nonce = ++store.nodes;
  const node = new TreeNode(right.key, height, left.size + right.size, version, nonce, '');
  node.left = left;
  node.right = right;
  node.hash = innerHash(height, node.size, version, left.hash, right.hash);
  const change = { key: store.keys.of(version, nonce), value: encodeInner(node) };
  const stub = new TreeNode(left.key, height, node.size, version, nonce, node.hash);
  store.stack.push(stub);
  return [change];
}

function malformed(why: string): InvalidInputError {
  return new InvalidInputError(`the stream is no snapshot of the state: ${why}`);
}
