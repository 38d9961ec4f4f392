/** AdamW's moments as a file: safetensors with `first.` and `second.` before each adapter tensor's name. */
import { InvalidInputError } from '../protocol/errors.js';
import { expectNothingLeft, takeTensors, tensorsOf } from './adapter.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import type { AdapterLayout, OptimizerState } from './types.js';

const FIRST = 'first.';
const SECOND = 'second.';

/** @throws InvalidInputError naming tensor, seen and expected. */
export function readOptimizer(bytes: Uint8Array, layout: AdapterLayout): OptimizerState {
  const what = 'optimizer state';
  const tensors = readSafetensors(bytes, what);
  const firstMoment = takeTensors(tensors, layout, what, FIRST);
  const secondMoment = takeTensors(tensors, layout, what, SECOND);
  expectNothingLeft(tensors, what);
  const negative = secondMoment.findIndex((x) => x < 0);
  if (negative >= 0) throw new InvalidInputError(`${what}: the second moment is ${secondMoment[negative]} at index ${negative}, expected no negative value`);
  return { firstMoment, secondMoment };
}

export function writeOptimizer(layout: AdapterLayout, state: OptimizerState): Uint8Array {
  return writeSafetensors(new Map([...tensorsOf(layout, state.firstMoment, FIRST), ...tensorsOf(layout, state.secondMoment, SECOND)]));
}

/** Before the first step. */
export function zeroOptimizer(layout: AdapterLayout): OptimizerState {
  return { firstMoment: new Float32Array(layout.size), secondMoment: new Float32Array(layout.size) };
}
