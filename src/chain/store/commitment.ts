import { taggedHash } from '../../protocol/hash.js';
import type { Change } from './database.js';

/**
 * How the state becomes an app hash. Modules never see it: a tree that can prove single keys takes this place later.
 */
export interface Commitment {
  /** Root before genesis. */
  readonly empty: Uint8Array;
  /**
   * Root of the state that `changes` make of the one behind `previous`.
   * @param height of the block; 0 for genesis. @param changes in ascending order of keys.
   */
  next(previous: Uint8Array, height: bigint, changes: readonly Change[]): Uint8Array;
}

const SET = 1;
const DELETE = 0;

/** Length-prefixed, hence one reading only: per change a byte (1 set, 0 delete), the key and, if set, the value. */
function encodeChanges(changes: readonly Change[]): Uint8Array {
  let size = 0;
  for (const { key, value } of changes) size += 5 + key.length + (value === undefined ? 0 : 4 + value.length);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { key, value } of changes) {
    at = out.writeUInt8(value === undefined ? DELETE : SET, at);
    at = out.writeUInt32BE(key.length, at);
    at += out.write(key, at, 'latin1');
    if (value === undefined) continue;
    at = out.writeUInt32BE(value.length, at);
    out.set(value, at);
    at += value.length;
  }
  return out;
}

/** H("state", previous root, height, number of changes, changes): it fixes the whole history, and proves no single key. */
export const chainedCommitment: Commitment = {
  empty: new Uint8Array(32),
  next: (previous, height, changes) => taggedHash('state', previous, height, BigInt(changes.length), encodeChanges(changes)),
};
