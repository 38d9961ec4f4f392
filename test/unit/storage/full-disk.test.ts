import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { MemoryBlocks } from '../../../src/storage/blocks.js';
import { storeError } from '../../../src/storage/errors.js';
import { openLocalStore, readBytes, UnixfsStore } from '../../../src/storage/index.js';
import { collect, failure, keyStream } from './helpers.js';

const MANY = 1n << 40n;

describe('a full disk', () => {
  let dir: string;
  let mounted = false;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'r3mes-full-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'ignore' });
      mounted = true;
    } catch (cause) {
      console.log(`not run on a real full disk: mounting a tmpfs is not permitted here (${String(cause)})`);
    }
  });
  afterEach(async () => {
    if (mounted) execFileSync('umount', [dir]);
    await rm(dir, { recursive: true, force: true });
  });

  it('is a clear error, leaves whole blocks only, and goes on when there is space', async (context) => {
    if (!mounted) {
      context.skip('no permission to mount a tmpfs');
      return;
    }
    const store = await openLocalStore(dir);
    const small = await store.add(keyStream(500_000, 'small'));
    const error = await failure(store.add(keyStream(8_000_000, 'large')));
    expect(error).toMatchObject({ code: 'DISK_FULL', retryable: true, message: expect.stringContaining('no space left (ENOSPC)') as string });
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
    const kept = await collect(store.read(small.cid, { maxBytes: MANY }));
    expect(kept.equals(await collect(keyStream(500_000, 'small')))).toBe(true);
    execFileSync('mount', ['-o', 'remount,size=32m', dir]);
    const large = await store.add(keyStream(8_000_000, 'large'));
    expect((await readBytes(store, large.cid, { maxBytes: MANY })).length).toBe(8_000_000);
  });
});

describe('a place for blocks that fails', () => {
  class Failing extends MemoryBlocks {
    left = 3;
    constructor(private readonly code: string) {
      super();
    }
    override async put(...args: Parameters<MemoryBlocks['put']>): Promise<void> {
      if (this.left-- <= 0) throw Object.assign(new Error(`${this.code}: write`), { code: this.code, errno: -28, syscall: 'write' });
      await super.put(...args);
    }
  }

  it.each([
    ['ENOSPC', 'DISK_FULL', true],
    ['EDQUOT', 'DISK_FULL', true],
    ['EIO', 'STORE_IO', false],
  ])('%s becomes %s, once, and no root is there', async (errno, code, retryable) => {
    const blocks = new Failing(errno);
    const store = new UnixfsStore(blocks);
    expect(await failure(store.add(keyStream(9_000_000, 'fails')))).toMatchObject({ code, retryable });
    blocks.left = Infinity;
    const { cid } = await new UnixfsStore(new MemoryBlocks()).add(keyStream(9_000_000, 'fails'));
    expect(await store.has(cid)).toBe(false);
    expect((await store.add(keyStream(9_000_000, 'fails'))).cid).toBe(cid);
  });

  it('keeps errors that are ours and names what it was doing for others', () => {
    const ours = storeError(Object.assign(new Error('x'), { code: 'EROFS' }), 'storing block b');
    expect(ours).toMatchObject({ code: 'STORE_IO', message: 'the content store failed (EROFS) while storing block b' });
    expect(storeError(ours, 'something else')).toBe(ours);
    expect(storeError('a text', 'reading').message).toContain('unknown');
  });
});
