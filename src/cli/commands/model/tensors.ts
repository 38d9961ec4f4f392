import { byteLength, type Dtype, elements as elementsOf, type TensorInfo } from '../../../train/index.js';

export interface TensorSum {
  readonly dtype: Dtype;
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

/** How much of each type the files hold, the largest first. */
export function sumTensors(tensors: ReadonlyMap<string, TensorInfo>): TensorSum[] {
  const sums = new Map<Dtype, TensorSum>();
  for (const { dtype, shape } of tensors.values()) {
    const before = sums.get(dtype) ?? { dtype, tensors: 0, elements: 0, bytes: 0 };
    sums.set(dtype, { dtype, tensors: before.tensors + 1, elements: before.elements + elementsOf(shape), bytes: before.bytes + byteLength({ dtype, shape }) });
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
