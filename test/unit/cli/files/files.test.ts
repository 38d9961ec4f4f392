import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { createFileAtomic, writeFileAtomic } from '../../../../src/cli/files/atomic.js';
import { openLogFile } from '../../../../src/cli/files/log-file.js';
import { acquirePidFile, holderOf, isAlive, startTicksOf } from '../../../../src/cli/files/pid-file.js';
import { temporaryFolder } from '../harness.js';

const mode = (file: string): number => statSync(file).mode & 0o777;

describe('atomic files', () => {
  it('are replaced in one step, with their mode, and leave nothing beside them', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'new', 'a.json');
    await writeFileAtomic(file, 'one');
    await writeFileAtomic(file, new Uint8Array([116, 119, 111]), 0o600);
    expect(readFileSync(file, 'utf8')).toBe('two');
    expect(mode(file)).toBe(0o600);
    expect(mode(path.dirname(file))).toBe(0o700);
    expect(readdirSync(path.dirname(file))).toEqual(['a.json']);
  });

  it('are created only where there is none', async () => {
    const file = path.join(temporaryFolder(), 'a');
    await createFileAtomic(file, 'one', 0o600);
    await expect(createFileAtomic(file, 'two')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(file, 'utf8')).toBe('one');
    expect(readdirSync(path.dirname(file))).toEqual(['a']);
  });

  it('leave nothing when they cannot be put in place', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'taken', 'inside'), { recursive: true });
    await expect(writeFileAtomic(path.join(folder, 'taken'), 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(createFileAtomic(path.join(folder, 'x'.repeat(250)), 'x')).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    writeFileSync(path.join(folder, 'file'), '');
    await expect(writeFileAtomic(path.join(folder, 'file', 'below'), 'x')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', message: `${path.join(folder, 'file')} is a file, expected a folder` });
    await expect(writeFileAtomic(path.join(folder, 'file', 'far', 'below'), 'x')).rejects.toMatchObject({ code: 'ENOTDIR' });
    expect(readdirSync(folder).sort()).toEqual(['file', 'taken']);
  });

});

describe('pid files', () => {
  it('hold their process and go with it', async () => {
    const file = path.join(temporaryFolder(), 'node.pid');
    expect(await holderOf(file)).toBeUndefined();
    const held = await acquirePidFile(file, 'node', { rpc: 'http://127.0.0.1:1' });
    expect(await holderOf(file)).toMatchObject({ pid: process.pid, info: { rpc: 'http://127.0.0.1:1' } });
    expect(mode(file)).toBe(0o600);
    await expect(acquirePidFile(file, 'node')).rejects.toMatchObject({ code: 'ALREADY_RUNNING', message: expect.stringContaining(`as process ${process.pid}`) as string });
    await held.release();
    await held.release();
    expect(await holderOf(file)).toBeUndefined();
  });

  it('tell others what is known only later, and still go with their process', async () => {
    const file = path.join(temporaryFolder(), 'node.pid');
    const held = await acquirePidFile(file, 'node');
    expect((await holderOf(file))?.info).toEqual({});
    await held.tell({ rpc: 'http://127.0.0.1:2' });
    expect(await holderOf(file)).toMatchObject({ pid: process.pid, info: { rpc: 'http://127.0.0.1:2' } });
    expect(mode(file)).toBe(0o600);
    await held.release();
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });

  if (process.platform !== 'linux') console.log('skipped: only Linux tells of processes that ended and are kept by their parent');
  it.skipIf(process.platform !== 'linux')('of a process that has ended and is kept by its parent are free', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = Number(await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve)));
    const state = (): string => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1] ?? '';
    while (!state().startsWith('Z')) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isAlive({ pid, startTicks: startTicksOf(pid), info: {} })).toBe(false);
    parent.kill();
  });

  it('of dead processes are replaced, and so is rubbish', async () => {
    const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
    await new Promise((resolve) => child.on('exit', resolve));
    for (const content of [JSON.stringify({ pid: child.pid, startTicks: 0, info: {} }), 'rubbish', '[]', 'null', '{"pid":"1"}', '{"pid":-1}', '']) {
      const file = path.join(temporaryFolder(), 'node.pid');
      writeFileSync(file, content);
      expect(await holderOf(file)).toBeUndefined();
      const held = await acquirePidFile(file, 'node');
      expect(readdirSync(path.dirname(file))).toEqual(['node.pid']);
      await held.release();
    }
  });

  it('tell a process from a later one with the same number', () => {
    const ticks = startTicksOf(process.pid);
    expect(isAlive({ pid: process.pid, startTicks: ticks, info: {} })).toBe(true);
    expect(isAlive({ pid: process.pid, startTicks: 0, info: {} })).toBe(true);
    if (ticks !== 0) expect(isAlive({ pid: process.pid, startTicks: ticks + 1, info: {} })).toBe(false);
    expect(startTicksOf(2 ** 30)).toBe(0);
  });

  it('are not removed by a process that lost them', async () => {
    const file = path.join(temporaryFolder(), 'node.pid');
    const held = await acquirePidFile(file, 'node');
    const other = JSON.stringify({ pid: 1, startTicks: 0, info: { x: 1 } });
    writeFileSync(file, other);
    await held.release();
    expect(readFileSync(file, 'utf8')).toBe(other);
    expect(await holderOf(file)).toMatchObject({ pid: 1, info: {} });
  });

  it('let one of many starters win', async () => {
    const file = path.join(temporaryFolder(), 'node.pid');
    writeFileSync(file, JSON.stringify({ pid: 2 ** 30, startTicks: 0, info: {} }));
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => acquirePidFile(file, 'node', { i: String(i) })));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(readdirSync(path.dirname(file))).toEqual(['node.pid']);
  });

  it('tell of a folder that cannot be read', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'node.pid'));
    await expect(holderOf(path.join(folder, 'node.pid'))).rejects.toMatchObject({ code: 'EISDIR' });
  });
});

describe('log files', () => {
  it('rotate by size and keep a bounded number of old ones', async () => {
    const folder = temporaryFolder();
    const errors: Error[] = [];
    const log = await openLogFile(folder, 'node.log', { maxBytes: 1024, keepFiles: 2, onError: (error) => errors.push(error) });
    for (let i = 0; i < 40; i++) {
      log.write(`${String(i).padStart(4, '0')} ${'x'.repeat(200)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await log.close();
    const files = readdirSync(folder).sort();
    expect(files).toContain('node.log');
    expect(files).toContain('node.log.1.gz');
    expect(files.length).toBeLessThanOrEqual(3);
    expect(mode(path.join(folder, 'node.log'))).toBe(0o600);
    expect(errors).toEqual([]);
  });

  it('go on in the file that is there', async () => {
    const folder = temporaryFolder();
    for (const line of ['one', 'two\n']) {
      const log = await openLogFile(folder, 'node.log', { onError: () => undefined });
      log.write(line);
      await log.close();
    }
    expect(readFileSync(path.join(folder, 'node.log'), 'utf8')).toBe('one\ntwo\n');
  });

  it('report errors instead of throwing them', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'node.log'));
    chmodSync(path.join(folder, 'node.log'), 0o700);
    const seen = await new Promise<Error>((resolve) => {
      void openLogFile(folder, 'node.log', { onError: resolve }).then((log) => log.write('x'));
    });
    expect(seen).toBeInstanceOf(Error);
  });
});
