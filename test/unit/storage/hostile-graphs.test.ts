import { encode, prepare } from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import { CID } from 'multiformats/cid';
import * as digest from 'multiformats/hashes/digest';
import { describe, expect, it } from 'vitest';

import { blockCid, DAG_PB_CODEC, RAW_CODEC } from '../../../src/protocol/cid.js';
import { sha256 } from '../../../src/protocol/hash.js';
import { MemoryBlocks } from '../../../src/storage/blocks.js';
import { readBytes, UnixfsStore } from '../../../src/storage/index.js';
import { failure } from './helpers.js';

const MANY = 1n << 62n;

/** A store into which blocks are put by hand, as a peer could send them: each hashes to its CID. */
class Forge {
  readonly blocks = new MemoryBlocks();
  readonly store = new UnixfsStore(this.blocks);
  reads = 0;

  constructor() {
    const get = this.blocks.get.bind(this.blocks);
    this.blocks.get = (cid) => {
      this.reads++;
      return get(cid);
    };
  }

  async leaf(bytes: Uint8Array): Promise<CID> {
    const cid = blockCid(RAW_CODEC, bytes);
    await this.blocks.put(cid, bytes);
    return cid;
  }

  async node(links: readonly { cid: CID; size: bigint; name?: string }[], options: { type?: 'file' | 'directory' | 'raw' | 'symlink'; data?: Uint8Array; sizes?: bigint[] } = {}): Promise<CID> {
    const unixfs = new UnixFS({ type: options.type ?? 'file', ...(options.data === undefined ? {} : { data: options.data }) });
    for (const size of options.sizes ?? (options.type === 'directory' ? [] : links.map((l) => l.size))) unixfs.addBlockSize(size);
    return this.raw(encode(prepare({ Data: unixfs.marshal(), Links: links.map((l) => ({ Hash: l.cid, Name: l.name ?? '', Tsize: 1 })) })));
  }

  async raw(block: Uint8Array): Promise<CID> {
    const cid = blockCid(DAG_PB_CODEC, block);
    await this.blocks.put(cid, block);
    return cid;
  }

  read(cid: CID, maxBytes = MANY): Promise<unknown> {
    return failure(readBytes(this.store, cid.toString(), { maxBytes }));
  }
}

const malformed = (text: string) => ({ code: 'CONTENT_MALFORMED', message: expect.stringContaining(text) as string });

describe('graphs that no honest writer makes', () => {
  it('a child shorter or longer than its parent says', async () => {
    const forge = new Forge();
    const leaf = await forge.leaf(new Uint8Array(10));
    for (const size of [9n, 11n]) {
      expect(await forge.read(await forge.node([{ cid: leaf, size }]))).toMatchObject(malformed('it holds 10 bytes where its parent says'));
    }
  });

  it('a tree without end is left at its first lie, whatever size it claims', async () => {
    const forge = new Forge();
    let cid = await forge.leaf(new Uint8Array(1));
    // Every level claims one byte, twice: read naively this is 2^60 visits for two bytes.
    for (let level = 0; level < 60; level++) cid = await forge.node([{ cid, size: 1n }, { cid, size: 1n }]);
    forge.reads = 0;
    expect(await forge.read(cid)).toMatchObject(malformed('it holds 2 bytes where its parent says 1'));
    expect(forge.reads).toBeLessThan(5);
  });

  it('a chain deeper than any file can be', async () => {
    const forge = new Forge();
    let cid = await forge.leaf(new Uint8Array(1));
    for (let level = 0; level < 60; level++) cid = await forge.node([{ cid, size: 1n }]);
    expect(await forge.read(cid)).toMatchObject(malformed('levels deep'));
  });

  it('links that hold nothing, data in inner nodes, no links, sizes without links, too many links', async () => {
    const forge = new Forge();
    const leaf = await forge.leaf(new Uint8Array(1));
    const empty = await forge.leaf(new Uint8Array(0));
    expect(await forge.read(await forge.node([{ cid: empty, size: 0n }]))).toMatchObject(malformed('no bytes'));
    expect(await forge.read(await forge.node([{ cid: leaf, size: 1n }], { data: new Uint8Array(3) }))).toMatchObject(malformed('data itself'));
    expect(await forge.read(await forge.node([]))).toMatchObject(malformed('0 links'));
    expect(await forge.read(await forge.node([{ cid: leaf, size: 1n }], { sizes: [1n, 1n] }))).toMatchObject(malformed('1 links and 2 sizes'));
    const many = Array.from({ length: 1025 }, () => ({ cid: leaf, size: 1n }));
    expect(await forge.read(await forge.node(many))).toMatchObject(malformed('1025 links'));
  });

  it('a claimed size above the limit is refused without reading on', async () => {
    const forge = new Forge();
    const leaf = await forge.leaf(new Uint8Array(1));
    const liar = await forge.node([{ cid: leaf, size: 1n << 60n }]);
    forge.reads = 0;
    expect(await forge.read(liar, 1000n)).toMatchObject({ code: 'CONTENT_TOO_LARGE' });
    expect(forge.reads).toBe(1);
  });

  it('other types, directories inside files, blocks that do not decode', async () => {
    const forge = new Forge();
    const leaf = await forge.leaf(new Uint8Array(1));
    const directory = await forge.node([{ cid: leaf, size: 1n, name: 'a' }], { type: 'directory' });
    expect(await forge.read(await forge.node([{ cid: leaf, size: 1n }], { type: 'symlink' }))).toMatchObject(malformed('symlink'));
    expect(await forge.read(await forge.node([{ cid: directory, size: 1n }]))).toMatchObject(malformed('directory inside a file'));
    expect(await forge.read(await forge.raw(Buffer.from('no protobuf')))).toMatchObject({ code: 'CONTENT_MALFORMED' });
    expect(await forge.read(await forge.raw(encode(prepare({ Links: [] }))))).toMatchObject({ code: 'CONTENT_MALFORMED' });
  });

  it('directory entries without a name or with the same name', async () => {
    const forge = new Forge();
    const leaf = await forge.leaf(new Uint8Array(1));
    for (const names of [[''], ['a', 'a']]) {
      const directory = await forge.node(names.map((name) => ({ cid: leaf, size: 1n, name })), { type: 'directory' });
      const read = failure(readBytes(forge.store, directory.toString(), { path: 'a', maxBytes: MANY }));
      expect(await read).toMatchObject(malformed('entry name'));
    }
  });

  it('links with other hashes or codecs', async () => {
    const forge = new Forge();
    const identity = CID.createV1(RAW_CODEC, digest.create(0, Buffer.from('inline')));
    const cbor = CID.createV1(0x71, digest.create(0x12, sha256(new Uint8Array(1))));
    expect(await forge.read(await forge.node([{ cid: identity, size: 6n }]))).toMatchObject(malformed('SHA-256'));
    expect(await forge.read(await forge.node([{ cid: cbor, size: 6n }]))).toMatchObject(malformed('codec'));
  });

  it('a block above 2 MiB', async () => {
    const forge = new Forge();
    const leaf = await forge.leaf(new Uint8Array(2 * 1_048_576 + 1));
    expect(await forge.read(leaf)).toMatchObject({ code: 'CONTENT_CORRUPT', message: expect.stringContaining('2097153 bytes') as string });
  });
});
