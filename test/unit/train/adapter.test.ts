import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createModel, nativeAdapterLayout, TARGETS, type NativeModel, type Target } from '../../../src/native/index.js';
import {
  adapterLayout,
  checkLora,
  initialAdapter,
  MAX_RANK,
  nativeLora,
  readAdapter,
  readAdapterConfig,
  readPeftAdapter,
  readConfig,
  slotValues,
  writeAdapter,
  writeAdapterConfig,
  writeSafetensors,
  readSafetensors,
  type BitNetConfig,
  type LoraSettings,
} from '../../../src/train/index.js';
import { ALL, bf16, encoded, expectRefused, floats, linearSize, placeOf, random, readNano, ROOT, SMALL, type Json } from './helpers.js';

const DEEP: BitNetConfig = { ...SMALL, layers: 12 };
const WIDE: BitNetConfig = { ...SMALL, hiddenSize: 32, ffnSize: 8, heads: 2, kvHeads: 1, headSize: 16, layers: 1 };

/** A backbone of zeros: enough to ask the engine where it expects an adapter's tensors. */
function emptyModel(c: BitNetConfig): Promise<NativeModel> {
  const norm = (size: number) => new Float32Array(size).fill(1);
  const linears = TARGETS.map((t) => ({ codes: new Uint8Array((linearSize(c, t)[0] * linearSize(c, t)[1]) / 4).fill(0x55), scale: 1 }));
  const layer = { inputNorm: norm(c.hiddenSize), attentionSubNorm: norm(c.hiddenSize), postAttentionNorm: norm(c.hiddenSize), ffnSubNorm: norm(c.ffnSize), linears };
  return createModel(c, {
    embedding: { dtype: 'F32', bytes: new Uint8Array(c.vocabSize * c.hiddenSize * 4) },
    finalNorm: norm(c.hiddenSize),
    layers: new Array<typeof layer>(c.layers).fill(layer),
  });
}

/** A subset of the targets from the bits of a number. */
const subset = (bits: number): Target[] => TARGETS.filter((_, i) => (bits >> i) & 1);

