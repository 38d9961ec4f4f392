import { describe, expect, it } from 'vitest';

import { mergeAdapter, memoryFolder, normalizeCheckpoint, openCheckpoint, readAdapter, readSafetensors, verifyMaster, writeAdapter, writeSafetensors, type BitNetConfig, type Checkpoint, type NormalizedModel, type Tensor } from '../../../src/train/index.js';
import { bf16Bits, toBf16 } from '../../../src/train/float-bits.js';
import { adapterLayout } from '../../../src/train/index.js';
import { ALL, bf16, configJson, encoded, expectRejected, floats, linearSize, random, readNano, SMALL, type Json } from './helpers.js';
import { nameOf, plainTernary, QUANTIZATION, threeForms, valuesOf, type Forms } from './masters.js';

function open(tensors: ReadonlyMap<string, Tensor>, form: keyof Forms, config: BitNetConfig = SMALL, changes: Json = {}): Promise<Checkpoint> {
  const json = configJson(config, { quantization_config: QUANTIZATION[form], ...changes });
  return openCheckpoint(memoryFolder({ 'config.json': encoded(json), 'model.safetensors': writeSafetensors(tensors) }));
}
async function collected({ weights, config }: NormalizedModel): Promise<{ config: Json; bytes: Uint8Array; tensors: Map<string, Tensor> }> {
  const parts: Uint8Array[] = [];
  for await (const part of weights.chunks()) parts.push(part);
  const bytes = new Uint8Array(Buffer.concat(parts));
  expect(bytes.length).toBe(weights.sizeBytes);
  return { config: JSON.parse(new TextDecoder().decode(config)) as Json, bytes, tensors: readSafetensors(bytes, 'made') };
}
const UP = nameOf(1, 'up_proj');

describe('the form of the registry', () => {
  it.each([SMALL, { ...SMALL, tiedEmbedding: false }])('is one and the same for the three forms of a model, and for itself, %#', async (config) => {
    const forms = threeForms(config);
    const packed = await collected(normalizeCheckpoint(await open(forms.autobitlinear, 'autobitlinear', config)));
    expect(packed.bytes).toEqual(writeSafetensors(forms.autobitlinear));
    expect(packed.config).toMatchObject({ quantization_config: QUANTIZATION.autobitlinear, hidden_size: 16, tie_word_embeddings: config.tiedEmbedding });
    for (const form of ['bitlinear', 'online'] as const) {
      const made = await collected(normalizeCheckpoint(await open(forms[form], form, config)));
      expect(made.bytes).toEqual(packed.bytes);
      expect(made.config).toEqual(packed.config);
    }
    const again = await openCheckpoint(memoryFolder({ 'config.json': encoded(packed.config), 'model.safetensors': packed.bytes }));
    expect(again.config).toEqual(config);
    expect((await collected(normalizeCheckpoint(again))).bytes).toEqual(packed.bytes);
  });

  it('of bitnet-nano has the tensors that the package holds, its scales in binary32', async () => {
    const files = { 'config.json': readNano('config.json'), 'model.safetensors': readNano('model.safetensors') };
    const made = normalizeCheckpoint(await openCheckpoint(memoryFolder(files)));
    expect(JSON.parse(new TextDecoder().decode(made.config))).toEqual(JSON.parse(new TextDecoder().decode(files['config.json'])));
    const { tensors } = await collected(made);
    const stored = readSafetensors(files['model.safetensors'], 'stored');
    expect([...tensors.keys()].toSorted()).toEqual([...stored.keys()].toSorted());
    for (const [name, tensor] of stored) expect(tensors.get(name)).toEqual(name.endsWith('_scale') ? floats(valuesOf(tensor)) : { ...tensor, bytes: new Uint8Array(tensor.bytes) });
  });

  it('drops the second copy of a tied head, widens scales, and keeps the ids of special tokens', async () => {
    const { autobitlinear } = threeForms();
    const plain = await collected(normalizeCheckpoint(await open(autobitlinear, 'autobitlinear')));
    autobitlinear.set('lm_head.weight', bf16(new Float32Array(320), [20, 16])).set(`${UP}_scale`, bf16([0.5], [1]));
    const made = await collected(normalizeCheckpoint(await open(autobitlinear, 'autobitlinear', SMALL, { eos_token_id: [1, 2], bos_token_id: 0, dtype: 'float32', transformers_version: '5' })));
    expect(made.tensors.has('lm_head.weight')).toBe(false);
    expect(made.tensors.get(`${UP}_scale`)).toEqual(floats([0.5]));
    expect(made.config).toEqual({ ...plain.config, eos_token_id: [1, 2], bos_token_id: 0, torch_dtype: 'float32' });
  });

  it('tells of each tensor when it is begun, in the order of the file', async () => {
    const names: string[] = [];
    await collected(normalizeCheckpoint(await open(threeForms().online, 'online'), (name) => names.push(name)));
    expect(names).toEqual(names.toSorted());
    expect(names.length).toBe(SMALL.layers * 11 + 2);
  });

  it.each<[string, keyof Forms, string, Tensor, RegExp]>([
    ['code 3', 'autobitlinear', UP, { dtype: 'U8', shape: [6, 16], bytes: new Uint8Array(96).fill(0x55).fill(0xd5, 37, 38) }, /has code 3 in byte \[2, 5\], expected 0, 1 or 2$/],
    ['NaN in the embedding', 'bitlinear', 'model.embed_tokens.weight', bf16(new Float32Array(320).fill(NaN, 33, 34), [20, 16]), /is NaN at \[2, 1\], expected finite values$/],
    ['infinity in a norm', 'online', 'model.norm.weight', floats(new Float32Array(16).fill(-Infinity, 3, 4)), /is -Infinity at \[3\], expected finite values$/],
    ['NaN in f16', 'online', 'model.norm.weight', { dtype: 'F16', shape: [16], bytes: new Uint8Array(32).fill(0x7e, 31) }, /is NaN at \[15\], expected finite values$/],
  ])('is not made of a model with %s', async (_what, form, name, tensor, says) => {
    const checkpoint = await open(threeForms()[form].set(name, tensor), form);
    await expectRejected(() => collected(normalizeCheckpoint(checkpoint)), `model.safetensors: tensor ${name}`, says);
  });
});

