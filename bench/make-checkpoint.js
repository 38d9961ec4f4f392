// Writes a checkpoint of the shape of BitNet b1.58 2B4T with random weights (packed ternary, bf16 embedding, tied head), from a seed:
// the size and speed of the real one without downloading it.
//
//   node bench/make-checkpoint.js DIRECTORY [--layers 30] [--seed 1]
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { layers: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } } });
const [directory] = positionals;
const layers = Number(values.layers);
if (directory === undefined || !Number.isInteger(layers) || layers < 1) {
  console.error('usage: node bench/make-checkpoint.js DIRECTORY [--layers 30] [--seed 1]');
  process.exit(2);
}

const HIDDEN = 2560;
const FFN = 6912;
const KV = 640;
const VOCAB = 128256;
/** Bytes made at once. */
const BLOCK = 1 << 22;

const config = {
  architectures: ['BitNetForCausalLM'],
  model_type: 'bitnet',
  vocab_size: VOCAB,
  hidden_size: HIDDEN,
  intermediate_size: FFN,
  num_hidden_layers: layers,
  num_attention_heads: 20,
  num_key_value_heads: 5,
  hidden_act: 'relu2',
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  tie_word_embeddings: true,
  bos_token_id: 128000,
  eos_token_id: 128001,
  attention_bias: false,
  torch_dtype: 'bfloat16',
  quantization_config: { linear_class: 'autobitlinear', quant_method: 'bitnet', quantization_mode: 'offline' },
};

/** `size` random bytes that depend on the seed and the name alone, block by block. */
function* randomBlocks(name, size) {
  for (let at = 0, index = 0; at < size; index++) {
    const bytes = Math.min(BLOCK, size - at);
    yield createHash('shake256', { outputLength: bytes }).update(`${values.seed}/${name}/${index}`).digest();
    at += bytes;
  }
}

/** Four codes of 0, 1 or 2 from every value of a byte: nearly uniform. */
const CODES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const n = Math.floor((byte * 81) / 256);
  return (n % 3) | ((Math.floor(n / 3) % 3) << 2) | ((Math.floor(n / 9) % 3) << 4) | (Math.floor(n / 27) << 6);
});
const codes = (block) => block.map((byte) => CODES[byte]);

/** bf16 with a random sign, one of four exponents (2^-6 to 2^-3) and a random fraction. */
function bf16(block) {
  for (let i = 0; i + 1 < block.length; i += 2) {
    const bits = block[i] | (block[i + 1] << 8);
    block.writeUInt16LE((bits & 0x807f) | ((121 + ((bits >> 8) & 3)) << 7), i);
  }
  return block;
}

function constant(dtypeBits, count) {
  const block = Buffer.alloc(2 * count);
  for (let i = 0; i < count; i++) block.writeUInt16LE(dtypeBits, 2 * i);
  return block;
}
const ONE = 0x3f80;
const SCALE = 0x3ca4; // 0.02

/** Name, dtype, shape and a generator of the bytes of every tensor. */
function* tensors() {
  yield { name: 'model.embed_tokens.weight', dtype: 'BF16', shape: [VOCAB, HIDDEN], make: function* (name, size) { for (const b of randomBlocks(name, size)) yield bf16(b); } };
  yield norm('model.norm.weight', HIDDEN);
  const linears = { 'self_attn.q_proj': [HIDDEN, HIDDEN], 'self_attn.k_proj': [KV, HIDDEN], 'self_attn.v_proj': [KV, HIDDEN], 'self_attn.o_proj': [HIDDEN, HIDDEN], 'mlp.gate_proj': [FFN, HIDDEN], 'mlp.up_proj': [FFN, HIDDEN], 'mlp.down_proj': [HIDDEN, FFN] };
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    yield norm(`${at}.input_layernorm.weight`, HIDDEN);
    yield norm(`${at}.self_attn.attn_sub_norm.weight`, HIDDEN);
    yield norm(`${at}.post_attention_layernorm.weight`, HIDDEN);
    yield norm(`${at}.mlp.ffn_sub_norm.weight`, FFN);
    for (const [linear, [out, width]] of Object.entries(linears)) {
      const name = `${at}.${linear}.weight`;
      yield { name, dtype: 'U8', shape: [out / 4, width], make: function* (of, size) { for (const b of randomBlocks(of, size)) yield codes(b); } };
      yield { name: `${name}_scale`, dtype: 'BF16', shape: [1], make: function* () { yield constant(SCALE, 1); } };
    }
  }
}

function norm(name, size) {
  return { name, dtype: 'BF16', shape: [size], make: function* () { yield constant(ONE, size); } };
}

const header = {};
let offset = 0;
for (const { name, dtype, shape } of tensors()) {
  const size = shape.reduce((a, b) => a * b, dtype === 'U8' ? 1 : 2);
  header[name] = { dtype, shape, data_offsets: [offset, offset + size] };
  offset += size;
}
mkdirSync(directory, { recursive: true });
writeFileSync(path.join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
const text = Buffer.from(JSON.stringify(header));
const file = openSync(path.join(directory, 'model.safetensors'), 'w');
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(text.length));
writeSync(file, length);
writeSync(file, text);
for (const { name, make } of tensors()) {
  const [first, end] = header[name].data_offsets;
  for (const block of make(name, end - first)) writeSync(file, block);
}
closeSync(file);
console.log(`${path.join(directory, 'model.safetensors')}: ${Object.keys(header).length} tensors, ${((offset + text.length + 8) / 2 ** 30).toFixed(2)} GiB`);
