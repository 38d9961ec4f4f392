import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { follow, lastLines } from '../../../../src/cli/node/tail.js';
import { temporaryFolder } from '../harness.js';

describe('lastLines', () => {
  it('gives what splitting the whole file gives, and where the unfinished line begins', async () => {
    const file = path.join(temporaryFolder(), 'log');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a-zé ]{0,40}$/), { maxLength: 30 }), fc.stringMatching(/^[a-z]{0,5}$/), fc.integer({ min: 0, max: 40 }), async (lines, unfinished, count) => {
        const whole = lines.map((line) => `${line}\n`).join('');
        writeFileSync(file, whole + unfinished);
        const tail = await lastLines(file, count);
        expect(tail).toEqual({ lines: count === 0 ? [] : lines.slice(-count), endBytes: Buffer.byteLength(whole) });
      }),
      { numRuns: 150 },
    );
  });

  it('reads backwards over many blocks', async () => {
    const file = path.join(temporaryFolder(), 'log');
    const lines = Array.from({ length: 4000 }, (_, i) => `${i} ${'x'.repeat(i % 200)}`);
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    expect((await lastLines(file, 3000))?.lines).toEqual(lines.slice(-3000));
  });

  it('gives nothing where there is no file', async () => {
    expect(await lastLines(path.join(temporaryFolder(), 'log'), 3)).toBeUndefined();
  });
});

describe('follow', () => {
  it('gives whole lines across rotation and truncation, beginning before there is a file', async () => {
    const file = path.join(temporaryFolder(), 'log');
    const stop = new AbortController();
    const lines = follow(file, 0, stop.signal);
    const next = async (): Promise<unknown> => (await lines.next()).value;
    const first = next();
    writeFileSync(file, 'one\ntw');
    expect(await first).toBe('one');
    appendFileSync(file, 'o\nthree\n');
    expect([await next(), await next()]).toEqual(['two', 'three']);
    const behind = next();
    appendFileSync(file, 'four\n');
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'five\n');
    expect([await behind, await next()]).toEqual(['four', 'five']);
    const after = next();
    truncateSync(file);
    appendFileSync(file, '6\n');
    expect(await after).toBe('6');
    stop.abort();
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });
});
