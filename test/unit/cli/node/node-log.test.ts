import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { logLine, openNodeLog } from '../../../../src/cli/node/node-log.js';

const TIME = new Date('2026-01-02T03:04:05.678Z');
const folder = mkdtempSync(path.join(os.tmpdir(), 'r3mes-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a line of the log', () => {
  it('is for people, or an object for machines', () => {
    expect(logLine('text', TIME, 'warn', 'engine', 'CometBFT ended')).toBe('2026-01-02T03:04:05.678Z warn  CometBFT ended');
    expect(JSON.parse(logLine('json', TIME, 'info', 'chain', 'block 7', { height: '7', transactions: 2 }))).toEqual({
      time: '2026-01-02T03:04:05.678Z',
      level: 'info',
      module: 'chain',
      message: 'block 7',
      fields: { height: '7', transactions: 2 },
    });
  });

  it('stays one line of JSON whatever the text holds', () => {
    const text = 'a "quoted"\nsecond line\u2028\0';
    const line = logLine('json', TIME, 'error', 'node', text);
    expect(line).not.toContain('\n');
    expect((JSON.parse(line) as { message: string; fields: object }).message).toBe(text);
  });
});

describe('the log of a node', () => {
  it('writes whole lines to its file', async () => {
    const log = await openNodeLog(folder, 'node.log', 'json', { onError: (error) => expect.fail(error.message) });
    log.write('info', 'node', 'one');
    log.write('warn', 'chain', 'two', { height: '2' });
    await log.close();
    const lines = readFileSync(path.join(folder, 'node.log'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['one', 'two']);
  });
});
