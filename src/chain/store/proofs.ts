/**
 * ICS-23 proofs that a key is or is not in the state behind an app hash: first from the key to its store's root (IavlSpec),
 * then from there to the app hash (TendermintSpec), as clients of the Cosmos SDK verify them.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';

import type { ProofOp } from '../../protocol/gen/tendermint/crypto/proof.js';
import { R3mesError } from '../../protocol/errors.js';
import { bytesOf, keyOf } from './database.js';
import { damaged } from './multistore.js';
import { hashOf, simpleMerklePath } from './simple-merkle.js';
import type { StateVersion } from './state-version.js';
import { HASH_BYTES, type HashText, varintOf } from './tree/encoding.js';
import { type TreeNode, child } from './tree/node.js';
import { neighbours, pathTo } from './tree/read.js';
import { rootHash, storeNames } from './versions.js';

export interface ProvenValue {
  /** Nothing where the key is not in the store. */
  readonly value: Uint8Array | undefined;
  /** `ics23:iavl`, then `ics23:simple`. */
  readonly ops: ProofOp[];
}

/** One step towards the root: SHA-256(prefix ‖ hash of the child ‖ suffix). */
interface Step {
  readonly prefix: Uint8Array;
  readonly suffix: Uint8Array;
}

interface Existence {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly leafPrefix: Uint8Array;
  readonly path: readonly Step[];
}

const SHA256 = 1;
const VAR_PROTO = 1;
const NO_BYTES = new Uint8Array();

/**
 * @param key within the store. @throws R3mesError NO_PROOF where ICS-23 has none: in a store that is empty, or of a value
 * that is.
 */
export function proveKey(state: StateVersion, store: string, key: Uint8Array): ProvenValue {
  const root = state.roots.get(store);
  if (root === undefined) throw noProof(`store ${store} is empty`);
  const text = keyOf(key);
  const { leaf } = pathTo(root, text, (node) => state.load(store, node));
  const isThere = leaf.key === text;
  const existence = isThere ? existenceOf(state, store, root, text) : undefined;
  const proof = existence === undefined ? encodeAbsence(state, store, root, key) : message(1, encodeExistence(existence));
  return {
    value: existence?.value,
    ops: [
      { type: 'ics23:iavl', key, data: proof },
      { type: 'ics23:simple', key: Buffer.from(store, 'latin1'), data: message(1, encodeExistence(storeExistence(state, store))) },
    ],
  };
}

function noProof(why: string): R3mesError {
  return new R3mesError({ code: 'NO_PROOF', message: `nothing can be proven here: ${why}`, hint: 'ask without prove' });
}

/** @throws where the key is not there. */
function existenceOf(state: StateVersion, store: string, root: TreeNode, key: string): Existence {
  const { leaf, inner } = pathTo(root, key, (node) => state.load(store, node));
  const value = state.valueOf(store, leaf);
  if (value === undefined) throw damaged(`a value of store ${store} is missing`);
  if (value.length === 0) throw noProof(`the value of key ${bytesOf(key).toString('hex')} of store ${store} is empty`);
  const path = inner.map((node) => stepOf(node, key < node.key)).reverse();
  return { key: bytesOf(key), value, leafPrefix: Buffer.concat([varintOf(0), varintOf(1), varintOf(leaf.version)]), path };
}

const lengthAndHash = (hash: HashText): Uint8Array => Buffer.concat([Uint8Array.of(HASH_BYTES), hashOf(hash)]);

function stepOf(node: TreeNode, isLeft: boolean): Step {
  const head = Buffer.concat([varintOf(node.height), varintOf(node.size), varintOf(node.version)]);
  const length = Uint8Array.of(HASH_BYTES);
  return isLeft
    ? { prefix: Buffer.concat([head, length]), suffix: lengthAndHash(child(node.right).hash) }
    : { prefix: Buffer.concat([head, lengthAndHash(child(node.left).hash), length]), suffix: NO_BYTES };
}

function storeExistence(state: StateVersion, store: string): Existence {
  const names = storeNames(state.roots);
  const stores = names.map((name) => ({ name, hash: rootHash(state.roots.get(name)) }));
  const path = simpleMerklePath(stores, names.indexOf(store)).map(({ hash, isLeft }) =>
    isLeft ? { prefix: Buffer.concat([Uint8Array.of(1), hash]), suffix: NO_BYTES } : { prefix: Uint8Array.of(1), suffix: hash },
  );
  return { key: Buffer.from(store, 'latin1'), value: hashOf(rootHash(state.roots.get(store))), leafPrefix: Uint8Array.of(0), path };
}

function bytesField(writer: BinaryWriter, field: number, bytes: Uint8Array): void {
  if (bytes.length > 0) writer.uint32(field * 8 + 2).bytes(bytes);
}

/** A message whose only field is another message. */
function message(field: number, encoded: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(field * 8 + 2).bytes(encoded).finish();
}

/** ics23 ExistenceProof: key 1, value 2, leaf 3 (hash 1, prehash of the value 3, length 4, prefix 5), path 4 (hash 1, prefix 2, suffix 3). */
function encodeExistence({ key, value, leafPrefix, path }: Existence): Uint8Array {
  const leaf = new BinaryWriter().uint32(8).int32(SHA256).uint32(24).int32(SHA256).uint32(32).int32(VAR_PROTO);
  bytesField(leaf, 5, leafPrefix);
  const out = new BinaryWriter();
  bytesField(out, 1, key);
  bytesField(out, 2, value);
  bytesField(out, 3, leaf.finish());
  for (const { prefix, suffix } of path) {
    const step = new BinaryWriter().uint32(8).int32(SHA256);
    bytesField(step, 2, prefix);
    bytesField(step, 3, suffix);
    bytesField(out, 4, step.finish());
  }
  return out.finish();
}

/** ics23 CommitmentProof with nonexist 2: key 1, left 2, right 3. */
function encodeAbsence(state: StateVersion, store: string, root: TreeNode, key: Uint8Array): Uint8Array {
  const { before, after } = neighbours(root, keyOf(key), (node) => state.load(store, node));
  const out = new BinaryWriter();
  bytesField(out, 1, key);
  if (before !== undefined) bytesField(out, 2, encodeExistence(existenceOf(state, store, root, before)));
  if (after !== undefined) bytesField(out, 3, encodeExistence(existenceOf(state, store, root, after)));
  return message(2, out.finish());
}
