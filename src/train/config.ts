/** Hugging Face's config.json of a BitNet b1.58 model. */
import { z } from 'zod';

import { InvalidInputError } from '../protocol/errors.js';
import { describeIssue } from './describe.js';
import type { BitNetConfig } from './types.js';

const HINT = 'r3mes trains Hugging Face BitNet b1.58 checkpoints whose weights are packed (quantization_mode "offline", linear_class "autobitlinear")';

const count = z.int().min(1).max(2 ** 31 - 1);

/** What must be so for the arithmetic to be that of docs/arithmetic.md, besides the sizes. */
const configSchema = z.looseObject({
  model_type: z.literal('bitnet'),
  hidden_act: z.literal('relu2'),
  attention_bias: z.literal(false).optional(),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.optional(),
  head_dim: count.optional(),
  vocab_size: count,
  max_position_embeddings: count,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().gt(1).optional(),
  rope_parameters: z.looseObject({ rope_theta: z.number().gt(1), rope_type: z.literal('default').optional() }).nullish(),
  rope_scaling: z.null().optional(),
  tie_word_embeddings: z.boolean().optional(),
  quantization_config: z.looseObject({
    quant_method: z.literal('bitnet'),
    linear_class: z.literal('autobitlinear'),
    quantization_mode: z.literal('offline'),
    use_rms_norm: z.literal(false).optional(),
  }),
});

/** Hugging Face's own default, which a config may leave out. */
const DEFAULT_ROPE_THETA = 500_000;

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidInputError(`${what}: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws InvalidInputError naming the field, what it holds and what it must hold. */
export function readConfig(bytes: Uint8Array): BitNetConfig {
  const value = parseJson(bytes, 'config.json');
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(`config.json: ${describeIssue(parsed.error, value, 'the file')}`, HINT);
  const c = parsed.data;
  const headSize = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  if (!Number.isInteger(headSize) || headSize * c.num_attention_heads !== c.hidden_size) {
    throw new InvalidInputError(`config.json: hidden_size is ${c.hidden_size}, expected num_attention_heads ${c.num_attention_heads} times a whole head size`, HINT);
  }
  return {
    hiddenSize: c.hidden_size,
    ffnSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headSize,
    vocabSize: c.vocab_size,
    maxPositions: c.max_position_embeddings,
    rmsEpsilon: c.rms_norm_eps,
    ropeTheta: c.rope_parameters?.rope_theta ?? c.rope_theta ?? DEFAULT_ROPE_THETA,
    tiedEmbedding: c.tie_word_embeddings ?? false,
  };
}
