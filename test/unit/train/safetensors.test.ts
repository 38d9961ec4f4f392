import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { byteLength, elements, float32Tensor, float32Values, readSafetensors, widened, writeSafetensors, type Dtype, type Tensor } from '../../../src/train/safetensors.js';
import { encoded, expectRefused, floats } from './helpers.js';

/** A file of any header text and data, with the length that belongs to it unless another is said. */
function file(header: string | Uint8Array, data: Uint8Array = new Uint8Array(), length?: bigint): Uint8Array {
  const head = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const out = new Uint8Array(8 + head.length + data.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(head.length), true);
  out.set(head, 8);
  out.set(data, 8 + head.length);
  return out;
}

const entry = (shape: readonly number[], begin: number, end: number, dtype = 'F32') => ({ dtype, shape, data_offsets: [begin, end] });
const of = (header: unknown, bytes = 0): Uint8Array => file(JSON.stringify(header), new Uint8Array(bytes));
const read = (bytes: Uint8Array) => readSafetensors(bytes, 'some.safetensors');

const SIZES: Record<Dtype, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1 };

const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...(Object.keys(SIZES) as Dtype[])), fc.array(fc.nat({ max: 4 }), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const size = shape.reduce((n, d) => n * d, SIZES[dtype]);
    return fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => ({ dtype, shape, bytes }));
  });
const anyName = fc.string({ unit: 'grapheme', minLength: 0, maxLength: 12 }).filter((n) => n !== '__metadata__' && n !== '__proto__');
const anyFile = fc.dictionary(anyName, anyTensor, { maxKeys: 6, noNullPrototype: true }).map((tensors) => new Map(Object.entries(tensors)));

