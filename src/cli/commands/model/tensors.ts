import type { Dtype, Tensor } from '../../../train/index.js';

export interface TensorSum {
  readonly dtype: Dtype;
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

/** How much of each type a safetensors file holds, the largest first. */
export function sumTensors(tensors: ReadonlyMap<string, Tensor>): TensorSum[] {
  const sums = new Map<Dtype, TensorSum>();
  for (const { dtype, shape, bytes } of tensors.values()) {
    const before = sums.get(dtype) ?? { dtype, tensors: 0, elements: 0, bytes: 0 };
    const elements = shape.reduce((product, n) => product * n, 1);
    sums.set(dtype, { dtype, tensors: before.tensors + 1, elements: before.elements + elements, bytes: before.bytes + bytes.length });
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

/** `1,234,567` */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(?:[0-9]{3})+$)/g, ',');
}

export function describeSums(sums: readonly TensorSum[]): readonly (readonly [string, string])[] {
  return sums.map(({ dtype, tensors, bytes }) => ['tensors', `${tensors} of ${dtype}, ${grouped(bytes)} bytes`] as const);
}
