import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { modelNoun } from '../../../../../src/cli/commands/model/index.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../../../../src/cli/model-directory.js';
import { initialAdapter, readConfig, readSafetensors, TARGETS, writeAdapter, writeAdapterConfig, writeSafetensors } from '../../../../../src/train/index.js';
import type { Tensor } from '../../../../../src/train/index.js';
import { runCli, type Ran, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';

let cwd: string;
let model: string;
beforeEach(() => {
  cwd = temporaryFolder();
  model = path.join(cwd, 'model');
  cpSync(DEFAULT_MODEL_DIRECTORY, model, { recursive: true });
});

function cli(...argv: string[]): Promise<Ran> {
  return runCli(['model', ...argv, '--json'], { cwd });
}
function editConfig(edit: Record<string, unknown>): void {
  const file = path.join(model, 'config.json');
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...edit }));
}
function editWeights(edit: (tensors: Map<string, Tensor>) => void): void {
  const file = path.join(model, 'model.safetensors');
  const tensors = readSafetensors(new Uint8Array(readFileSync(file)), 'model.safetensors');
  edit(tensors);
  writeFileSync(file, writeSafetensors(tensors));
}
function makeAdapter(rank: number): string {
  const folder = path.join(cwd, 'adapter');
  mkdirSync(folder);
  const lora = { rank, alpha: 16, targets: [...TARGETS] };
  const config = readConfig(readFileSync(path.join(model, 'config.json')));
  writeFileSync(path.join(folder, 'adapter_config.json'), writeAdapterConfig(lora, 'bitnet-nano'));
  writeFileSync(path.join(folder, 'adapter_model.safetensors'), writeAdapter(initialAdapter(config, lora, new Uint8Array(32))));
  return folder;
}

describe('help', () => {
  it.each(['inspect', 'check'])('of model %s is pinned', (verb) => expectGoldenHelp(modelNoun, verb));
});