describe('a backbone against its master', () => {
  it('is equal in both packed forms, with one hash', async () => {
    const forms = threeForms({ ...SMALL, tiedEmbedding: false });
    const config = { ...SMALL, tiedEmbedding: false };
    const master = await open(forms.online, 'online', config);
    const hashes = new Set<string>();
    for (const form of ['autobitlinear', 'bitlinear'] as const) {
      const seen = await verifyMaster(await open(forms[form], form, config), master);
      expect(seen).toMatchObject({ equal: true, differences: [], tensors: 2 * (14 + 4) + 3 });
      hashes.add(seen.weightsHash).add(seen.masterHash);
    }
    expect(hashes.size).toBe(1);
  });

  it('is equal where its scales are those of the master up to their type and another order of summing', async () => {
    const { autobitlinear, online } = threeForms();
    const master = await open(online, 'online');
    for (const [name, tensor] of autobitlinear) {
      const [scale = 0] = name.endsWith('_scale') ? valuesOf(tensor) : [];
      if (scale !== 0) autobitlinear.set(name, bf16([toBf16(scale)], [1]));
    }
    const seen = await verifyMaster(await open(autobitlinear, 'autobitlinear'), master);
    expect(seen.equal).toBe(true);
    expect(seen.largestScaleError).toBeGreaterThan(2 ** -12);
    const scaled = (by: number) => open(new Map(threeForms().autobitlinear).set(`${UP}_scale`, floats([valuesOf(threeForms().autobitlinear.get(`${UP}_scale`)!)[0]! * by])), 'autobitlinear');
    expect(await verifyMaster(await scaled(1 + 2 ** -19), master)).toMatchObject({ equal: true, differences: [] });
    expect(await verifyMaster(await scaled(1 + 2 ** -17), master)).toMatchObject({ equal: false, differences: [{ tensor: `${UP}_scale`, count: 1 }] });
  });

  it('differs by tensor, first index and count: weights, scales, norms and the embedding', async () => {
    const { autobitlinear, online } = threeForms();
    const codes = autobitlinear.get(UP)!.bytes;
    const value = (at: number, lane: number): number => ((codes[at]! >> (2 * lane)) & 3) - 1;
    // Byte 17 is row 1 of the lanes, column 1; byte 40 row 2, column 8: output rows 1 + 6·lane and 2 + 6·lane.
    const before = [value(17, 2), value(40, 0)];
    codes[17] = codes[17]! ^ (before[0] === 0 ? 0x10 : 0x20 >> (before[0]! < 0 ? 1 : 0));
    codes[40] = (codes[40]! & ~3) | (before[1]! === 1 ? 0 : before[1]! + 2);
    autobitlinear.set('model.norm.weight', floats(valuesOf(autobitlinear.get('model.norm.weight')!).map((x, i) => (i > 12 ? x + 1 : x))));
    const embedding = valuesOf(autobitlinear.get('model.embed_tokens.weight')!);
    autobitlinear.set('model.embed_tokens.weight', floats(embedding.map((x, i) => (i === 35 ? -x : x)), [20, 16]));
    const scale = valuesOf(autobitlinear.get(`${UP}_scale`)!)[0]!;
    autobitlinear.set(`${UP}_scale`, floats([scale * 2]));
    const seen = await verifyMaster(await open(autobitlinear, 'autobitlinear'), await open(online, 'online'));
    expect(seen.equal).toBe(false);
    expect(seen.weightsHash).not.toBe(seen.masterHash);
    expect(seen.differences).toEqual([
      { tensor: UP, index: [2, 8], seen: before[1] === 1 ? -1 : before[1]! + 1, expected: before[1], count: 2 },
      { tensor: `${UP}_scale`, index: [], seen: scale * 2, expected: scale, count: 1 },
      expect.objectContaining({ tensor: 'model.embed_tokens.weight', index: [2, 3], seen: -embedding[35]!, expected: embedding[35]!, count: 1 }),
      expect.objectContaining({ tensor: 'model.norm.weight', index: [13], count: 3 }),
    ]);
  });

  it('is refused where one of the two is not what it is said to be', async () => {
    const forms = threeForms();
    const packed = await open(forms.autobitlinear, 'autobitlinear');
    const master = await open(forms.online, 'online');
    await expectRejected(() => verifyMaster(master, master), 'the backbone is a float master itself');
    await expectRejected(() => verifyMaster(packed, packed), 'the master has packed weights');
    const wider = { ...SMALL, layers: 1 };
    await expectRejected(async () => verifyMaster(packed, await open(threeForms(wider).online, 'online', wider)), 'config.json: layers is 2, expected 1');
  });
});

