/** Values of a checkpoint on their way from one file to another, each looked at: nothing passes that the engine would refuse. */
import { InvalidInputError } from '../protocol/errors.js';
import { fromHalf, type Dtype } from './safetensors.js';

function number16(half: number, dtype: Dtype): number {
  if (dtype === 'F16') return fromHalf(half);
  return new Float32Array(Uint32Array.of(half * 65_536).buffer)[0] ?? NaN;
}

/** Index and value of the first element that is NaN or infinite. Assumes a little-endian machine. */
function firstBad(bytes: Uint8Array, dtype: Dtype): { readonly index: number; readonly value: number } | undefined {
  const own = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (dtype === 'F32') {
    const values = new Float32Array(own.buffer, own.byteOffset, own.length / 4);
    const index = values.findIndex((x) => !Number.isFinite(x));
    return index < 0 ? undefined : { index, value: values[index] ?? NaN };
  }
  const exponent = dtype === 'BF16' ? 0x7f80 : 0x7c00;
  const halves = new Uint16Array(own.buffer, own.byteOffset, own.length / 2);
  const index = halves.findIndex((h) => (h & exponent) === exponent);
  return index < 0 ? undefined : { index, value: number16(halves[index] ?? 0, dtype) };
}

function place(element: number, shape: readonly number[]): string {
  const width = shape.at(-1) ?? 1;
  return shape.length < 2 ? `[${element}]` : `[${Math.floor(element / width)}, ${element % width}]`;
}

/**
 * F32, BF16 or F16 in parts of whole elements, as they are.
 * @throws InvalidInputError naming `what` and the index of the first element that is not finite.
 */
export async function* finiteParts(what: string, dtype: Dtype, shape: readonly number[], parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let before = 0;
  for await (const bytes of parts) {
    const bad = firstBad(bytes, dtype);
    if (bad !== undefined) throw new InvalidInputError(`${what} is ${bad.value} at ${place(before + bad.index, shape)}, expected finite values`);
    before += bytes.length / (dtype === 'F32' ? 4 : 2);
    yield bytes;
  }
}

/** Packed weights, as they are. @throws InvalidInputError naming `what` and the first byte that holds the code 3. */
export function checkedCodes(what: string, width: number, codes: Uint8Array): Uint8Array {
  const bad = codes.findIndex((b) => (b & (b >> 1) & 0x55) !== 0);
  if (bad >= 0) throw new InvalidInputError(`${what} has code 3 in byte ${place(bad, [codes.length / width, width])}, expected 0, 1 or 2`);
  return codes;
}