describe('model inspect', () => {
  it('tells sizes, quantisation, limits and what an adapter weighs', async () => {
    const ran = await cli('inspect', 'model', '--rank', '4', '--target', 'v_proj', '--target', 'q_proj');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expectDeclaredKeys(modelNoun, 'inspect', ran.json);
    expect(ran.json).toMatchObject({
      kind: 'model',
      usable: true,
      refusals: [],
      architecture: 'BitNetForCausalLM',
      quantization: { method: 'bitnet', linearClass: 'autobitlinear', mode: 'offline' },
      parameters: { ternary: 3_145_728, float: 268_544, total: 3_414_272 },
      maxSequenceLength: 4096,
      tokenizer: { type: 'BPE', vocabSize: 1024, eosTokenId: 1 },
      // 4 layers of q [256 × 256] and v [128 × 256] at rank 4
      adapter: { rank: 4, targets: ['q_proj', 'v_proj'], parameters: 4 * 4 * (256 + 256 + 256 + 128), bytes: 16 * 4 * (256 + 256 + 256 + 128) },
      engineChecked: true,
    });
    const forPeople = await runCli(['model', 'inspect', 'model'], { cwd });
    expect(forPeople).toMatchObject({ code: 0, stderr: '' });
    expect(forPeople.stdout).toMatch(/parameters +3,414,272: 3,145,728 ternary, 268,544 float\n/);
  });

  it.each<[string, () => void, string, RegExp]>([
    ['another architecture', () => editConfig({ model_type: 'llama' }), 'config.json', /model_type is "llama", expected "bitnet"/],
    ['a config that says that packed weights are masters', () => editConfig({ quantization_config: { quant_method: 'bitnet', linear_class: 'autobitlinear', quantization_mode: 'online' } }), 'model.safetensors', /q_proj\.weight is U8 \[64, 256\], expected F32 or BF16 or F16 \[256, 256\]/],
    ['another packing', () => editConfig({ quantization_config: { quant_method: 'bitnet', linear_class: 'linear', quantization_mode: 'offline' } }), 'config.json', /quantization_config\.linear_class is "linear"/],
    ['no quantisation', () => editConfig({ quantization_config: undefined }), 'config.json', /quantization_config is nothing/],
    ['a config that is no JSON', () => writeFileSync(path.join(model, 'config.json'), '{"model_type":'), 'config.json', /no JSON/],
    ['other sizes than the weights have', () => editConfig({ intermediate_size: 1024 }), 'model.safetensors', /expected .*1024/],
    ['no weights', () => rmSync(path.join(model, 'model.safetensors')), 'model.safetensors', /no such file: .*model\.safetensors/],
    ['weights that were cut off', () => cut('model.safetensors', (b) => b.subarray(0, b.length - 1000)), 'model.safetensors', /truncated/],
    ['weights that go on', () => cut('model.safetensors', (b) => Buffer.concat([b, Buffer.alloc(8)])), 'model.safetensors', /too long/],
    ['a header longer than the file', () => cut('model.safetensors', (b) => Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 127]), b.subarray(8)])), 'model.safetensors', /header is said to have/],
    ['an empty weights file', () => cut('model.safetensors', () => Buffer.alloc(0)), 'model.safetensors', /got 0/],
    ['a tensor too many', () => editWeights((t) => t.set('model.extra', { dtype: 'U8', shape: [1], bytes: new Uint8Array(1) })), 'model.safetensors', /unexpected tensor model\.extra/],
    ['a tensor that is missing', () => editWeights((t) => t.delete('model.layers.2.mlp.up_proj.weight')), 'model.safetensors', /model\.layers\.2\.mlp\.up_proj\.weight is missing/],
    ['a code that is no ternary weight', () => editWeights((t) => (t.get('model.layers.0.mlp.up_proj.weight')!.bytes[3] = 0xff)), 'model.safetensors', /./],
    ['a tokenizer of a larger vocabulary', () => writeFileSync(path.join(model, 'tokenizer.json'), '{}'), 'tokenizer.json', /tokenizer\.json/],
  ])('refuses %s and says why', async (_what, change, file, message) => {
    change();
    const ran = await cli('inspect', 'model');
    expect(ran.code).toBe(1);
    expect(ran.json).toMatchObject({ kind: 'model', usable: false });
    const refusals = ran.json['refusals'] as { file: string; message: string }[];
    expect(refusals).toContainEqual(expect.objectContaining({ file, message: expect.stringMatching(message) as string }));
    expectDeclaredKeys(modelNoun, 'inspect', ran.json);
    const forPeople = await runCli(['model', 'inspect', 'model'], { cwd });
    expect(forPeople.code).toBe(1);
    expect(forPeople.stdout).toContain(`refused       ${refusals[0]!.message}`);
  });

  function cut(name: string, edit: (bytes: Buffer) => Buffer): void {
    const file = path.join(model, name);
    writeFileSync(file, edit(readFileSync(file)));
  }

  it('goes on without a tokenizer', async () => {
    rmSync(path.join(model, 'tokenizer.json'));
    expect(await cli('inspect', 'model')).toMatchObject({ code: 0, json: { usable: true, tokenizer: null } });
  });

  it('names a directory that is missing, a file, and one that holds no model', async () => {
    expect(await cli('inspect', 'nowhere')).toMatchObject({ code: 1, json: { type: 'error', code: 'FILE_NOT_FOUND', message: expect.stringContaining('no such directory') as string } });
    expect(await cli('inspect', 'model/config.json')).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: expect.stringContaining('is a file') as string } });
    expect(await cli('inspect', '.')).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: expect.stringContaining('neither config.json nor adapter_config.json') as string } });
    expect(await cli('inspect')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(await cli('inspect', 'model', '--target', 'lm_head')).toMatchObject({ code: 2, json: { code: 'USAGE', message: expect.stringContaining('lm_head') as string } });
    expect(await cli('inspect', 'model', '--rank', '0')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
  });

  it('tells rank, alpha and layers of an adapter, and holds it against its model', async () => {
    makeAdapter(8);
    const ran = await cli('inspect', 'adapter', '--base', 'model');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expectDeclaredKeys(modelNoun, 'inspect', ran.json);
    expect(ran.json).toMatchObject({ kind: 'adapter', usable: true, rank: 8, alpha: 16, targets: TARGETS, baseModel: 'bitnet-nano', baseChecked: true, parameters: { total: 155_648 } });
    expect((await runCli(['model', 'inspect', 'adapter'], { cwd })).stdout).toContain('rank 8, alpha 16, on q_proj');
    editConfig({ intermediate_size: 1024 });
    expect(await cli('inspect', 'adapter', '--base', 'model')).toMatchObject({ code: 1, json: { usable: false, refusals: [{ file: 'adapter_model.safetensors' }] } });
  });

  it('refuses an adapter that computes something else, or has no tensors', async () => {
    const folder = makeAdapter(2);
    const file = path.join(folder, 'adapter_config.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), use_dora: true }));
    rmSync(path.join(folder, 'adapter_model.safetensors'));
    const ran = await cli('inspect', 'adapter');
    expect(ran).toMatchObject({ code: 1, json: { kind: 'adapter', rank: null, refusals: [{ file: 'adapter_config.json', message: expect.stringContaining('use_dora') as string }, { file: 'adapter_model.safetensors' }] } });
    expectDeclaredKeys(modelNoun, 'inspect', ran.json);
  });
});
