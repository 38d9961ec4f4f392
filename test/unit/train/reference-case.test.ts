import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { memoryFolder, readSafetensors, REFERENCE_BOUNDS, runReferenceCase, writeSafetensors, type ReferenceCaseFiles, type Tensor } from '../../../src/train/index.js';
import { cosine } from '../../../src/train/reference-case.js';
import { encoded, expectRejected, floats, ROOT } from './helpers.js';

const CASES = resolve(ROOT, '../shared/reference-models');
const NAMES = ['gqa-tied', 'mha-all-linear', 'odd-shapes'];
const present = NAMES.filter((name) => existsSync(resolve(CASES, name, 'io.safetensors')));
for (const name of NAMES) if (!present.includes(name)) console.log(`not run: reference case ${name} is not in ../shared/reference-models`);

function files(name: string): ReferenceCaseFiles {
  const file = (...parts: string[]): Uint8Array => new Uint8Array(readFileSync(resolve(CASES, name, ...parts)));
  return {
    model: memoryFolder({ 'config.json': file('config.json'), 'model.safetensors': file('model.safetensors') }),
    adapterConfig: file('adapter', 'adapter_config.json'),
    adapter: file('adapter', 'adapter_model.safetensors'),
    settings: file('case.json'),
    io: file('io.safetensors'),
  };
}

describe.skipIf(present.length === 0)('what PyTorch and PEFT computed', () => {
  it.each(present)('%s is met within the bounds', async (name) => {
    const result = await runReferenceCase(files(name));
    console.log(`${name}: loss ${result.loss.toFixed(6)} (difference ${result.lossDifference.toExponential(2)}), smallest gradient cosine ${result.smallestCosine.toFixed(6)}, curve difference ${result.curveDifference.toExponential(2)}`);
    expect(result.lossDifference).toBeLessThanOrEqual(5e-3);
    expect(result.smallestCosine).toBeGreaterThanOrEqual(0.999);
    expect(result.curveDifference).toBeLessThanOrEqual(0.1);
    expect(result.logitsCosine).toBeGreaterThanOrEqual(0.999);
    expect(result.baseLogitsCosine).toBeGreaterThanOrEqual(0.999);
    expect(result.withinBounds).toBe(true);
    expect(result.steps).toBe(20);
    expect(result.loss).toBeGreaterThan(1);
  });

  const broken = (edit: (io: Map<string, Tensor>) => void): ReferenceCaseFiles => {
    const good = files(present[0]!);
    const io = readSafetensors(good.io.slice(), 'io');
    edit(io);
    return { ...good, io: writeSafetensors(io) };
  };
  const gradient = (io: Map<string, Tensor>): string => [...io.keys()].find((k) => k.startsWith('grad.') && k.endsWith('lora_B.weight'))!;

  it('is missed where one gradient stands on its head', async () => {
    const result = await runReferenceCase(
      broken((io) => {
        const { bytes, shape } = io.get(gradient(io))!;
        io.set(gradient(io), floats(Float32Array.from(new Float32Array(bytes.slice().buffer), (x) => -x), shape));
      }),
    );
    expect(result).toMatchObject({ withinBounds: false, lossDifference: expect.closeTo(0, 2) as number });
    expect(result.smallestCosine).toBeLessThan(-0.999);
  });

  it.each<[string, (io: Map<string, Tensor>) => void, RegExp]>([
    ['a gradient is missing', (io) => io.delete(gradient(io)), /^io\.safetensors: tensor grad\.\S+ is missing$/],
    ['a gradient holds NaN', (io) => io.set(gradient(io), floats(new Float32Array(io.get(gradient(io))!.bytes.length / 4).fill(NaN, 1, 2))), /^io\.safetensors: tensor grad\.\S+ has NaN at index 1, expected finite values$/],
    ['a gradient has another size', (io) => io.set(gradient(io), floats([1])), /^io\.safetensors: tensor grad\.\S+ has 1 elements, expected \d+$/],
    ['the logits have another size', (io) => io.set('logits', floats([1])), /tensor logits has 1 elements, expected \d+$/],
    ['the losses are no floats', (io) => io.set('losses', { dtype: 'I32', shape: [1], bytes: new Uint8Array(4) }), /tensor losses: expected F32, got I32$/],
    ['the tokens are no list of sequences', (io) => io.set('input_ids', { dtype: 'I32', shape: [4], bytes: new Uint8Array(16) }), /tensor input_ids is I32 \[4\], expected I32 \[B, T\]$/],
    ['the tokens are 64 bits wide', (io) => io.set('input_ids', { dtype: 'I64', shape: [1, 4], bytes: new Uint8Array(32) }), /tensor input_ids is I64 \[1, 4\], expected I32 \[B, T\]$/],
  ])('is refused where %s', async (_what, edit, says) => expectRejected(() => runReferenceCase(broken(edit)), says));

  it('is refused where case.json is none', async () => {
    const good = files(present[0]!);
    await expectRejected(() => runReferenceCase({ ...good, settings: encoded('{') }), /^case\.json: no JSON: /);
    await expectRejected(() => runReferenceCase({ ...good, settings: encoded('{}') }), 'case.json: adamw is nothing, expected an object');
    const { adamw } = JSON.parse(new TextDecoder().decode(good.settings)) as { adamw: object };
    await expectRejected(() => runReferenceCase({ ...good, settings: encoded({ adamw: { ...adamw, lr: 'high' } }) }), 'case.json: adamw.lr is "high", expected a number');
  });
});

describe('the cosine of an angle', () => {
  it('is 1, 0, −1, and 1 only for two zeros', () => {
    const v = (...values: number[]) => Float32Array.from(values);
    expect(cosine(v(1, 2), v(2, 4))).toBeCloseTo(1, 12);
    expect(cosine(v(1, 0), v(0, 1))).toBe(0);
    expect(cosine(v(1, 2), v(-1, -2))).toBeCloseTo(-1, 12);
    expect(cosine(v(0, 0), v(0, 0))).toBe(1);
    expect(cosine(v(0, 0), v(0, 1))).toBe(0);
    expect(cosine(v(1e-30, 0), v(1e-30, 1e-30))).toBeCloseTo(Math.SQRT1_2, 6);
    expect(REFERENCE_BOUNDS).toEqual({ lossDifference: 5e-3, gradientCosine: 0.999, curveDifference: 0.1 });
  });
});
