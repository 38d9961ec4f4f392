import { describe, expect, it } from 'vitest';

import { adapterLayout, readOptimizer, readSafetensors, writeAdapter, writeOptimizer, writeSafetensors } from '../../../src/train/index.js';
import { zeroOptimizer } from '../../../src/train/optimizer.js';
import { ALL, expectRefused, floats, random, SMALL } from './helpers.js';

const LAYOUT = adapterLayout(SMALL, ALL);
function state() {
  const next = random(11);
  return {
    firstMoment: Float32Array.from({ length: LAYOUT.size }, () => next() - 0.5),
    secondMoment: Float32Array.from({ length: LAYOUT.size }, () => next()),
  };
}

describe('the optimizer file', () => {
  it('comes back as it was, under the names of the adapter behind first. and second.', () => {
    const bytes = writeOptimizer(LAYOUT, state());
    expect(readOptimizer(bytes, LAYOUT)).toEqual(state());
    expect(writeOptimizer(LAYOUT, readOptimizer(bytes, LAYOUT))).toEqual(bytes);
    const names = [...readSafetensors(bytes, 'optimizer').keys()];
    expect(names).toEqual([...LAYOUT.slots.map((s) => `first.${s.name}`), ...LAYOUT.slots.map((s) => `second.${s.name}`)]);
  });

  it('is zeros before the first step', () => {
    const zero = zeroOptimizer(LAYOUT);
    expect([...zero.firstMoment, ...zero.secondMoment].every((x) => Object.is(x, 0))).toBe(true);
    expect(readOptimizer(writeOptimizer(LAYOUT, zero), LAYOUT)).toEqual(zero);
  });

  it('with a negative second moment is refused; a negative first one is usual', () => {
    const broken = state();
    broken.secondMoment[17] = -1e-30;
    broken.firstMoment[17] = -1e-30;
    expectRefused(() => readOptimizer(writeOptimizer(LAYOUT, broken), LAYOUT), /^optimizer state: the second moment is -1\.0\S*e-30 at index 17, expected no negative value/);
  });

  it('with NaN, a missing, another or a left-over tensor is refused by name', () => {
    const [slot] = LAYOUT.slots;
    const good = writeOptimizer(LAYOUT, state());
    const edited = (edit: (tensors: Map<string, ReturnType<typeof floats>>) => void): Uint8Array => {
      const tensors = readSafetensors(good, 'optimizer');
      edit(tensors);
      return writeSafetensors(tensors);
    };
    const broken = state();
    broken.firstMoment[2] = NaN;
    expectRefused(() => readOptimizer(writeOptimizer(LAYOUT, broken), LAYOUT), `optimizer state: tensor first.${slot!.name} has NaN at index 2`);
    expectRefused(() => readOptimizer(edited((t) => t.delete(`second.${slot!.name}`)), LAYOUT), `tensor second.${slot!.name} is missing`);
    expectRefused(() => readOptimizer(edited((t) => t.set(`second.${slot!.name}`, floats([1]))), LAYOUT), `tensor second.${slot!.name} is F32 [1], expected F32 [`);
    expectRefused(() => readOptimizer(edited((t) => t.set('third.x', floats([1]))), LAYOUT), 'optimizer state: unexpected tensor third.x');
    expectRefused(() => readOptimizer(writeAdapter({ layout: LAYOUT, values: state().firstMoment }), LAYOUT), `tensor first.${slot!.name} is missing`);
    expectRefused(() => readOptimizer(good.subarray(0, good.length - 4), LAYOUT), 'optimizer state: the tensors take', 'truncated');
  });
});
