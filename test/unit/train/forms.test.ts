import { afterEach, describe, expect, it } from 'vitest';

import { evaluate, loadModel, memoryFolder, writeSafetensors, type BitNetConfig, type Model, type Tensor } from '../../../src/train/index.js';
import { bf16, configJson, encoded, expectRejected, floats, SMALL, tokens, type Json } from './helpers.js';
import { masterWeights, nameOf, QUANTIZATION, threeForms, type Forms } from './masters.js';

const loaded: Model[] = [];
afterEach(() => {
  for (const model of loaded.splice(0)) model.dispose();
});

type Files = Record<string, Uint8Array>;
const INDEX = 'model.safetensors.index.json';

function filesOf(tensors: ReadonlyMap<string, Tensor>, form: keyof Forms, config: BitNetConfig = SMALL): Files {
  return { 'config.json': encoded(configJson(config, { quantization_config: QUANTIZATION[form] })), 'model.safetensors': writeSafetensors(tensors) };
}
/** The same, the tensors dealt out to `shards` files. */
function sharded(tensors: ReadonlyMap<string, Tensor>, form: keyof Forms, shards: number, edit: (map: Record<string, string>) => void = () => undefined): Files {
  const files = filesOf(new Map(), form);
  delete files['model.safetensors'];
  const map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-${String(shard + 1).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}.safetensors`;
    const own = [...tensors].filter((_, i) => i % shards === shard);
    for (const [tensor] of own) map[tensor] = name;
    files[name] = writeSafetensors(new Map(own));
  }
  edit(map);
  files[INDEX] = encoded({ metadata: { total_size: 1 }, weight_map: map });
  return files;
}
async function load(files: Files): Promise<Model> {
  const model = await loadModel(memoryFolder(files));
  loaded.push(model);
  return model;
}
async function lossOf(files: Files): Promise<number> {
  const model = await load(files);
  return (await evaluate(model, undefined, [tokens(32, model.config.vocabSize)], 16)).loss;
}

const UP = nameOf(1, 'up_proj');

describe('one model in three forms', () => {
  it.each([SMALL, { ...SMALL, tiedEmbedding: false }, { ...SMALL, kvHeads: 4 }, { ...SMALL, kvHeads: 1 }])('computes the same, %#', async (config) => {
    const forms = threeForms(config);
    const loss = await lossOf(filesOf(forms.autobitlinear, 'autobitlinear', config));
    expect(await lossOf(filesOf(forms.bitlinear, 'bitlinear', config))).toBe(loss);
    expect(await lossOf(filesOf(forms.online, 'online', config))).toBe(loss);
  });

  it('computes something else where the scale of a legacy checkpoint is taken for the other', async () => {
    const forms = threeForms();
    expect(await lossOf(filesOf(forms.bitlinear, 'autobitlinear'))).not.toBe(await lossOf(filesOf(forms.bitlinear, 'bitlinear')));
  });

  it('takes f32 masters, too', async () => {
    const forms = threeForms(SMALL, 9, 'F32');
    expect(await lossOf(filesOf(forms.online, 'online'))).toBe(await lossOf(filesOf(forms.autobitlinear, 'autobitlinear')));
  });

  it('is the same in shards', async () => {
    const forms = threeForms();
    for (const form of ['online', 'autobitlinear', 'bitlinear'] as const) {
      const loss = await lossOf(filesOf(forms[form], form));
      for (const shards of [1, 2, 5]) expect(await lossOf(sharded(forms[form], form, shards))).toBe(loss);
    }
  });

  it('takes model.safetensors where both are there, as transformers does', async () => {
    const forms = threeForms();
    const files = { ...sharded(threeForms(SMALL, 77).online, 'online', 2), ...filesOf(forms.online, 'online') };
    expect(await lossOf(files)).toBe(await lossOf(filesOf(forms.online, 'online')));
  });
});

describe('a form is refused by the name of the tensor', () => {
  it.each<[string, Tensor, RegExp]>([
    ['packed weights', { dtype: 'U8', shape: [6, 16], bytes: new Uint8Array(96) }, /is U8 \[6, 16\], expected F32 or BF16 or F16 \[24, 16\]/],
    ['another shape', bf16(new Float32Array(384), [16, 24]), /is BF16 \[16, 24\], expected F32 or BF16 or F16 \[24, 16\]/],
    ['NaN', bf16(masterWeights(384, 1, 'BF16').fill(NaN, 100, 101), [24, 16]), /is NaN at \[6, 4\], expected finite values/],
    ['infinity', floats(masterWeights(384, 1, 'F32').fill(-Infinity, 383), [24, 16]), /is -Infinity at \[23, 15\], expected finite values/],
  ])('a master with %s', async (_what, tensor, says) => {
    const { online } = threeForms();
    await expectRejected(() => load(filesOf(online.set(UP, tensor), 'online')), `model.safetensors: tensor ${UP}`, says);
  });

  it('a master with a scale beside it', async () => {
    const { online } = threeForms();
    await expectRejected(() => load(filesOf(online.set(`${UP}_scale`, floats([1])), 'online')), `unexpected tensor ${UP}_scale`);
  });

  it.each([0, -1, NaN, Infinity])('a legacy scale of %d', async (scale) => {
    const { bitlinear } = threeForms();
    await expectRejected(() => load(filesOf(bitlinear.set(`${UP}_scale`, floats([scale])), 'bitlinear')), `tensor ${UP}_scale is ${scale}, expected a finite number above 0`);
  });

  it('a legacy scale that has no reciprocal', async () => {
    const { bitlinear } = threeForms();
    await expectRejected(() => load(filesOf(bitlinear.set(`${UP}_scale`, floats([1e-39])), 'bitlinear')), `tensor ${UP}_scale is 1.0000`, 'whose reciprocal binary32 holds');
  });
});

describe('shards are refused', () => {
  const { online } = threeForms();
  const second = 'model-00002-of-00002.safetensors';

  it.each<[string, (files: Files) => void, RegExp]>([
    ['where the index is no JSON', (f) => (f[INDEX] = encoded('{')), /^model\.safetensors\.index\.json: no JSON/],
    ['where the index has no map', (f) => (f[INDEX] = encoded({})), /^model\.safetensors\.index\.json: weight_map is nothing, expected an object/],
    ['where a shard is truncated', (f) => (f[second] = f[second]!.subarray(0, -1)), /^model-00002-of-00002\.safetensors: .*truncated/],
    ['where a shard promises an absurd header', (f) => (f[second] = Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 127, 0])), /^model-00002-of-00002\.safetensors: the header is said to have 9223372036854775807 bytes, expected at most 1$/],
    ['where a shard is empty', (f) => (f[second] = new Uint8Array()), /^model-00002-of-00002\.safetensors: expected at least 8 bytes, got 0/],
    ['where a shard has a tensor that the index does not know', (f) => (f[second] = writeSafetensors(new Map([['stray', floats([1])]]))), /^model-00002-of-00002\.safetensors has tensor stray, of which .* says nothing/],
  ])('%s', async (_what, edit, says) => {
    const files = sharded(online, 'online', 2);
    edit(files);
    await expectRejected(() => load(files), says);
  });

  it.each<[string, (map: Record<string, string>) => void, RegExp | string]>([
    ['leads out of the folder', (map) => (map[UP] = '../model.safetensors'), /weight_map\..* is "\.\.\/model\.safetensors", expected a file name/],
    ['names another file than the one that has the tensor', (map) => (map[UP] = map[UP] === second ? 'model-00001-of-00002.safetensors' : second), `has tensor ${UP}, of which ${INDEX} says that it is in`],
    ['leaves a tensor out', (map) => Reflect.deleteProperty(map, UP), `has tensor ${UP}, of which ${INDEX} says nothing`],
    ['names a tensor that is nowhere', (map) => (map['model.extra'] = second), `${second}: tensor model.extra is missing, which ${INDEX} says it holds`],
  ])('where the index %s', async (_what, edit, says) => {
    await expectRejected(() => load(sharded(online, 'online', 2, edit)), says);
  });

  it('where a shard is not there', async () => {
    const files = sharded(online, 'online', 2);
    Reflect.deleteProperty(files, second);
    await expect(load(files)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', message: `no such file: ${second}` });
  });

  it('where a tensor of the model is in none of them', async () => {
    const without = new Map(online);
    without.delete(UP);
    await expectRejected(() => load(sharded(without, 'online', 2)), `${INDEX}: tensor ${UP} is missing`);
  });
});

describe('too little memory', () => {
  it('is an error before anything is read', async () => {
    const files = filesOf(threeForms().online, 'online');
    await expect(loadModel(memoryFolder(files), { availableBytes: 1000 })).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/^the model needs about 1 MiB of memory while it is loaded, available are 1 MiB$/) as string,
    });
    (await loadModel(memoryFolder(files), { availableBytes: 100_000 })).dispose();
  });

  it('of a config.json that tells of absurd sizes is met without allocating', async () => {
    const config: Json = configJson(SMALL, { quantization_config: QUANTIZATION.online, num_hidden_layers: 2 ** 31 - 1 });
    const files = { ...filesOf(threeForms().online, 'online'), 'config.json': encoded(config) };
    await expectRejected(() => load(files), 'tensor model.layers.2.input_layernorm.weight is missing');
  });
});