describe('safetensors, written and read again', () => {
  it('gives back every tensor of every type and shape', () => {
    fc.assert(
      fc.property(anyFile, (tensors) => {
        const back = read(writeSafetensors(tensors));
        expect([...back.keys()].sort()).toEqual([...tensors.keys()].sort());
        for (const [name, tensor] of tensors) {
          const seen = back.get(name);
          expect({ dtype: seen?.dtype, shape: seen?.shape, bytes: [...(seen?.bytes ?? [])] }).toEqual({ dtype: tensor.dtype, shape: tensor.shape, bytes: [...tensor.bytes] });
        }
      }),
      { numRuns: 200 },
    );
  });

  it('has one form: whatever the order, equal tensors are equal files, and a file read and written is itself', () => {
    fc.assert(
      fc.property(anyFile, fc.infiniteStream(fc.nat()), (tensors, order) => {
        const written = writeSafetensors(tensors);
        const shuffled = [...tensors].map((t) => [order.next().value as number, t] as const).sort((a, b) => a[0] - b[0]);
        expect(writeSafetensors(new Map(shuffled.map(([, t]) => t)))).toEqual(written);
        expect(writeSafetensors(read(written))).toEqual(written);
        const length = new DataView(written.buffer).getBigUint64(0, true);
        expect(length % 8n).toBe(0n);
        const header = new TextDecoder().decode(written.subarray(8, 8 + Number(length)));
        expect(header).toMatch(/^\{.*\} {0,7}$/su);
        const names = Object.keys(JSON.parse(header) as object).filter((n) => !/^[0-9]+$/.test(n));
        expect(names).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
      { numRuns: 200 },
    );
  });

  it('is, for a small file, exactly these bytes', () => {
    const tensors = new Map<string, Tensor>([
      ['b', { dtype: 'U8', shape: [3], bytes: Uint8Array.of(7, 8, 9) }],
      ['a', floats([1, -2], [1, 2])],
    ]);
    const header = '{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const expected = Buffer.concat([Buffer.from([padded.length, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(padded), Buffer.from('0000803f000000c0', 'hex'), Buffer.from([7, 8, 9])]);
    expect(Buffer.from(writeSafetensors(tensors)).toString('hex')).toBe(expected.toString('hex'));
  });

  it('sorts names as bytes, not as UTF-16', () => {
    const [high, low] = ['\u{10000}', '\uffee'];
    expect(high < low).toBe(true);
    const names = [...read(writeSafetensors(new Map([[high, floats([1])], [low, floats([2])]]))).keys()];
    expect(names).toEqual([low, high]);
  });

  it('refuses to write a tensor whose bytes are not of its shape', () => {
    expectRefused(() => writeSafetensors(new Map([['w', { dtype: 'F32', shape: [3], bytes: new Uint8Array(8) }]])), 'tensor w', 'expected 12 bytes, got 8');
  });
});

describe('what is allowed besides the canonical form', () => {
  it('a header of any length: values need no alignment', () => {
    for (let pad = 0; pad < 8; pad++) {
      const data = new Uint8Array(Float32Array.of(1.5, -0.25).buffer);
      const bytes = file(JSON.stringify({ x: entry([2], 0, 8) }) + ' '.repeat(pad), data);
      // And not at the beginning of its memory either.
      const moved = new Uint8Array(bytes.length + 3).subarray(3);
      moved.set(bytes);
      expect([...float32Values(read(moved).get('x')!, 'x')]).toEqual([1.5, -0.25]);
    }
  });

  it('metadata of texts, which is no tensor; tensors in any order; tensors without elements, scalars', () => {
    const header = { __metadata__: { format: 'pt' }, z: entry([1], 0, 4), a: entry([], 4, 8), none: entry([0, 5], 8, 8), first: entry([3, 0], 0, 0) };
    const tensors = read(of(header, 8));
    expect([...tensors.keys()].sort()).toEqual(['a', 'first', 'none', 'z']);
    expect(tensors.get('none')).toMatchObject({ shape: [0, 5], bytes: new Uint8Array() });
    expect(elements(tensors.get('a')!.shape)).toBe(1);
  });

  it('names that an object of JavaScript has already', () => {
    const header = '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"constructor":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}';
    const tensors = read(file(header, new Uint8Array(4)));
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Buffer.from(writeSafetensors(tensors)).toString('latin1')).toContain(header);
    expect(read(writeSafetensors(tensors))).toEqual(tensors);
  });

  it('a file without tensors', () => {
    expect(read(file('{}')).size).toBe(0);
    expect(read(writeSafetensors(new Map())).size).toBe(0);
  });
});

const huge = Number.MAX_SAFE_INTEGER;
const cases: readonly [string, Uint8Array, ...(string | RegExp)[]][] = [
  ['nothing', new Uint8Array(), 'at least 8 bytes, got 0'],
  ['seven bytes', new Uint8Array(7), 'at least 8 bytes, got 7'],
  ['a header beyond the file', file('{}', new Uint8Array(), 3n), 'said to have 3 bytes', 'at most 2'],
  ['a header of 2^63 bytes', file('{}', new Uint8Array(), 2n ** 63n), 'said to have 9223372036854775808 bytes'],
  ['a header of 2^64 − 1 bytes', file('{}', new Uint8Array(), 2n ** 64n - 1n), 'said to have 18446744073709551615 bytes'],
  ['an empty header', file(''), 'no JSON'],
  ['no JSON', file('{"a":'), 'no JSON'],
  ['not UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), 'no JSON'],
  ['a byte order mark', file('\ufeff{}'), 'no JSON'],
  ['an array', file('[]'), 'no JSON object'],
  ['null', file('null'), 'no JSON object'],
  ['a number', file('17'), 'no JSON object'],
  ['100,000 nested arrays', file('['.repeat(100_000)), 'no JSON'],
  ['a tensor that is no object', of({ w: 3 }), 'tensor w', /expected.*object/i],
  ['a tensor without offsets', of({ w: { dtype: 'F32', shape: [1] } }), 'tensor w', 'data_offsets'],
  ['a tensor with another field', of({ w: { ...entry([1], 0, 4), stride: 1 } }, 4), 'tensor w', 'stride'],
  ['an unknown dtype', of({ w: entry([1], 0, 4, 'F4') }, 4), 'tensor w', 'dtype', '"F4"', /expected.*"F32"/],
  ['a dtype of the prototype', of({ w: entry([1], 0, 4, 'constructor') }, 4), 'tensor w', 'dtype', '"constructor"'],
  ['a negative dimension', of({ w: entry([-1], 0, 4) }, 4), 'tensor w', 'shape.0', '-1'],
  ['a fraction as dimension', of({ w: entry([1.5], 0, 6) }, 6), 'tensor w', 'shape.0', '1.5'],
  ['a dimension beyond 2^53', of({ w: entry([2 ** 60], 0, 4) }, 4), 'tensor w', 'shape.0'],
  ['a shape that overflows', of({ w: entry([huge, huge, huge], 0, 4) }, 4), 'tensor w', 'its offsets span 4'],
  ['a shape of 2^62 elements', of({ w: entry([2 ** 31, 2 ** 31], 0, 4) }, 4), 'tensor w', 'its offsets span 4'],
  ['too many dimensions', of({ w: entry(new Array<number>(50).fill(1), 0, 4) }, 4), 'tensor w', 'shape'],
  ['a negative offset', of({ w: entry([1], -4, 0) }, 4), 'tensor w', 'data_offsets.0', '-4'],
  ['offsets backwards', of({ w: entry([1], 4, 0) }, 4), 'tensor w', 'has 4 bytes', 'span -4'],
  ['offsets that are not the size', of({ w: entry([3], 0, 8) }, 8), 'tensor w', 'F32 [3] has 12 bytes', 'span 8'],
  ['a gap at the start', of({ w: entry([1], 4, 8) }, 8), 'tensor w begins at byte 4', 'expected 0'],
  ['a gap', of({ v: entry([1], 0, 4), w: entry([1], 8, 12) }, 12), 'tensor w begins at byte 8', 'expected 4'],
  ['an overlap', of({ v: entry([2], 0, 8), w: entry([1], 4, 8) }, 8), 'tensor w begins at byte 4', 'expected 8'],
  ['two tensors at one place', of({ v: entry([1], 0, 4), w: entry([1], 0, 4) }, 4), 'begins at byte 0', 'expected 4'],
  ['an empty tensor inside another', of({ v: entry([2], 0, 8), w: entry([0], 4, 4) }, 8), 'tensor w begins at byte 4', 'expected 8'],
  ['a tensor beyond the file', of({ w: entry([1000], 0, 4000) }, 8), 'take 4000 bytes', 'holds 8', 'truncated'],
  ['a tensor far beyond the file', of({ w: entry([2 ** 40], 0, 2 ** 42) }, 8), 'holds 8', 'truncated'],
  ['a truncated file', of({ w: entry([2], 0, 8) }, 7), 'take 8 bytes', 'holds 7', 'truncated'],
  ['a file that is too long', of({ w: entry([2], 0, 8) }, 9), 'take 8 bytes', 'holds 9', 'too long'],
  ['metadata that is no object', of({ __metadata__: 'pt' }), '__metadata__', 'object of texts'],
  ['metadata with a number', of({ __metadata__: { step: 3 } }), '__metadata__', 'object of texts'],
  ['a name twice', file('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', new Uint8Array(4)), '"w"', 'twice'],
  ['a name twice, once escaped', file('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0077":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', new Uint8Array(4)), '"w"', 'twice'],
  ['a field twice', file('{"w":{"dtype":"F64","shape":[1],"dtype":"F32","data_offsets":[0,4]}}', new Uint8Array(4)), '"dtype"', 'twice'],
  ['metadata twice', file('{"__metadata__":{},"__metadata__":{"a":"b"}}'), '__metadata__', 'twice'],
  ['a very long name', of({ ['w'.repeat(100_000)]: entry([1], 0, 8) }, 8), 'span 8'],
  ['a very long dtype', of({ w: entry([1], 0, 4, 'F'.repeat(100_000)) }, 4), 'dtype'],
];

describe('a malformed file is refused', () => {
  for (const [name, bytes, ...says] of cases) it(name, () => expectRefused(() => read(bytes), 'some.safetensors: ', ...says));

  it('whatever one changes in a good one, it is read or refused, and never more', () => {
    const good = writeSafetensors(new Map<string, Tensor>([['a.weight', floats([1, 2, 3, 4], [2, 2])], ['b', { dtype: 'U8', shape: [5], bytes: new Uint8Array(5) }]]));
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat({ max: good.length }), fc.boolean(), (changes, cut, isCut) => {
        const bytes = good.slice(0, isCut ? cut : good.length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          const tensors = read(bytes);
          expect([...tensors.values()].reduce((sum, t) => sum + t.bytes.length, 0)).toBeLessThanOrEqual(bytes.length);
          for (const tensor of tensors.values()) expect(tensor.bytes.length).toBe(byteLength(tensor));
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringMatching(/^some\.safetensors: /) as string });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('values', () => {
  it('come back bit by bit', () => {
    fc.assert(
      fc.property(fc.float32Array(), (values) => {
        const back = float32Values(read(writeSafetensors(new Map([['x', float32Tensor(values, [values.length])]]))).get('x')!, 'x');
        expect(new Uint8Array(back.buffer)).toEqual(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }),
      { numRuns: 100 },
    );
  });

  it('of bf16 and f16 widen exactly', () => {
    const every = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const tensor = (dtype: Dtype): Tensor => ({ dtype, shape: [65_536], bytes: new Uint8Array(every.buffer) });
    const wide = widened(tensor('BF16'), 'x');
    expect(new Uint32Array(wide.buffer)).toEqual(Uint32Array.from(every, (h) => h * 65_536));
    const half = widened(tensor('F16'), 'x');
    const expected: readonly (readonly [number, number])[] = [[0x3c00, 1], [0xc000, -2], [0x7bff, 65_504], [0x0001, 2 ** -24], [0x03ff, 1023 * 2 ** -24], [0x0400, 2 ** -14], [0x3555, 0.333251953125], [0x7c00, Infinity], [0xfc00, -Infinity]];
    for (const [bits, value] of expected) expect(half[bits]).toBe(value);
    expect(Object.is(half[0x8000], -0)).toBe(true);
    expect(half[0x7e00]).toBeNaN();
    for (let h = 0; h < 0x7c00; h++) expect(half[h + 1]! > half[h]! || h === 0x7bff).toBe(true);
  });

  it('of another type are refused by name', () => {
    const tensor: Tensor = { dtype: 'I32', shape: [1], bytes: new Uint8Array(4) };
    expectRefused(() => float32Values(tensor, 'w'), 'tensor w: expected F32, got I32');
    expectRefused(() => widened(tensor, 'w'), 'tensor w: expected F32, BF16 or F16, got I32');
    expect(encoded({})).toHaveLength(2);
  });
});
