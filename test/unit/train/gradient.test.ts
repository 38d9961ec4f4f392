import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  adapterLayout,
  ARITHMETIC_VERSION,
  floatBits,
  gradientHash,
  lossesDigest,
  readGradientFile,
  readSafetensors,
  TARGETS,
  verifyGradientFile,
  writeGradientFile,
  writeSafetensors,
  type AdapterLayout,
  type GradientIdentity,
  type LoraSettings,
} from '../../../src/train/index.js';
import { ALL, encoded, expectRefused, floats, random, SMALL } from './helpers.js';

type Field = Buffer | string | number;

/** H of docs/protocol.md §1, written anew: numbers are unsigned 64-bit integers. */
function h(tag: string, fields: readonly Field[]): string {
  const hash = createHash('sha256');
  for (const field of [`r3mes/v1/${tag}`, ...fields]) {
    const bytes = typeof field === 'number' ? Buffer.from(BigInt(field).toString(16).padStart(16, '0'), 'hex') : Buffer.from(field as string);
    hash.update(Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex')).update(bytes);
  }
  return hash.digest('hex');
}

/** docs/protocol.md §4, line by line. */
function expectedHash(id: GradientIdentity, layout: AdapterLayout, lossBits: number, values: Float32Array): string {
  const { rank, alpha, targets } = layout.lora;
  const data = Buffer.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  const tensors = layout.slots.flatMap<Field>(({ name, shape, offset }) => [name, 2, shape[0], shape[1], 'F32', data.subarray(4 * offset, 4 * (offset + shape[0] * shape[1]))]);
  const loss = Buffer.alloc(4);
  loss.writeUInt32BE(lossBits);
  return h('gradient', [1, id.backboneCid, id.baseAdapterCid, Buffer.from(id.jobId), rank, alpha, targets.length, ...targets, id.sequenceLength, id.chunkTokens, 1, loss, layout.slots.length, ...tensors]);
}

const LORA: LoraSettings = { rank: 2, alpha: 4, targets: ['q_proj', 'down_proj'] };
const LAYOUT = adapterLayout(SMALL, LORA);
const ID: GradientIdentity = { backboneCid: 'bafybeibackbone', baseAdapterCid: 'bafkreiadapter', jobId: new Uint8Array(32).fill(7), sequenceLength: 256, chunkTokens: 2048 };
const LOSS_BITS = 0x40490fdb;

function values(layout: AdapterLayout = LAYOUT, seed = 5): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: layout.size }, () => next() - 0.5);
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hashOf = (id: GradientIdentity = ID, layout = LAYOUT, bits = LOSS_BITS, v = values(layout)) => hex(gradientHash(id, layout, bits, v));

describe('the hash of a gradient', () => {
  it('is what docs/protocol.md §4 says, for anything', () => {
    const identity = fc.record({
      backboneCid: fc.string(),
      baseAdapterCid: fc.string(),
      jobId: fc.uint8Array({ maxLength: 40 }),
      sequenceLength: fc.nat(),
      chunkTokens: fc.nat(),
    });
    fc.assert(
      fc.property(identity, fc.integer({ min: 1, max: 127 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 64 }), fc.nat({ max: 0x7f7fffff }), fc.nat(), (id, bits, rank, alpha, loss, seed) => {
        const layout = adapterLayout(SMALL, { rank, alpha, targets: TARGETS.filter((_, i) => (bits >> i) & 1) });
        const v = values(layout, seed);
        expect(hashOf(id, layout, loss, v)).toBe(expectedHash(id, layout, loss, v));
      }),
      { numRuns: 100 },
    );
  });

  it('has this value for ever', () => {
    expect(ARITHMETIC_VERSION).toBe(1);
    expect(hashOf()).toBe('61011652a13d61c15ad1cf82bc1be9f6c722d004831ac1075f7480fc15c38218');
    expect(expectedHash(ID, LAYOUT, LOSS_BITS, values())).toBe(hashOf());
  });

  it('changes with every field and every single value', () => {
    const seen = new Map<string, string>([[hashOf(), 'nothing']]);
    const expectNew = (what: string, hash: string): void => {
      expect(seen.get(hash) ?? what).toBe(what);
      seen.set(hash, what);
    };
    expectNew('backbone', hashOf({ ...ID, backboneCid: 'bafybeibackbonf' }));
    expectNew('adapter', hashOf({ ...ID, baseAdapterCid: '' }));
    expectNew('moved letter', hashOf({ ...ID, backboneCid: 'bafybeibackboneb', baseAdapterCid: 'afkreiadapter' }));
    expectNew('job', hashOf({ ...ID, jobId: new Uint8Array(32).fill(8) }));
    expectNew('short job', hashOf({ ...ID, jobId: new Uint8Array(31).fill(7) }));
    expectNew('sequence length', hashOf({ ...ID, sequenceLength: 2048 }));
    expectNew('chunk', hashOf({ ...ID, chunkTokens: 256 }));
    expectNew('loss', hashOf(ID, LAYOUT, LOSS_BITS + 1));
    expectNew('alpha', hashOf(ID, adapterLayout(SMALL, { ...LORA, alpha: 5 })));
    expectNew('targets', hashOf(ID, adapterLayout(SMALL, { ...LORA, targets: ['q_proj', 'up_proj'] })));
    for (let i = 0; i < LAYOUT.size; i++) {
      const v = values();
      v[i] = v[i]! + 2 ** -20;
      expectNew(`value ${i}`, hashOf(ID, LAYOUT, LOSS_BITS, v));
    }
  });

  it('has no place for an alpha that is no whole number', () => {
    const layout = adapterLayout(SMALL, { ...LORA, alpha: 7.5 });
    expectRefused(() => gradientHash(ID, layout, LOSS_BITS, values(layout)), 'alpha is 7.5, expected a whole number');
  });
});