describe('an adapter merged into its backbone', () => {
  const layout = adapterLayout(SMALL, { ...ALL, targets: ['q_proj', 'up_proj'] });
  const next = random(3);
  const adapter = { layout, values: Float32Array.from({ length: layout.size }, () => next() - 0.5) };

  it.each(['F32', 'BF16'] as const)('is W·scale + alpha / rank · B·A in %s; the rest stays', async (dtype) => {
    const { autobitlinear, online } = threeForms();
    const made = await collected(mergeAdapter(await open(autobitlinear, 'autobitlinear'), adapter, dtype));
    expect(made.config).toMatchObject({ model_type: 'bitnet', torch_dtype: dtype === 'F32' ? 'float32' : 'bfloat16' });
    expect(made.config).not.toHaveProperty('quantization_config');
    for (const target of ['q_proj', 'up_proj', 'down_proj'] as const) {
      const [out, width] = linearSize(SMALL, target);
      const { weights, scale } = plainTernary(valuesOf(online.get(nameOf(1, target))!));
      const [a, b] = ['A', 'B'].map((f) => layout.slots.find(({ name }) => name.includes(`layers.1.`) && name.includes(`${target}.lora_${f}`)));
      const factor = (slot: typeof a, at: number): number => (slot === undefined ? 0 : adapter.values[slot.offset + at]!);
      const expected = Float32Array.from({ length: out * width }, (_, at) => {
        const [row, column] = [Math.floor(at / width), at % width];
        return weights[at]! * scale + 2 * (factor(b, 2 * row) * factor(a, column) + factor(b, 2 * row + 1) * factor(a, width + column));
      });
      const tensor = made.tensors.get(nameOf(1, target))!;
      expect(tensor).toMatchObject({ dtype, shape: [out, width] });
      const values = valuesOf(tensor);
      for (const [i, x] of expected.entries()) expect(Math.abs(values[i]! - x)).toBeLessThanOrEqual(Math.abs(x) * (dtype === 'F32' ? 2 ** -22 : 2 ** -8) + 1e-9);
      expect(made.tensors.has(`${nameOf(1, target)}_scale`)).toBe(false);
    }
    expect(made.tensors.get('model.embed_tokens.weight')).toEqual(readSafetensors(writeSafetensors(autobitlinear), '').get('model.embed_tokens.weight'));
    expect(made.tensors.size).toBe(SMALL.layers * 11 + 2);
  });

  it('is the same whichever form the backbone has, and no model that r3mes would train', async () => {
    const forms = threeForms();
    const made = await collected(mergeAdapter(await open(forms.autobitlinear, 'autobitlinear'), adapter, 'BF16'));
    expect((await collected(mergeAdapter(await open(forms.online, 'online'), adapter, 'BF16'))).bytes).toEqual(made.bytes);
    await expectRejected(() => openCheckpoint(memoryFolder({ 'config.json': encoded(made.config), 'model.safetensors': made.bytes })), 'quantization_config is nothing');
    expect(readAdapter(writeAdapter(adapter), SMALL, layout.lora).values).toEqual(adapter.values);
  });
});

describe('rounding to narrower floats', () => {
  it.each([
    [1, 0x3f80],
    [1 + 2 ** -8, 0x3f80], // ties: to even
    [1 + 3 * 2 ** -8, 0x3f82],
    [1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [-(1 + 2 ** -8), 0xbf80],
    [0, 0],
    [-0, 0x8000],
    [2 ** -149, 0],
    [3.4028234663852886e38, 0x7f80],
  ])('%d as bf16', (x, bits) => expect(bf16Bits(x)).toBe(bits));
});
