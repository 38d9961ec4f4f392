import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TimeQueue } from '../../../../src/chain/modules/time-queue.js';
import { contextAt } from './kit.js';

describe('a queue by time', () => {
  it('gives what is due by time and number, whatever the order of pushing', () => {
    const steps = fc.array(fc.oneof(fc.record({ push: fc.bigInt(0n, 50n) }), fc.record({ drain: fc.bigInt(0n, 50n) })), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (list) => {
        const ctx = contextAt(1n);
        const queue = new TimeQueue('test', 1, 2);
        let model: { time: bigint; id: bigint }[] = [];
        let id = 0n;
        for (const step of list) {
          if ('push' in step) {
            queue.push(ctx, step.push, ++id);
            model.push({ time: step.push, id });
            continue;
          }
          const due = model.filter((e) => e.time <= step.drain).sort((a, b) => Number(a.time - b.time) || Number(a.id - b.id));
          model = model.filter((e) => e.time > step.drain);
          expect(queue.drain(ctx, step.drain)).toEqual(due.map((e) => e.id));
        }
        expect(queue.drain(ctx, 50n)).toHaveLength(model.length);
        expect([...ctx.branch.changes()].every((change) => change.value === undefined)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