describe('the layout of an adapter', () => {
  const models = new Map<BitNetConfig, NativeModel>();
  beforeAll(async () => {
    for (const config of [SMALL, DEEP, WIDE]) models.set(config, await emptyModel(config));
  });
  afterAll(() => {
    for (const model of models.values()) model.dispose();
  });

  it("is the engine's, for any targets and rank, with more than ten layers as well", () => {
    fc.assert(
      fc.property(fc.constantFrom(...models.keys()), fc.integer({ min: 1, max: 127 }), fc.integer({ min: 1, max: 9 }), (config, bits, rank) => {
        const lora = { rank, alpha: 3, targets: subset(bits) };
        const layout = adapterLayout(config, lora);
        const seen = layout.slots.map(({ name, shape, offset }) => ({ name, rows: shape[0], columns: shape[1], offset }));
        expect(seen).toEqual(nativeAdapterLayout(models.get(config)!, nativeLora(lora)));
        expect(layout.size).toBe(seen.reduce((sum, { rows, columns }) => sum + rows * columns, 0));
      }),
      { numRuns: 150 },
    );
  });

  it('goes by the bytes of the names: layer 10 before layer 2', () => {
    const names = adapterLayout(DEEP, { ...ALL, targets: ['q_proj'] }).slots.map((s) => s.name);
    expect(names).toHaveLength(24);
    const layers = names.filter((n) => n.endsWith('lora_A.weight')).map((n) => Number(/layers\.(\d+)\./.exec(n)![1]));
    expect(layers).toEqual([0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(names[4]).toBe('base_model.model.model.layers.10.self_attn.q_proj.lora_A.weight');
  });

  it('has A [rank, in] and B [out, rank] of every target, one after the other', () => {
    const { slots, size } = adapterLayout(SMALL, ALL);
    let next = 0;
    for (const { name, shape, offset } of slots) {
      expect(offset).toBe(next);
      next += shape[0] * shape[1];
      const target = TARGETS.find((t) => name.includes(placeOf(t)))!;
      const [out, inFeatures] = linearSize(SMALL, target);
      expect(shape).toEqual(name.endsWith('lora_A.weight') ? [2, inFeatures] : [out, 2]);
    }
    expect(size).toBe(next);
  });

  it.each<[Partial<LoraSettings>, string]>([
    [{ rank: 0 }, 'rank is 0, expected 1 to 4096'],
    [{ rank: -1 }, 'rank is -1'],
    [{ rank: 1.5 }, 'rank is 1.5'],
    [{ rank: NaN }, 'rank is NaN'],
    [{ rank: MAX_RANK + 1 }, 'rank is 4097'],
    [{ alpha: 0 }, 'alpha is 0, expected a finite number above 0'],
    [{ alpha: -16 }, 'alpha is -16'],
    [{ alpha: NaN }, 'alpha is NaN'],
    [{ alpha: Infinity }, 'alpha is Infinity'],
    [{ targets: [] }, 'targets are none'],
    [{ targets: ['k_proj', 'q_proj'] }, 'targets are k_proj, q_proj'],
    [{ targets: ['q_proj', 'q_proj'] }, 'targets are q_proj, q_proj'],
    [{ targets: ['lm_head' as Target] }, 'targets are lm_head'],
  ])('is refused for %j', (changes, says) => {
    expectRefused(() => checkLora({ ...ALL, ...changes }), `LoRA: ${says}`);
    expectRefused(() => adapterLayout(SMALL, { ...ALL, ...changes }), `LoRA: ${says}`);
  });
});

/** splitmix64 and the seed of docs/arithmetic.md §4, written anew. */
function expectedA(seed: Uint8Array, name: string, rank: number, inFeatures: number): number[] {
  const field = (bytes: Uint8Array): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const hash = createHash('sha256').update(field(Buffer.from('r3mes/v1/adapter-init'))).update(field(seed)).update(field(Buffer.from(name))).digest();
  let state = hash.readBigUInt64BE(0);
  const mask = (1n << 64n) - 1n;
  const bound = Math.fround(1 / Math.fround(Math.sqrt(inFeatures)));
  return Array.from({ length: rank * inFeatures }, () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    z ^= z >> 31n;
    const value = Math.fround(Math.fround(Math.fround(Number(z >> 40n)) * 2 ** -23) - 1);
    return Math.fround(value * bound);
  });
}

describe('the first adapter', () => {
  const seed = encoded('a seed');

  it('has B = 0 and A from splitmix64, whose seed is a hash of seed and name', () => {
    const { layout, values } = initialAdapter(SMALL, ALL, seed);
    for (const slot of layout.slots) {
      const expected = slot.name.endsWith('lora_B.weight') ? new Array<number>(slot.shape[0] * slot.shape[1]).fill(0) : expectedA(seed, slot.name, slot.shape[0], slot.shape[1]);
      expect([...slotValues(values, slot)]).toEqual(expected);
    }
  });

  it('follows from its seed alone', () => {
    const file = (s: string) => Buffer.from(writeAdapter(initialAdapter(SMALL, ALL, encoded(s)))).toString('hex');
    expect(file('one')).toBe(file('one'));
    expect(file('one')).not.toBe(file('two'));
  });

  it('of bitnet-nano has this hash for ever', () => {
    const config = readConfig(readNano('config.json'));
    const adapter = initialAdapter(config, { rank: 8, alpha: 16, targets: [...TARGETS] }, seed);
    expect(adapter.values.length).toBe(155_648);
    expect(createHash('sha256').update(writeAdapter(adapter)).digest('hex')).toBe('e4f0b36ad7eaeb4bd27cf9f5660c2483e1ec217d9a16aa6a3aa021135a9b1a13');
  });
});

const values = (size: number, salt = 3): Float32Array => {
  const next = random(salt);
  return Float32Array.from({ length: size }, () => next() - 0.5);
};

describe('an adapter file', () => {
  const layout = adapterLayout(SMALL, ALL);
  const adapter = { layout, values: values(layout.size) };
  const good = writeAdapter(adapter);

  it('comes back as it was', () => {
    const back = readAdapter(good, SMALL, ALL);
    expect(back).toEqual(adapter);
    expect(writeAdapter(back)).toEqual(good);
  });

  it('of PEFT may be bf16 and is widened exactly; that of the network is binary32', () => {
    const narrow = writeSafetensors(new Map([...readSafetensors(good, 'adapter')].map(([name, t]) => [name, bf16(new Float32Array(t.bytes.slice().buffer), t.shape)])));
    const back = readPeftAdapter(narrow, SMALL, ALL);
    for (const [i, x] of back.values.entries()) expect(Math.abs(x - adapter.values[i]!)).toBeLessThanOrEqual(Math.abs(adapter.values[i]!) * 2 ** -7);
    expect(new Uint32Array(back.values.buffer).every((bits) => bits % 65_536 === 0)).toBe(true);
    expect(readPeftAdapter(good, SMALL, ALL)).toEqual(adapter);
    expectRefused(() => readAdapter(narrow, SMALL, ALL), 'is BF16 [', 'expected F32 [');
    expectRefused(() => readPeftAdapter(good, DEEP, ALL), 'adapter_model.safetensors: tensor ', ' is missing');
  });

  it('may have its tensors in any order, and metadata, as PEFT writes it', () => {
    const tensors = [...readSafetensors(good, 'adapter')].reverse();
    let offset = 0;
    const entries = tensors.map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data_offsets: [offset, (offset += bytes.length)] }] as const);
    const header = encoded(JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = new Uint8Array(Buffer.concat([length, header, ...tensors.map(([, t]) => t.bytes)]));
    expect(file).not.toEqual(good);
    expect(writeAdapter(readAdapter(file, SMALL, ALL))).toEqual(good);
  });

  it.each<[string, BitNetConfig, LoraSettings, RegExp]>([
    ['of another rank', SMALL, { ...ALL, rank: 3 }, /^adapter: tensor .*lora_A\.weight is F32 \[2, 24\], expected F32 \[3, 24\]/],
    ['of a wider model', { ...SMALL, hiddenSize: 32, headSize: 8 }, ALL, /^adapter: tensor \S+ is F32 \[\d+, \d+\], expected F32 \[\d+, \d+\]/],
    ['of a model with more layers', DEEP, ALL, /^adapter: tensor base_model\.model\.model\.layers\.10\.mlp\.down_proj\.lora_A\.weight is missing/],
    ['of a model with fewer layers', { ...SMALL, layers: 1 }, ALL, /^adapter: unexpected tensor base_model\.model\.model\.layers\.1\./],
    ['with other targets', SMALL, { ...ALL, targets: ['q_proj', 'v_proj'] }, /^adapter: unexpected tensor base_model\.model\.model\.layers\.0\.mlp\./],
  ])('%s is refused by the name of the tensor', (_what, config, lora, says) => expectRefused(() => readAdapter(good, config, lora), says));

  it('with fewer targets than asked for is refused by the name of the tensor', () => {
    const less: LoraSettings = { ...ALL, targets: ['q_proj', 'v_proj'] };
    const small = adapterLayout(SMALL, less);
    expectRefused(() => readAdapter(writeAdapter({ layout: small, values: values(small.size) }), SMALL, ALL), /^adapter: tensor .*down_proj\.lora_A\.weight is missing/);
  });

  it('of another type, with NaN or with infinity is refused by the name of the tensor and the index', () => {
    const name = layout.slots[5]!.name;
    const edited = (tensor: Parameters<typeof writeSafetensors>[0] extends ReadonlyMap<string, infer T> ? T : never) => writeSafetensors(new Map([...readSafetensors(good, 'adapter'), [name, tensor]]));
    const [rows, columns] = layout.slots[5]!.shape;
    const size = rows * columns;
    expectRefused(() => readAdapter(edited({ dtype: 'BF16', shape: [rows, columns], bytes: new Uint8Array(size * 2) }), SMALL, ALL), `adapter: tensor ${name} is BF16 [${rows}, ${columns}], expected F32 [${rows}, ${columns}]`);
    for (const bad of [NaN, Infinity, -Infinity]) {
      expectRefused(() => readAdapter(edited(floats(new Float32Array(size).fill(bad, 7, 8), [rows, columns])), SMALL, ALL), `adapter: tensor ${name} has ${bad} at index 7, expected finite values`);
    }
  });

  it('with a tensor of a DoRA, a bias or a strange name is refused', () => {
    for (const name of ['base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector', 'base_model.model.lm_head.weight', '__proto__']) {
      expectRefused(() => readAdapter(writeSafetensors(new Map([...readSafetensors(good, 'adapter'), [name, floats([1])]])), SMALL, ALL), `adapter: unexpected tensor ${name}`);
    }
  });
});

