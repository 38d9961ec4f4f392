import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { ClassicLevel } from 'classic-level';
import { describe, expect, it } from 'vitest';

import { BlockStore } from '../../../../src/chain/solo/block-store.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { openEngine, temporaryFolder } from './harness.js';

async function filled(directory: string): Promise<void> {
  const engine = await openEngine({ directory, stopAtHeight: 3n });
  await engine.broadcast(utf8('some transaction'));
  engine.start();
  await engine.finished;
  await engine.stop();
}

describe('BlockStore', () => {
  it('finds what it stored after it was closed', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    await filled(directory);
    const store = await BlockStore.open(directory);
    expect(store.height).toBe(3n);
    expect(store.txPosition(sha256(utf8('some transaction')))).toEqual({ height: 1n, index: 0 });
    expect(store.meta(1n)!.numTxs).toBe(1n);
    expect(store.block(4n)).toBeUndefined();
    expect(store.results(1n)!.txResults[0]!.gasUsed).toBe(3n);
    expect(await store.txsWithAttribute('say.text', 'some transaction', 10)).toEqual([{ height: 1n, index: 0 }]);
    expect(await store.txsWithAttribute('say.hidden', 'yes', 10)).toEqual([]);
    expect(await store.blocksWithAttribute('round.parity', 'odd', 10)).toEqual([1n, 3n]);
    expect(await store.blocksWithAttribute('round.parity', 'odd', 1)).toEqual([1n]);
    expect(await store.consensusParams(0n)).toBeUndefined();
    expect((await store.consensusParams(99n))!.block!.maxGas).toBe(-1n);
    expect(store.height).toBe(3n);
    await store.close();
  });

  it('removes the newest blocks with all that finds them, also after it was closed', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    await filled(directory);
    const store = await BlockStore.open(directory);
    const hash = store.meta(3n)!.blockId!.hash;
    await store.removeLast();
    expect(store.height).toBe(2n);
    for (const found of [store.block(3n), store.meta(3n), store.results(3n), store.seenCommit(3n), store.heightOfHash(hash)]) expect(found).toBeUndefined();
    expect(await store.blocksWithAttribute('round.parity', 'odd', 10)).toEqual([1n]);
    await store.removeLast();
    await store.removeLast();
    expect(store.txPosition(sha256(utf8('some transaction')))).toBeUndefined();
    expect(await store.txsWithAttribute('say.text', 'some transaction', 10)).toEqual([]);
    await expect(store.removeLast()).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' });
    await store.close();
    const again = await BlockStore.open(directory);
    expect(again.height).toBe(0n);
    await again.close();
  });

  it('tells damage from success', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    await filled(directory);
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, { keyEncoding: 'view', valueEncoding: 'view' });
    const key = Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 2]);
    const value = Uint8Array.from((await level.get(key))!);
    value[10]! ^= 1;
    await level.put(key, value);
    await level.close();
    const store = await BlockStore.open(directory);
    expect(store.block(1n)).toBeDefined();
    expect(() => store.block(2n)).toThrow(/is damaged: the value of key 020000000000000002 does not match its checksum/);
    await store.close();
  });

  it('names a damaged, a locked and an impossible folder', async () => {
    const directory = path.join(temporaryFolder(), 'blocks');
    await filled(directory);
    const store = await BlockStore.open(directory);
    await expect(BlockStore.open(directory)).rejects.toMatchObject({ code: 'DATABASE_LOCKED' });
    await store.close();
    for (const name of readdirSync(directory)) if (name === 'CURRENT') writeFileSync(path.join(directory, name), 'nonsense');
    await expect(BlockStore.open(directory)).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' });
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    await expect(BlockStore.open(path.join(file, 'x'))).rejects.toMatchObject({ code: 'DATABASE_UNUSABLE' });
    expect(readFileSync(file, 'utf8')).toBe('');
    mkdirSync(path.join(temporaryFolder(), 'empty'));
  });
});
