import { describe, expect, it } from 'vitest';

import { cancelled, confirmationNeeded, describeError, missingAnswer, stoppedBy, usageError } from '../../../../src/cli/frame/errors.js';
import { EXIT, EXIT_MEANING, exitCodeOf, mappedErrorCodes } from '../../../../src/cli/frame/exit-codes.js';
import { toJson } from '../../../../src/cli/frame/json.js';
import { InvalidInputError, R3mesError } from '../../../../src/protocol/errors.js';

function system(code: string, message = `${code}: it failed`): Error {
  return Object.assign(new Error(message), { code });
}

describe('exit codes', () => {
  it('are those of the contract', () => {
    expect(Object.keys(EXIT_MEANING).map(Number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 130, 143]);
    expect(new Set(Object.values(EXIT)).size).toBe(11);
    for (const [code, exit] of mappedErrorCodes()) expect(exitCodeOf(code)).toBe(exit);
    expect(exitCodeOf('ANYTHING_ELSE')).toBe(1);
    expect(exitCodeOf('toString')).toBe(1);
  });

  it.each([
    [usageError('m'), 2],
    [missingAnswer('m', '--m'), 2],
    [confirmationNeeded('m'), 3],
    [cancelled('m'), 3],
    [new R3mesError({ code: 'WRONG_PASSWORD', message: 'm' }), 4],
    [new R3mesError({ code: 'NODE_UNREACHABLE', message: 'm' }), 5],
    [new R3mesError({ code: 'ENGINE_UNAVAILABLE', message: 'm' }), 6],
    [new R3mesError({ code: 'TX_PENDING', message: 'm' }), 8],
    [stoppedBy('SIGINT'), 130],
    [stoppedBy('SIGTERM'), 143],
    [new InvalidInputError('m'), 1],
    [new Error('m'), 1],
    ['a thrown text', 1],
  ])('%s ends with %i', (error, exit) => {
    expect(describeError(error).exitCode).toBe(exit);
  });
});

describe('system errors', () => {
  it.each([
    ['ENOSPC', 'DISK_FULL', 1],
    ['EACCES', 'PERMISSION_DENIED', 1],
    ['ENOENT', 'FILE_NOT_FOUND', 1],
    ['EADDRINUSE', 'PORT_IN_USE', 1],
    ['ECONNREFUSED', 'NODE_UNREACHABLE', 5],
    ['ENOTFOUND', 'NODE_UNREACHABLE', 5],
  ])('%s becomes %s', (code, ours, exit) => {
    const report = describeError(system(code));
    expect(report).toMatchObject({ code: ours, exitCode: exit, message: `${code}: it failed` });
    expect(report.hint).not.toBeNull();
  });

  it('are found in causes and in aggregates, as fetch and sockets hide them', () => {
    const fetchFailed = new TypeError('fetch failed', { cause: new AggregateError([system('ECONNREFUSED')], 'none worked') });
    expect(describeError(fetchFailed)).toMatchObject({ code: 'NODE_UNREACHABLE', message: 'fetch failed (ECONNREFUSED)', retryable: true });
    expect(describeError(new Error('m', { cause: system('EWHATEVER') }))).toMatchObject({ code: 'INTERNAL' });
    const endless: Error & { cause?: unknown } = new Error('round and round');
    endless.cause = endless;
    expect(describeError(endless)).toMatchObject({ code: 'INTERNAL' });
  });

  it('without a message are called by their name', () => {
    expect(describeError(new TypeError('')).message).toBe('TypeError');
  });
});

describe('toJson', () => {
  it('knows what JSON does not', () => {
    const value = { a: 1n, b: new Uint8Array([16]), c: [2n, undefined, Infinity], d: { e: Buffer.from([1]) }, f: undefined, g: null, h: 'x' };
    expect(toJson(value)).toBe('{"a":"1","b":"10","c":["2",null,"Infinity"],"d":{"e":"01"},"g":null,"h":"x"}');
  });
});
