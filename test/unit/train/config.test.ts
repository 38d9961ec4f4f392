import { describe, expect, it } from 'vitest';

import { readCheckpointConfig } from '../../../src/train/config.js';
import { readConfig } from '../../../src/train/index.js';
import { configJson, encoded, expectRefused, readNano, SMALL, type Json } from './helpers.js';

const read = (changes: Json = {}) => readConfig(encoded(configJson(SMALL, changes)));
function without(field: string): Json {
  return Object.fromEntries(Object.entries(configJson()).filter(([key]) => key !== field));
}
const quantized = (changes: Json): Json => ({ quantization_config: { quant_method: 'bitnet', linear_class: 'autobitlinear', quantization_mode: 'offline', ...changes } });

describe('config.json', () => {
  it('is read', () => {
    expect(read()).toEqual(SMALL);
    expect(readConfig(readNano('config.json'))).toEqual({
      hiddenSize: 256,
      ffnSize: 768,
      layers: 4,
      heads: 8,
      kvHeads: 4,
      headSize: 32,
      vocabSize: 1024,
      maxPositions: 4096,
      rmsEpsilon: 1e-5,
      ropeTheta: 10_000,
      tiedEmbedding: true,
    });
  });

  it('may leave out what Hugging Face has a default for', () => {
    expect(readConfig(encoded(without('num_key_value_heads'))).kvHeads).toBe(4);
    expect(readConfig(encoded(without('rope_theta'))).ropeTheta).toBe(500_000);
    expect(readConfig(encoded(without('tie_word_embeddings'))).tiedEmbedding).toBe(false);
    expect(readConfig(encoded(without('attention_bias')))).toEqual(SMALL);
    expect(read({ head_dim: 4 })).toEqual(SMALL);
  });

  it('has its RoPE base at either place; the newer one counts', () => {
    expect(read({ rope_theta: 123 }).ropeTheta).toBe(123);
    expect(readConfig(encoded({ ...without('rope_theta'), rope_parameters: { rope_theta: 456, rope_type: 'default' } })).ropeTheta).toBe(456);
    expect(read({ rope_theta: 123, rope_parameters: { rope_theta: 456 } }).ropeTheta).toBe(456);
    expect(read({ rope_parameters: null, rope_scaling: null }).ropeTheta).toBe(SMALL.ropeTheta);
  });

  it.each<[Json, string]>([
    [quantized({}), 'autobitlinear'],
    [quantized({ linear_class: 'bitlinear' }), 'bitlinear'],
    [quantized({ quantization_mode: 'online' }), 'online'],
    // What transformers takes where nothing is said.
    [{ quantization_config: { quant_method: 'bitnet' } }, 'bitlinear'],
    [quantized({ modules_to_not_convert: ['lm_head'] }), 'autobitlinear'],
    [quantized({ modules_to_not_convert: null }), 'autobitlinear'],
  ])('with %j tells how the weights are stored', (changes, form) => {
    expect(readCheckpointConfig(encoded(configJson(SMALL, changes)))).toEqual({ config: SMALL, form });
  });

  it.each<[Json, string, string, string]>([
    [{ model_type: 'llama' }, 'model_type', '"llama"', '"bitnet"'],
    [{ hidden_act: 'silu' }, 'hidden_act', '"silu"', '"relu2"'],
    [{ attention_bias: true }, 'attention_bias', 'true', 'false'],
    [quantized({ linear_class: 'linear' }), 'quantization_config.linear_class', '"linear"', '"autobitlinear" or "bitlinear"'],
    [quantized({ quantization_mode: 'later' }), 'quantization_config.quantization_mode', '"later"', '"offline" or "online"'],
    [quantized({ linear_class: 'bitlinear', quantization_mode: 'online' }), 'quantization_config.quantization_mode', '"online"', '"offline" with the linear_class "bitlinear"'],
    [quantized({ modules_to_not_convert: [] }), 'quantization_config.modules_to_not_convert', '[]', 'null or ["lm_head"]'],
    [quantized({ modules_to_not_convert: ['lm_head', 'o_proj'] }), 'quantization_config.modules_to_not_convert', '["lm_head","o_proj"]', 'null or ["lm_head"]'],
    [quantized({ quant_method: 'gptq' }), 'quantization_config.quant_method', '"gptq"', '"bitnet"'],
    [quantized({ use_rms_norm: true }), 'quantization_config.use_rms_norm', 'true', 'false'],
    [{ quantization_config: null }, 'quantization_config', 'null', 'an object'],
    [{ rope_scaling: { type: 'linear', factor: 2 } }, 'rope_scaling', '{"type":"linear","factor":2}', 'null'],
    [{ rope_parameters: { rope_theta: 1e4, rope_type: 'yarn' } }, 'rope_parameters.rope_type', '"yarn"', '"default"'],
    [{ rope_parameters: { rope_type: 'default' } }, 'rope_parameters.rope_theta', 'nothing', 'a number'],
    [{ rope_theta: 1 }, 'rope_theta', '1', 'more than 1'],
    [{ hidden_size: 0 }, 'hidden_size', '0', 'at least 1'],
    [{ hidden_size: -16 }, 'hidden_size', '-16', 'at least 1'],
    [{ hidden_size: 16.5 }, 'hidden_size', '16.5', 'a whole number'],
    [{ hidden_size: '16' }, 'hidden_size', '"16"', 'a number'],
    [{ vocab_size: 2 ** 31 }, 'vocab_size', '2147483648', 'at most 2147483647'],
    [{ num_hidden_layers: 1e300 }, 'num_hidden_layers', '1e+300', 'at most '],
    [{ intermediate_size: null }, 'intermediate_size', 'null', 'a number'],
    [{ max_position_embeddings: 0 }, 'max_position_embeddings', '0', 'at least 1'],
    [{ num_key_value_heads: 0 }, 'num_key_value_heads', '0', 'at least 1'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps', '0', 'more than 0'],
    [{ rms_norm_eps: -1e-5 }, 'rms_norm_eps', '-0.00001', 'more than 0'],
    [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings', '"yes"', 'true or false'],
    [{ head_dim: 8 }, 'hidden_size', '16', 'num_attention_heads 4 times a whole head size'],
    [{ num_attention_heads: 3 }, 'hidden_size', '16', 'num_attention_heads 3 times a whole head size'],
  ])('with %j is refused by the name of the field, what it holds and what it must hold', (changes, field, seen, expected) => {
    const json = JSON.stringify(configJson(SMALL, changes)).replace('1e+300', '1e300');
    expectRefused(() => readConfig(encoded(json)), `config.json: ${field} is ${seen}, expected ${expected}`);
  });

  it.each(['model_type', 'hidden_act', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'vocab_size', 'max_position_embeddings', 'rms_norm_eps', 'quantization_config'])(
    'without %s is refused',
    (field) => expectRefused(() => readConfig(encoded(without(field))), `config.json: ${field} is nothing, expected `),
  );

  it.each([
    ['no JSON', encoded('{"model_type":'), /^config\.json: no JSON: /],
    ['nothing', new Uint8Array(), /^config\.json: no JSON: /],
    ['not UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), /^config\.json: no JSON: /],
    ['a list', encoded('[1]'), 'config.json: the file is [1], expected an object'],
    ['a long text', encoded(JSON.stringify('x'.repeat(100_000))), 'expected an object'],
    ['numbers beyond binary64', encoded(JSON.stringify(configJson()).replace('"vocab_size":20', '"vocab_size":1e999')), 'config.json: vocab_size is Infinity, expected a number'],
    ['an infinite epsilon', encoded(JSON.stringify(configJson()).replace('"rms_norm_eps":0.00001', '"rms_norm_eps":1e999')), 'config.json: rms_norm_eps is Infinity, expected a number'],
  ] as const)('that is %s is refused', (_what, bytes, message) => expectRefused(() => readConfig(bytes), message));
});
