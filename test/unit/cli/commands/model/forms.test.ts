import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { modelNoun } from '../../../../../src/cli/commands/model/index.js';
import { openLocalStore, readBytes } from '../../../../../src/storage/index.js';
import { initialAdapter, readConfig, readSafetensors, TARGETS, writeAdapter, writeAdapterConfig, writeSafetensors, type Tensor } from '../../../../../src/train/index.js';
import { bf16, configJson, SMALL } from '../../../train/helpers.js';
import { nameOf, QUANTIZATION, threeForms, type Forms } from '../../../train/masters.js';
import { runCli, type Ran, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';

let cwd: string;
const forms = threeForms();
beforeEach(() => {
  cwd = temporaryFolder();
  for (const form of ['online', 'autobitlinear', 'bitlinear'] as const) writeModel(form, form, forms[form]);
});

function writeModel(name: string, form: keyof Forms, tensors: ReadonlyMap<string, Tensor>, shards = 1): void {
  const folder = path.join(cwd, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(configJson(SMALL, { quantization_config: QUANTIZATION[form], eos_token_id: 1 })));
  if (shards === 1) {
    writeFileSync(path.join(folder, 'model.safetensors'), writeSafetensors(tensors));
    return;
  }
  const weight_map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-${shard}.safetensors`;
    const own = [...tensors].filter((_, i) => i % shards === shard);
    for (const [tensor] of own) weight_map[tensor] = file;
    writeFileSync(path.join(folder, file), writeSafetensors(new Map(own)));
  }
  writeFileSync(path.join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map }));
}
function writePeft(name: string, changes: Record<string, unknown> = {}): void {
  const lora = { rank: 2, alpha: 4, targets: [...TARGETS] };
  const folder = path.join(cwd, name);
  mkdirSync(folder);
  const config = JSON.parse(new TextDecoder().decode(writeAdapterConfig(lora, 'x'))) as object;
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ ...config, ...changes }));
  writeFileSync(path.join(folder, 'adapter_model.safetensors'), writeAdapter(initialAdapter(SMALL, lora, new Uint8Array(32))));
}
function cli(...argv: string[]): Promise<Ran> {
  return runCli(['model', ...argv, '--json'], { cwd });
}
function tensorsIn(folder: string): Map<string, Tensor> {
  return readSafetensors(new Uint8Array(readFileSync(path.join(cwd, folder, 'model.safetensors'))), folder);
}

describe('help', () => {
  it.each(['import', 'verify', 'export-adapter', 'merge'])('of model %s is pinned', (verb) => expectGoldenHelp(modelNoun, verb));
});

describe('model import', () => {
  it('gives every form of a model, and shards of it, one CID; the copy is the same again', async () => {
    writeModel('shards', 'online', forms.online, 3);
    const cids = new Set<unknown>();
    for (const form of ['online', 'autobitlinear', 'bitlinear', 'shards']) {
      const ran = await cli('import', form, '--content', 'store', '-o', `copy-${form}`);
      expect(ran).toMatchObject({ code: 0, json: { kind: 'model', form: form === 'shards' ? 'online' : form, layerCount: 2, vocabSize: 20, tokenizerCid: null, output: path.join(cwd, `copy-${form}`) } });
      expectDeclaredKeys(modelNoun, 'import', ran.json);
      cids.add(ran.json['backboneCid']);
      expect(tensorsIn(`copy-${form}`)).toEqual(tensorsIn('autobitlinear'));
    }
    const again = await cli('import', 'copy-online', '--content', 'other');
    cids.add(again.json['backboneCid']);
    expect(cids.size).toBe(1);
    const store = await openLocalStore(path.join(cwd, 'store'));
    const config = await readBytes(store, String([...cids][0]), { maxBytes: 10_000n, path: 'config.json' });
    expect(readConfig(config)).toEqual(SMALL);
    expect(JSON.parse(Buffer.from(config).toString())).toMatchObject({ eos_token_id: 1, quantization_config: QUANTIZATION.autobitlinear });
    await store.close();
  });

  it('stores the tokenizer beside it, and copies it', async () => {
    const ran = await cli('import', path.resolve('templates/models/bitnet-nano'), '-o', 'copy');
    expect(ran).toMatchObject({ code: 0, json: { tokenizerCid: expect.stringMatching(/^baf/) as string, fullParameters: 3_414_272, layerCount: 4 } });
    expect(existsSync(path.join(cwd, 'copy/tokenizer.json'))).toBe(true);
    expect(await cli('inspect', 'copy')).toMatchObject({ code: 0, json: { usable: true } });
  });

  it('makes an adapter of PEFT, be it bf16, the file that the network holds', async () => {
    writePeft('adapter');
    const first = await cli('import', 'adapter', '--base', 'online', '-o', 'copy');
    expect(first).toMatchObject({ code: 0, json: { kind: 'adapter', rank: 2, alpha: 4, targets: TARGETS } });
    expectDeclaredKeys(modelNoun, 'import', first.json);
    const file = path.join(cwd, 'adapter/adapter_model.safetensors');
    expect(readFileSync(path.join(cwd, 'copy/adapter_model.safetensors')).equals(readFileSync(file))).toBe(true);
    const tensors = readSafetensors(new Uint8Array(readFileSync(file)), 'adapter');
    writeFileSync(file, writeSafetensors(new Map([...tensors].map(([name, t]) => [name, bf16(new Float32Array(t.bytes.slice().buffer), t.shape)]))));
    const narrow = await cli('import', 'adapter', '--base', 'online');
    expect(narrow.code).toBe(0);
    expect(narrow.json['adapterCid']).not.toBe(first.json['adapterCid']);
    expect(narrow.json['sizeBytes']).toBe(first.json['sizeBytes']);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['rsLoRA', { use_rslora: true, r: 4, lora_alpha: 8 }, /use_rslora is true, expected false: r3mes scales by alpha \/ r/],
    ['rank 0', { r: 0 }, /r is 0, expected at least 1/],
    ['another rank than its tensors have', { r: 3 }, /lora_A\.weight is F32 \[2, [0-9]+\], expected F32 or BF16 or F16 \[3, [0-9]+\]/],
    ['fewer targets than its tensors', { target_modules: ['q_proj'] }, /unexpected tensor base_model/],
    ['an alpha that the registry does not hold', { lora_alpha: 1.5 }, /lora_alpha is 1\.5, expected a whole number/],
  ])('refuses an adapter with %s', async (_what, changes, says) => {
    writePeft('adapter', changes);
    expect(await cli('import', 'adapter', '--base', 'online')).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: expect.stringMatching(says) as string } });
  });

  it('refuses an adapter of another model, or without its model', async () => {
    writePeft('adapter');
    const other = await cli('import', 'adapter', '--base', path.resolve('templates/models/bitnet-nano'));
    expect(other).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: expect.stringMatching(/down_proj\.lora_A\.weight is F32 \[2, 24\], expected F32 or BF16 or F16 \[2, 768\]/) as string } });
    expect(await cli('import', 'adapter')).toMatchObject({ code: 2, json: { code: 'USAGE', message: expect.stringContaining('expected its model as well') as string } });
  });

  it('leaves no root and no copy of a model with a value that is refused', async () => {
    writeModel('bad', 'online', new Map(forms.online).set('model.norm.weight', bf16(new Float32Array(16).fill(NaN, 5, 6), [16])));
    const ran = await cli('import', 'bad', '--content', 'store', '-o', 'copy');
    expect(ran).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: 'model.safetensors: tensor model.norm.weight is NaN at [5], expected finite values' } });
    expect(existsSync(path.join(cwd, 'copy'))).toBe(false);
  });

  it('asks before it replaces a copy, and never writes over what it reads', async () => {
    expect(await cli('import', 'online', '-o', 'online')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(await cli('import', 'online', '-o', 'bitlinear')).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
    expect(await cli('import', 'online', '-o', 'bitlinear', '--force')).toMatchObject({ code: 0 });
    expect(await cli('inspect', 'bitlinear')).toMatchObject({ code: 0, json: { quantization: { linearClass: 'autobitlinear', mode: 'offline' } } });
  });
});

describe('model inspect', () => {
  it('takes every form, and lists the shards', async () => {
    writeModel('shards', 'bitlinear', forms.bitlinear, 2);
    for (const form of ['online', 'bitlinear', 'shards']) {
      expect(await cli('inspect', form)).toMatchObject({ code: 0, stderr: '', json: { usable: true, engineChecked: true, parameters: { float: 480 } } });
    }
    expect((await cli('inspect', 'shards')).json['files']).toEqual(['config.json', 'model.safetensors.index.json', 'model-0.safetensors', 'model-1.safetensors'].map((name) => ({ name, sizeBytes: expect.any(Number) as number })));
  });
});

describe('model verify', () => {
  it('ends with 0 where the weights are those of the master, in both packed forms', async () => {
    for (const form of ['autobitlinear', 'bitlinear']) {
      const ran = await cli('verify', form, '--master', 'online');
      expect(ran).toMatchObject({ code: 0, json: { equal: true, differing: 0, differences: [] } });
      expectDeclaredKeys(modelNoun, 'verify', ran.json);
      expect(ran.json['weightsHash']).toBe(ran.json['masterHash']);
    }
  });

  it('names the first tensor and index that differ', async () => {
    const name = nameOf(0, 'v_proj');
    const tensor = forms.autobitlinear.get(name)!;
    const bytes = tensor.bytes.slice();
    const code = (bytes[3]! >> 2) & 3;
    bytes[3] = (bytes[3]! & ~12) | (((code + 1) % 3) << 2);
    writeModel('other', 'autobitlinear', new Map(forms.autobitlinear).set(name, { ...tensor, bytes }));
    const ran = await cli('verify', 'other', '--master', 'online');
    // v_proj has 8 rows, two of them a lane: lane 1 of byte 3 is row 2, column 3.
    expect(ran).toMatchObject({ code: 1, json: { equal: false, differing: 1, differences: [{ tensor: name, index: [2, 3], seen: ((code + 1) % 3) - 1, expected: code - 1, count: 1 }] } });
    expect((await runCli(['model', 'verify', 'other', '--master', 'online'], { cwd })).stdout).toContain(`${name} at [2, 3] is ${((code + 1) % 3) - 1}, expected ${code - 1}; 1 element differs\n`);
    expect(await cli('verify', 'online', '--master', 'online')).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT' } });
  });
});

describe('model merge', () => {
  it('writes a model of plain weights, with the type that was asked for', async () => {
    writePeft('adapter');
    for (const [type, dtype] of [['bf16', 'BF16'], ['f32', 'F32']] as const) {
      const ran = await cli('merge', 'bitlinear', '--adapter', 'adapter', '-o', type, '--type', type);
      expect(ran).toMatchObject({ code: 0, json: { dtype: type, rank: 2, alpha: 4, targets: TARGETS } });
      expectDeclaredKeys(modelNoun, 'merge', ran.json);
      expect(tensorsIn(type).get(nameOf(0, 'gate_proj'))).toMatchObject({ dtype, shape: [24, 16] });
      expect(JSON.parse(readFileSync(path.join(cwd, type, 'config.json'), 'utf8'))).not.toHaveProperty('quantization_config');
    }
    expect(await cli('inspect', 'bf16')).toMatchObject({ code: 1, json: { refusals: [{ message: expect.stringContaining('quantization_config is nothing') as string }] } });
    expect(await cli('merge', 'online', '--adapter', 'adapter', '-o', 'online')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(await cli('merge', 'online', '--adapter', 'adapter', '-o', 'bf16')).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
  });
});
