/** Small models that nobody trained, made here byte by byte, and files around them. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect } from 'vitest';

import { InvalidInputError } from '../../../src/protocol/errors.js';
import { TARGETS, type BitNetConfig, type Dtype, type LoraSettings, type Target, type Tensor } from '../../../src/train/index.js';

export const ROOT = resolve(import.meta.dirname, '../../..');
export const NANO = resolve(ROOT, 'templates/models/bitnet-nano');

/** Words that follow from a seed: the tests' own generator, not the engine's. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export type Json = Record<string, unknown>;

export const SMALL: BitNetConfig = {
  hiddenSize: 16,
  ffnSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 4,
  vocabSize: 20,
  maxPositions: 64,
  rmsEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbedding: true,
};

export const ALL: LoraSettings = { rank: 2, alpha: 4, targets: [...TARGETS] };

/** A config.json as Hugging Face writes it. */
export function configJson(config: BitNetConfig = SMALL, changes: Json = {}): Json {
  return {
    architectures: ['BitNetForCausalLM'],
    model_type: 'bitnet',
    hidden_act: 'relu2',
    attention_bias: false,
    hidden_size: config.hiddenSize,
    intermediate_size: config.ffnSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsEpsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedEmbedding,
    quantization_config: { quant_method: 'bitnet', linear_class: 'autobitlinear', quantization_mode: 'offline' },
    ...changes,
  };
}

export function encoded(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

export function floats(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** bf16 by cutting off what it has no room for. */
export function bf16(values: ArrayLike<number>, shape: readonly number[]): Tensor {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  return { dtype: 'BF16', shape, bytes: new Uint8Array(Uint16Array.from(bits, (b) => b >>> 16).buffer) };
}

/** [out, in] by the model's sizes, written apart from the sources. */
export function linearSize(c: BitNetConfig, target: Target): [number, number] {
  const kv = c.kvHeads * c.headSize;
  const sizes: Record<Target, [number, number]> = {
    q_proj: [c.hiddenSize, c.hiddenSize],
    k_proj: [kv, c.hiddenSize],
    v_proj: [kv, c.hiddenSize],
    o_proj: [c.hiddenSize, c.hiddenSize],
    gate_proj: [c.ffnSize, c.hiddenSize],
    up_proj: [c.ffnSize, c.hiddenSize],
    down_proj: [c.hiddenSize, c.ffnSize],
  };
  return sizes[target];
}

export function placeOf(target: Target): string {
  return target.startsWith('gate') || target.startsWith('up') || target.startsWith('down') ? `mlp.${target}` : `self_attn.${target}`;
}

/** All tensors of a checkpoint, weights from `seed`. */
export function checkpointTensors(c: BitNetConfig = SMALL, seed = 1, dtype: Dtype = 'BF16'): Map<string, Tensor> {
  const next = random(seed);
  const uniform = (n: number, low: number, high: number): Float32Array => Float32Array.from({ length: n }, () => low + (high - low) * next());
  const matrix = (rows: number, columns: number): Tensor => (dtype === 'BF16' ? bf16 : floats)(uniform(rows * columns, -1, 1), [rows, columns]);
  const tensors = new Map<string, Tensor>();
  for (let layer = 0; layer < c.layers; layer++) {
    const at = `model.layers.${layer}`;
    tensors.set(`${at}.input_layernorm.weight`, floats(uniform(c.hiddenSize, 0.5, 1.5)));
    tensors.set(`${at}.self_attn.attn_sub_norm.weight`, floats(uniform(c.hiddenSize, 0.5, 1.5)));
    tensors.set(`${at}.post_attention_layernorm.weight`, floats(uniform(c.hiddenSize, 0.5, 1.5)));
    tensors.set(`${at}.mlp.ffn_sub_norm.weight`, floats(uniform(c.ffnSize, 0.5, 1.5)));
    for (const target of TARGETS) {
      const [out, inFeatures] = linearSize(c, target);
      const codes = Uint8Array.from({ length: (out / 4) * inFeatures }, () => [0, 1, 2, 3].reduce((byte, i) => byte | (Math.floor(next() * 3) << (2 * i)), 0));
      tensors.set(`${at}.${placeOf(target)}.weight`, { dtype: 'U8', shape: [out / 4, inFeatures], bytes: codes });
      tensors.set(`${at}.${placeOf(target)}.weight_scale`, floats([0.25 + next() / 4]));
    }
  }
  tensors.set('model.embed_tokens.weight', matrix(c.vocabSize, c.hiddenSize));
  tensors.set('model.norm.weight', floats(uniform(c.hiddenSize, 0.5, 1.5)));
  if (!c.tiedEmbedding) tensors.set('lm_head.weight', matrix(c.vocabSize, c.hiddenSize));
  return tensors;
}

/** Token ids below `vocabulary`. */
export function tokens(count: number, vocabulary: number, seed = 7): Int32Array {
  const next = random(seed);
  return Int32Array.from({ length: count }, () => Math.floor(next() * vocabulary));
}

export function readNano(name: string): Uint8Array {
  return new Uint8Array(readFileSync(resolve(NANO, name)));
}

/** Expects an InvalidInputError whose message matches all of `says`. */
export function expectRefused(run: () => unknown, ...says: readonly (RegExp | string)[]): void {
  let seen: unknown;
  try {
    run();
  } catch (error) {
    seen = error;
  }
  expectInvalid(seen, ...says);
}

export async function expectRejected(run: () => Promise<unknown>, ...says: readonly (RegExp | string)[]): Promise<void> {
  const seen: unknown = await run().then(
    () => undefined,
    (error: unknown) => error,
  );
  expectInvalid(seen, ...says);
}

function expectInvalid(seen: unknown, ...says: readonly (RegExp | string)[]): void {
  expect(seen).toBeInstanceOf(InvalidInputError);
  const { message } = seen as Error;
  expect(message.length).toBeLessThan(600);
  for (const part of says) {
    if (typeof part === 'string') expect(message).toContain(part);
    else expect(message).toMatch(part);
  }
}
