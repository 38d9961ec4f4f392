/** Hugging Face's config.json of a BitNet b1.58 model. */
import { z } from 'zod';

import { InvalidInputError } from '../protocol/errors.js';
import { describeIssue, shown } from './describe.js';
import type { BitNetConfig } from './types.js';

const HINT = 'r3mes takes Hugging Face BitNet b1.58 checkpoints: packed (quantization_mode "offline", linear_class "autobitlinear" or "bitlinear") or bf16 masters (quantization_mode "online", linear_class "autobitlinear")';

/**
 * How a checkpoint holds the weights of its linear layers: packed with a scale that multiplies, packed with one that
 * divides, or as floats that are made ternary when they are read.
 */
export type WeightForm = 'autobitlinear' | 'bitlinear' | 'online';

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
    linear_class: z.enum(['autobitlinear', 'bitlinear']).default('bitlinear'),
    quantization_mode: z.enum(['offline', 'online']).default('offline'),
    use_rms_norm: z.literal(false).optional(),
    modules_to_not_convert: z.array(z.string()).nullish(),
  }),
});

type QuantizationConfig = z.infer<typeof configSchema>['quantization_config'];

/** Hugging Face's own default, which a config may leave out. */
const DEFAULT_ROPE_THETA = 500_000;

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidInputError(`${what}: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws InvalidInputError for a combination that transformers would compute in another way than it says. */
function weightForm(q: QuantizationConfig): WeightForm {
  // An empty list would have the head quantised, and any other name would leave a layer unquantised.
  const kept = q.modules_to_not_convert ?? ['lm_head'];
  if (kept.join() !== 'lm_head') throw new InvalidInputError(`config.json: quantization_config.modules_to_not_convert is ${shown(kept)}, expected null or ["lm_head"]`, HINT);
  if (q.quantization_mode === 'offline') return q.linear_class;
  if (q.linear_class === 'bitlinear') throw new InvalidInputError('config.json: quantization_config.quantization_mode is "online", expected "offline" with the linear_class "bitlinear"', HINT);
  return 'online';
}

/** @throws InvalidInputError naming the field, what it holds and what it must hold. */
export function readConfig(bytes: Uint8Array): BitNetConfig {
  return readCheckpointConfig(bytes).config;
}

/** The sizes, and how the weights are stored. @throws InvalidInputError as above. */
export function readCheckpointConfig(bytes: Uint8Array): { readonly config: BitNetConfig; readonly form: WeightForm } {
  const value = parseJson(bytes, 'config.json');
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(`config.json: ${describeIssue(parsed.error, value, 'the file')}`, HINT);
  const c = parsed.data;
  const headSize = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  if (!Number.isInteger(headSize) || headSize * c.num_attention_heads !== c.hidden_size) {
    throw new InvalidInputError(`config.json: hidden_size is ${c.hidden_size}, expected num_attention_heads ${c.num_attention_heads} times a whole head size`, HINT);
  }
  const form = weightForm(c.quantization_config);
  const config: BitNetConfig = {
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
  return { config, form };
}
