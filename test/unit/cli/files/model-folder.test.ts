import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { fileFolder } from '../../../../src/cli/files/model-folder.js';
import { temporaryFolder } from '../harness.js';

it('gives parts of a file, and nothing where there is none', async () => {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'a.bin'), Uint8Array.from({ length: 100 }, (_, i) => i));
  mkdirSync(path.join(folder, 'sub'));
  const opened = fileFolder(folder);
  const source = await opened.open('a.bin');
  expect(source?.sizeBytes).toBe(100);
  expect([...(await source!.read(10, 3))]).toEqual([10, 11, 12]);
  expect((await source!.read(100, 0)).length).toBe(0);
  expect((await source!.read(0, 100)).length).toBe(100);
  expect(await opened.open('b.bin')).toBeUndefined();
  expect(await opened.open('a.bin/b')).toBeUndefined();
  expect(await opened.open('sub')).toBeUndefined();
  expect(await fileFolder(path.join(folder, 'nowhere')).open('a.bin')).toBeUndefined();
});

it('refuses a file that changed between two parts, be it cut, rewritten or longer', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'a.bin');
  for (const bytes of [50, 150, 100]) {
    writeFileSync(file, new Uint8Array(100));
    utimesSync(file, 1, 1);
    const source = await fileFolder(folder).open('a.bin');
    writeFileSync(file, new Uint8Array(bytes).fill(1));
    await expect(source!.read(0, 100)).rejects.toMatchObject({ code: 'INVALID_INPUT', message: `${file} changed while it was read` });
  }
});
