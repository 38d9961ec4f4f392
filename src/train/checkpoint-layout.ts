/** Which tensors a BitNet checkpoint has: names, shapes and types, all checked before a single weight is read. */
import { InvalidInputError } from '../protocol/errors.js';
import { TARGETS, type Target } from '../native/index.js';
import type { WeightForm } from './config.js';
import { shownName } from './describe.js';
import type { Dtype, TensorInfo } from './safetensors.js';
import type { TensorFiles } from './tensor-files.js';
import type { BitNetConfig } from './types.js';

const FLOATS: readonly Dtype[] = ['F32', 'BF16', 'F16'];
export const EMBEDDING = 'model.embed_tokens.weight';
export const FINAL_NORM = 'model.norm.weight';
export const HEAD = 'lm_head.weight';

/** Where a linear layer stands in a checkpoint, below `model.layers.N.`. */
export function linearPath(target: Target): string {
  return `${['gate_proj', 'up_proj', 'down_proj'].includes(target) ? 'mlp' : 'self_attn'}.${target}`;
}

/** The weight of a linear layer; its scale is called the same with `_scale` behind it. */
export function linearName(layer: number, target: Target): string {
  return `model.layers.${layer}.${linearPath(target)}.weight`;
}

/** [out, in] of a linear layer. */
export function linearShape(config: BitNetConfig, target: Target): readonly [out: number, inFeatures: number] {
  const kv = config.kvHeads * config.headSize;
  switch (target) {
    case 'k_proj':
    case 'v_proj':
      return [kv, config.hiddenSize];
    case 'gate_proj':
    case 'up_proj':
      return [config.ffnSize, config.hiddenSize];
    case 'down_proj':
      return [config.hiddenSize, config.ffnSize];
    case 'q_proj':
    case 'o_proj':
      return [config.hiddenSize, config.hiddenSize];
  }
}

/** Names of a layer's norms, in the order of `LayerWeights`, and their sizes. */
export function normsOf(config: BitNetConfig, layer: number): readonly (readonly [name: string, size: number])[] {
  const at = `model.layers.${layer}`;
  return [
    [`${at}.input_layernorm.weight`, config.hiddenSize],
    [`${at}.self_attn.attn_sub_norm.weight`, config.hiddenSize],
    [`${at}.post_attention_layernorm.weight`, config.hiddenSize],
    [`${at}.mlp.ffn_sub_norm.weight`, config.ffnSize],
  ];
}

/** What a tensor is to the model. */
export type TensorRole = 'norm' | 'matrix' | 'codes' | 'scale' | 'master';

export interface ExpectedTensor {
  readonly name: string;
  readonly role: TensorRole;
  readonly shape: readonly number[];
  readonly dtypes: readonly Dtype[];
}

function linearTensors(config: BitNetConfig, form: WeightForm, layer: number, target: Target): ExpectedTensor[] {
  const name = linearName(layer, target);
  const [out, inFeatures] = linearShape(config, target);
  if (out % 4 !== 0) throw new InvalidInputError(`config.json: ${target} would have ${out} outputs, expected a multiple of 4, since four weights share a byte`);
  if (form === 'online') return [{ name, role: 'master', shape: [out, inFeatures], dtypes: FLOATS }];
  return [
    { name, role: 'codes', shape: [out / 4, inFeatures], dtypes: ['U8'] },
    { name: `${name}_scale`, role: 'scale', shape: [1], dtypes: FLOATS },
  ];
}

/**
 * All tensors that a checkpoint must have, layer by layer. One after the other: a config.json may tell of two billion layers.
 * @throws InvalidInputError where the sizes allow no packing.
 */
export function* expectedTensors(config: BitNetConfig, form: WeightForm): Generator<ExpectedTensor> {
  const norm = (name: string, size: number): ExpectedTensor => ({ name, role: 'norm', shape: [size], dtypes: FLOATS });
  const matrix = (name: string): ExpectedTensor => ({ name, role: 'matrix', shape: [config.vocabSize, config.hiddenSize], dtypes: FLOATS });
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, size] of normsOf(config, layer)) yield norm(name, size);
    for (const target of TARGETS) yield* linearTensors(config, form, layer, target);
  }
  yield matrix(EMBEDDING);
  yield norm(FINAL_NORM, config.hiddenSize);
  if (!config.tiedEmbedding) yield matrix(HEAD);
}

function checkForm(files: TensorFiles, { name, shape, dtypes }: ExpectedTensor, info: TensorInfo): void {
  if (dtypes.includes(info.dtype) && info.shape.join() === shape.join()) return;
  throw new InvalidInputError(`${files.fileOf(name)}: tensor ${name} is ${info.dtype} [${info.shape.join(', ')}], expected ${dtypes.join(' or ')} [${shape.join(', ')}]`);
}

/**
 * Holds what the files have against what the model needs.
 * @returns the tensors of the model. A tied model may carry its head a second time; it is the embedding, whatever it holds.
 * @throws InvalidInputError for a tensor that is missing, of another form, or left over.
 */
export function checkTensors(files: TensorFiles, config: BitNetConfig, form: WeightForm): ExpectedTensor[] {
  const found: ExpectedTensor[] = [];
  const left = new Map(files.infos);
  const take = (tensor: ExpectedTensor): void => {
    const info = left.get(tensor.name);
    if (info === undefined) throw new InvalidInputError(`${files.what}: tensor ${tensor.name} is missing`, 'is this a BitNet b1.58 checkpoint, whole and of this config.json?');
    left.delete(tensor.name);
    checkForm(files, tensor, info);
  };
  for (const tensor of expectedTensors(config, form)) {
    take(tensor);
    found.push(tensor);
  }
  if (left.has(HEAD)) take({ name: HEAD, role: 'matrix', shape: [config.vocabSize, config.hiddenSize], dtypes: FLOATS });
  const [name] = left.keys();
  if (name !== undefined) throw new InvalidInputError(`${files.fileOf(name)}: unexpected tensor ${shownName(name)}: a model with it computes something else than r3mes would`);
  return found;
}

/** Parameters of the full model. */
export function countParameters(config: BitNetConfig): { readonly ternary: number; readonly float: number } {
  const linear = TARGETS.reduce((sum, t) => sum + linearShape(config, t)[0] * linearShape(config, t)[1], 0);
  const norms = config.layers * (3 * config.hiddenSize + config.ffnSize) + config.hiddenSize;
  const embedding = config.vocabSize * config.hiddenSize * (config.tiedEmbedding ? 1 : 2);
  return { ternary: config.layers * linear, float: norms + embedding };
}
