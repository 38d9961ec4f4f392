/** The trees against github.com/cosmos/iavl and the Cosmos SDK's commit info: test/vectors/iavl. */
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { NodeKeys } from '../../../../src/chain/store/keys.js';
import { simpleMerklePath, simpleMerkleRoot } from '../../../../src/chain/store/simple-merkle.js';
import { TreeEdit } from '../../../../src/chain/store/tree/edit.js';
import { hashBytes } from '../../../../src/chain/store/tree/encoding.js';
import { type TreeNode, encodeInner, leastKey, loadInner } from '../../../../src/chain/store/tree/node.js';
import { decodeRoots, encodeRoots, rootHash } from '../../../../src/chain/store/versions.js';
import { concatBytes, fromHex, toHex, utf8 } from '../../../../src/protocol/bytes.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { merkleLeaf } from '../../../../src/protocol/merkle.js';

interface Vectors {
  iavl: { seed: number; keys: number; versions: number; ops: number; deletes_percent: number; first_version: number; roots: string[] }[];
  commit_info: { stores: { name: string; hash: string }[]; root: string }[];
}

const vectors = JSON.parse(readFileSync('test/vectors/iavl/roots.json', 'utf8')) as Vectors;
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function xorshift32(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describe('a tree', () => {
  it.each(vectors.iavl)('has the roots of IAVL after every version of sequence $seed, whatever is in memory', (sequence) => {
    const draw = xorshift32(sequence.seed);
    const disk = new Map<string, Uint8Array>();
    const keys = new NodeKeys('m');
    const load = (node: TreeNode): void => {
      if (node.height === 0 || node.left !== undefined) return;
      expect(loadInner(node, disk.get(keys.of(node.version, node.nonce))!)).toBe(true);
    };
    let root: TreeNode | undefined;
    for (let i = 0; i < sequence.versions; i++) {
      const version = sequence.first_version + i;
      const edit = new TreeEdit(root, version, load);
      for (let op = 0; op < sequence.ops; op++) {
        const isDelete = draw(100) < sequence.deletes_percent;
        const digest = sha256(utf8(`k${draw(sequence.keys)}`));
        const key = latin1(digest.subarray(0, 1 + (digest[31]! % 4)));
        if (isDelete) edit.remove(key);
        else edit.set(key, hashBytes(utf8(`value ${draw(1_000_000)}`)));
      }
      for (const node of edit.seal()) disk.set(keys.of(version, node.nonce), encodeInner(node));
      root = edit.root;
      expect(toHex(Buffer.from(rootHash(root), 'latin1'))).toBe(sequence.roots[i]);
      // Every second version goes on from what is on the disk alone.
      if (i % 2 === 0) root = decodeRoots(encodeRoots(new Map([['m', root]])))!.get('m');
    }
  });

  it('knows the least key of a node that is not in memory', () => {
    const edit = new TreeEdit(undefined, 1, () => undefined);
    for (const key of 'dbacfe') edit.set(key, hashBytes(utf8(key)));
    edit.seal();
    const stub = decodeRoots(encodeRoots(new Map([['m', edit.root]])))!.get('m')!;
    expect(leastKey(stub)).toBe('a');
    expect(stub).toMatchObject({ left: undefined, size: 6 });
  });
});

describe('the root over the stores', () => {
  it.each(vectors.commit_info)('is that of the SDK: $root', ({ stores, root }) => {
    const sorted = stores.map(({ name, hash }) => ({ name, hash: latin1(fromHex(hash)) })).sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(toHex(simpleMerkleRoot(sorted))).toBe(root);
    for (const [index, { name, hash }] of sorted.entries()) {
      const valueHash = sha256(Buffer.from(hash, 'latin1'));
      let at = merkleLeaf(concatBytes(Uint8Array.of(name.length), utf8(name), Uint8Array.of(32), valueHash));
      for (const { hash: beside, isLeft } of simpleMerklePath(sorted, index)) {
        at = sha256(isLeft ? concatBytes(Uint8Array.of(1), beside, at) : concatBytes(Uint8Array.of(1), at, beside));
      }
      expect(toHex(at)).toBe(root);
    }
  });
});