describe('the digest of losses', () => {
  it('is H("losses", count, each as 8 bytes of two\'s complement, big-endian)', () => {
    fc.assert(
      fc.property(fc.bigInt64Array(), (losses) => {
        const fields = [...losses].map((loss) => Buffer.from(BigInt.asUintN(64, loss).toString(16).padStart(16, '0'), 'hex'));
        expect(hex(lossesDigest(losses))).toBe(h('losses', [losses.length, ...fields]));
      }),
      { numRuns: 100 },
    );
  });

  it('has this value for ever', () => {
    expect(hex(lossesDigest(BigInt64Array.of(1_048_576n, 0n, -1n, 2n ** 52n)))).toBe('43ba4726a0bf67bacefb0f5a89a708d36cc2da100787b112b12779114fbad7a3');
  });
});

describe('a gradient file', () => {
  const good = writeGradientFile(LAYOUT, values());
  const expected = { identity: ID, layout: LAYOUT, lossBits: LOSS_BITS, gradientHash: gradientHash(ID, LAYOUT, LOSS_BITS, values()) };

  it('is read and verified', () => {
    expect(readGradientFile(good, LAYOUT)).toEqual(values());
    expect(verifyGradientFile(good, expected)).toEqual(values());
  });

  it('has one form: metadata, another order or blanks are refused', () => {
    const tensors = [...readSafetensors(good, 'gradient')];
    const build = (extra: object, order: typeof tensors, blanks: string): Uint8Array => {
      let offset = 0;
      const entries = order.map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data_offsets: [offset, (offset += bytes.length)] }] as const);
      let header = JSON.stringify({ ...extra, ...Object.fromEntries(entries) });
      header = header.padEnd(Math.ceil(header.length / 8) * 8) + blanks;
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      return new Uint8Array(Buffer.concat([length, encoded(header), ...order.map(([, t]) => t.bytes)]));
    };
    expect(build({}, tensors, '')).toEqual(good);
    for (const other of [build({ __metadata__: {} }, tensors, ''), build({}, [...tensors].reverse(), ''), build({}, tensors, ' '.repeat(8))]) {
      expect(readSafetensors(other, 'gradient').size).toBe(tensors.length);
      expectRefused(() => readGradientFile(other, LAYOUT), 'gradient file: it is not in canonical form');
    }
  });

  it('of a changed value, loss or identity has another hash', () => {
    const other = `the submission says ${hex(expected.gradientHash)}`;
    const changed = good.slice();
    changed[good.length - 1]! ^= 1;
    expectRefused(() => verifyGradientFile(changed, expected), 'gradient file: its hash is ', other);
    expectRefused(() => verifyGradientFile(good, { ...expected, lossBits: LOSS_BITS - 1 }), 'gradient file: its hash is ', other);
    expectRefused(() => verifyGradientFile(good, { ...expected, identity: { ...ID, baseAdapterCid: 'bafkreiother' } }), 'gradient file: its hash is ', other);
  });

  it('is refused whatever single byte of it is changed', () => {
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = good.slice();
        bytes[at]! ^= change;
        expectRefused(() => verifyGradientFile(bytes, expected), 'gradient file: ');
      }),
      { numRuns: 500 },
    );
  });

  it('with NaN, of other targets, or with one tensor more is refused by name', () => {
    expectRefused(() => readGradientFile(writeGradientFile(LAYOUT, values().fill(NaN, 3, 4)), LAYOUT), `gradient file: tensor ${LAYOUT.slots[0]!.name} has NaN at index 3`);
    const all = adapterLayout(SMALL, ALL);
    expectRefused(() => readGradientFile(good, all), /^gradient file: tensor \S+ is missing/);
    expectRefused(() => readGradientFile(writeGradientFile(all, values(all)), LAYOUT), /^gradient file: unexpected tensor /);
    expectRefused(() => readGradientFile(writeSafetensors(new Map([...readSafetensors(good, 'g'), ['loss', floats([1])]])), LAYOUT), 'unexpected tensor loss');
  });
});

describe('bits of a binary32', () => {
  it('are those of IEEE 754', () => {
    expect([0, 1, -2, 0.1, 2 ** -149].map(floatBits)).toEqual([0, 0x3f800000, 0xc0000000, 0x3dcccccd, 1]);
  });
});
