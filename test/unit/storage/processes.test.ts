import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { openLocalStore, readBytes } from '../../../src/storage/index.js';
import { ChildScripts, exitOf } from './child.js';
import { keyStream } from './helpers.js';

const MANY = 1n << 40n;

const SCRIPT = `
import { createCipheriv, createHash } from 'node:crypto';
import { openLocalStore } from './storage/index.js';
const [dir, mode, sizeText, seed] = process.argv.slice(2);
async function* keyStream(size) {
  const cipher = createCipheriv('chacha20', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(65536);
  for (let left = size; left > 0; left -= 65536) yield cipher.update(zeros.subarray(0, Math.min(left, 65536)));
}
const store = await openLocalStore(dir);
const { cid } = await store.add(keyStream(Number(sizeText)));
let read = 0;
if (mode === 'slow') {
  for await (const part of store.read(cid, { maxBytes: 1n << 40n })) {
    read += part.length;
    await new Promise((done) => setTimeout(done, 2));
  }
}
console.log(JSON.stringify({ cid, read, maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
`;

let scripts: ChildScripts;
let dir: string;

beforeAll(async () => {
  scripts = await ChildScripts.compile('protocol', 'storage');
});
afterAll(() => scripts.remove());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'r3mes-processes-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('a store in processes of its own', () => {
  it('moves 200 MB in and, to a slow reader, out in less than 250 MB of memory', async () => {
    const output = await scripts.run('stream', SCRIPT, [dir, 'slow', '200000000', 'memory']);
    const result = JSON.parse(output) as { read: number; maxRssBytes: number };
    expect(result.read).toBe(200_000_000);
    expect(result.maxRssBytes).toBeLessThan(250_000_000);
  });

  it('is shared by writers of the same and of other content', async () => {
    const seeds = ['same', 'same', 'same', 'other'];
    const outputs = await Promise.all(seeds.map((seed, i) => scripts.run(`writer-${i}`, SCRIPT, [dir, 'add', '12000000', seed])));
    const cids = outputs.map((o) => (JSON.parse(o) as { cid: string }).cid);
    expect(new Set(cids).size).toBe(2);
    const store = await openLocalStore(dir);
    for (const cid of cids) expect((await readBytes(store, cid, { maxBytes: MANY })).length).toBe(12_000_000);
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
  });

  it('survives kill −9 in the middle: what is there is whole, and the same add completes', async () => {
    const child = await scripts.start('killed', SCRIPT, [dir, 'add', '400000000', 'killed']);
    const ended = exitOf(child);
    for (let blocks = 0; blocks < 20; ) {
      const names = await readdir(dir, { recursive: true });
      blocks = names.filter((n) => n.endsWith('.data')).length;
    }
    child.kill('SIGKILL');
    expect(await ended).toBe(null);
    const store = await openLocalStore(dir);
    const { cid } = await store.add(keyStream(20_000_000, 'killed', 65_536));
    expect((await readBytes(store, cid, { maxBytes: MANY })).length).toBe(20_000_000);
  });
});
