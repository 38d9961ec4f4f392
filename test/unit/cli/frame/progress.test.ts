import { afterEach, describe, expect, it, vi } from 'vitest';

import { Output, type OutputMode } from '../../../../src/cli/frame/output.js';
import { describeState, formatDuration, startProgress } from '../../../../src/cli/frame/progress.js';
import { table } from '../../../../src/cli/frame/table.js';
import { fakeIo } from '../harness.js';

const MODE: OutputMode = { json: false, stream: true, quiet: false, verbose: false, noColor: true, person: false, logLevel: 'info' };

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('progress', () => {
  it('says how far and how long yet', () => {
    expect(describeState({}, 0)).toBe('');
    expect(describeState({ done: 7 }, 0)).toBe('7');
    expect(describeState({ done: 1, total: 4, detail: 'x' }, 3000)).toBe('25 %, 9.0 s left, x');
    expect(describeState({ done: 4, total: 4 }, 3000)).toBe('100 %');
    expect(describeState({ done: 0, total: 0 }, 3000)).toBe('0');
    expect([1250, 200_000, 7_500_000].map(formatDuration)).toEqual(['1.3 s', '3 min 20 s', '2 h 5 min']);
  });

  it('adds a line only now and then where nobody watches', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { io, stderr } = fakeIo();
    const progress = await startProgress(new Output(io, MODE), 'work');
    progress.update({ done: 1, total: 10 });
    vi.advanceTimersByTime(11_000);
    progress.update({ done: 2, total: 10 });
    progress.update({ done: 3, total: 10 });
    progress.fail();
    progress.update({ done: 4, total: 10 });
    expect(stderr()).toBe('work …\nwork: 20 %, 44.0 s left\nwork: failed after 11.0 s\n');
  });

  it('prints NDJSON once a second for a script', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { io, stdout } = fakeIo();
    const progress = await startProgress(new Output(io, { ...MODE, json: true }), 'work');
    for (let done = 1; done <= 25; done++) {
      vi.advanceTimersByTime(100);
      progress.update({ done, total: 25 });
    }
    progress.fail();
    const lines = stdout().trim().split('\n').map((line) => JSON.parse(line) as { status: string; done: number });
    expect(lines.map(({ done, status }) => [done, status])).toEqual([
      [null, 'running'],
      [1, 'running'],
      [11, 'running'],
      [21, 'running'],
      [25, 'failed'],
    ]);
  });

  it('is lines on a terminal of 0 columns, on which a spinner would never end', async () => {
    const { io, stderr } = fakeIo();
    const before = Object.getOwnPropertyDescriptor(process.stderr, 'columns');
    Object.defineProperty(process.stderr, 'columns', { value: 0, configurable: true });
    try {
      const progress = await startProgress(new Output(io, { ...MODE, person: true }), 'work');
      progress.succeed('5 things');
    } finally {
      if (before === undefined) Reflect.deleteProperty(process.stderr, 'columns');
      else Object.defineProperty(process.stderr, 'columns', before);
    }
    expect(stderr()).toMatch(/^work …\nwork: 5 things \(.* s\)\n$/);
  });

  it('is a spinner for a person', async () => {
    const { io } = fakeIo();
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const progress = await startProgress(new Output(io, { ...MODE, person: true }), 'work');
    progress.update({ done: 1, total: 2 });
    progress.succeed('well');
    const failing = await startProgress(new Output(io, { ...MODE, person: true }), 'other');
    failing.fail();
    const text = written.mock.calls.map(([chunk]) => String(chunk)).join('');
    expect(text).toContain('work: well');
    expect(text).toContain('other: failed after');
  });
});

describe('table', () => {
  it('lines columns up', () => {
    expect(table(['name', 'amount'], [['a', '10'], ['long name', '7']], [1])).toBe('name       amount\na              10\nlong name       7');
  });
});