describe('adapter_config.json', () => {
  const plain: Json = { peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: ['v_proj', 'q_proj'], bias: 'none' };
  const read = (changes: Json) => readAdapterConfig(encoded(JSON.stringify({ ...plain, ...changes })));

  it('is read; targets stand in the order of the engine', () => {
    expect(read({})).toEqual({ rank: 4, alpha: 8, targets: ['q_proj', 'v_proj'] });
    expect(read({ target_modules: [...TARGETS].reverse(), lora_alpha: 7.5 })).toEqual({ rank: 4, alpha: 7.5, targets: TARGETS });
    expect(read({ rank_pattern: {}, alpha_pattern: {}, modules_to_save: null, use_dora: null, use_rslora: false, layers_to_transform: null, exclude_modules: [], init_lora_weights: 'gaussian', target_parameters: '' })).toEqual(read({}));
  });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_RANK }), fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 127 }), (rank, alpha, bits) => {
        const lora = { rank, alpha, targets: subset(bits) };
        expect(readAdapterConfig(writeAdapterConfig(lora, 'base'))).toEqual(lora);
      }),
      { numRuns: 100 },
    );
    expect(JSON.parse(new TextDecoder().decode(writeAdapterConfig(ALL, 'bitnet-nano')))).toMatchObject({ base_model_name_or_path: 'bitnet-nano', task_type: 'CAUSAL_LM', peft_type: 'LORA', lora_dropout: 0, inference_mode: true });
  });

  it.each<[Json, string]>([
    [{ use_rslora: true }, 'use_rslora is true, expected false: r3mes scales by alpha / r, rsLoRA by alpha / √r'],
    [{ use_dora: true }, 'use_dora is true, expected null or false'],
    [{ bias: 'all' }, 'bias is "all", expected "none"'],
    [{ lora_bias: true }, 'lora_bias is true'],
    [{ use_qalora: true }, 'use_qalora is true'],
    [{ fan_in_fan_out: true }, 'fan_in_fan_out is true'],
    [{ rank_pattern: { q_proj: 8 } }, 'rank_pattern.q_proj is 8, expected nothing'],
    [{ alpha_pattern: { q_proj: 8 } }, 'alpha_pattern.q_proj is 8, expected nothing'],
    [{ use_rslora: 'yes' }, 'use_rslora is "yes", expected false'],
    [{ r: 0 }, 'r is 0, expected at least 1'],
    [{ init_lora_weights: 'pissa_niter_4' }, 'init_lora_weights is "pissa_niter_4", expected '],
    [{ init_lora_weights: 'olora' }, 'init_lora_weights is "olora", expected '],
    [{ modules_to_save: ['lm_head'] }, 'modules_to_save is ["lm_head"], expected null or an empty list'],
    [{ exclude_modules: ['o_proj'] }, 'exclude_modules is ["o_proj"], expected null or an empty list'],
    [{ target_parameters: ['mlp'] }, 'target_parameters is ["mlp"], expected null or an empty list'],
    [{ trainable_token_indices: [1] }, 'trainable_token_indices is [1], expected null or false'],
    [{ alora_invocation_tokens: [1] }, 'alora_invocation_tokens is [1], expected null or false'],
    [{ layers_to_transform: [0] }, 'layers_to_transform is [0]'],
    [{ layer_replication: [[0, 1]] }, 'layer_replication is [[0,1]]'],
    [{ r: 0 }, 'r is 0, expected at least 1'],
    [{ r: 4097 }, 'r is 4097, expected at most 4096'],
    [{ r: 2.5 }, 'r is 2.5, expected a whole number'],
    [{ lora_alpha: 0 }, 'lora_alpha is 0, expected more than 0'],
    [{ lora_alpha: null }, 'lora_alpha is null, expected a number'],
    [{ peft_type: 'LOHA' }, 'peft_type is "LOHA", expected "LORA"'],
    [{ target_modules: 'all-linear' }, 'target_modules is "all-linear", expected an array'],
    [{ target_modules: [] }, 'target_modules is [], expected at least 1 items'],
    [{ target_modules: ['q_proj', 'lm_head'] }, 'target_modules.1 is "lm_head", expected "q_proj" or "k_proj"'],
  ])('with %j is refused by field', (changes, says) => expectRefused(() => read(changes), `adapter_config.json: ${says}`));

  it('that is no JSON is refused', () => {
    for (const bytes of [encoded('{'), new Uint8Array(), Uint8Array.of(0xff)]) expectRefused(() => readAdapterConfig(bytes), /^adapter_config\.json: no JSON: /);
    expectRefused(() => readAdapterConfig(encoded('[]')), 'adapter_config.json: the file is [], expected an object');
  });
});

describe('adapters that PEFT wrote', () => {
  const cases = resolve(ROOT, '../shared/reference-models');
  const names = ['gqa-tied', 'mha-all-linear', 'odd-shapes'];
  const missing = names.filter((n) => !existsSync(resolve(cases, n, 'adapter')));
  if (missing.length > 0) console.log(`not read: ${missing.join(', ')} (the reference cases are not in ../shared/reference-models)`);

  it.each(names.filter((n) => !missing.includes(n)))('%s is read, and what we write of it is the same tensors', (name) => {
    const file = (...parts: string[]): Uint8Array => new Uint8Array(readFileSync(resolve(cases, name, ...parts)));
    const lora = readAdapterConfig(file('adapter', 'adapter_config.json'));
    const bytes = file('adapter', 'adapter_model.safetensors');
    const adapter = readAdapter(bytes, readConfig(file('config.json')), lora);
    const [theirs, ours] = [readSafetensors(bytes, 'PEFT'), readSafetensors(writeAdapter(adapter), 'ours')];
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [key, tensor] of theirs) expect(Buffer.from(ours.get(key)!.bytes).equals(tensor.bytes)).toBe(true);
  });
});
