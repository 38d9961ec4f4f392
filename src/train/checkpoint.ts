/** Hugging Face BitNet b1.58 checkpoints with packed weights (`autobitlinear`, `offline`), one safetensors file. */
import { InvalidInputError } from '../protocol/errors.js';
import { createModel, TARGETS, type LayerWeights, type ModelWeights, type RawMatrix, type Target, type TernaryMatrix } from '../native/index.js';
import { readConfig } from './config.js';
import { shownName } from './describe.js';
import { readSafetensors, widened, type Dtype, type Tensor } from './safetensors.js';
import type { BitNetConfig, Model } from './types.js';

const WHAT = 'model.safetensors';

/** Where a linear layer stands in a checkpoint, below `model.layers.N.`. */
export function linearPath(target: Target): string {
  return `${['gate_proj', 'up_proj', 'down_proj'].includes(target) ? 'mlp' : 'self_attn'}.${target}`;
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

/** Takes tensors by name, and complains about those that are missing, of another form, or left over. */
class Tensors {
  readonly #left: Map<string, Tensor>;

  constructor(bytes: Uint8Array) {
    this.#left = readSafetensors(bytes, WHAT);
  }

  has(name: string): boolean {
    return this.#left.has(name);
  }

  take(name: string, shape: readonly number[], dtypes: readonly Dtype[]): Tensor {
    const tensor = this.#left.get(name);
    if (tensor === undefined) {
      throw new InvalidInputError(`${WHAT}: tensor ${name} is missing`, 'is this a BitNet b1.58 checkpoint in one file, whole and of this config.json?');
    }
    this.#left.delete(name);
    if (!dtypes.includes(tensor.dtype) || tensor.shape.join() !== shape.join()) {
      throw new InvalidInputError(`${WHAT}: tensor ${name} is ${tensor.dtype} [${tensor.shape.join(', ')}], expected ${dtypes.join(' or ')} [${shape.join(', ')}]`);
    }
    return tensor;
  }

  norm(name: string, size: number): Float32Array {
    return widened(this.take(name, [size], ['F32', 'BF16', 'F16']), name);
  }

  matrix(name: string, rows: number, columns: number): RawMatrix {
    const { dtype, bytes } = this.take(name, [rows, columns], ['F32', 'BF16', 'F16']);
    return { dtype: dtype as RawMatrix['dtype'], bytes };
  }

  end(): void {
    const [name] = this.#left.keys();
    if (name !== undefined) throw new InvalidInputError(`${WHAT}: unexpected tensor ${shownName(name)}: a model with it computes something else than r3mes would`);
  }
}

function readLinear(tensors: Tensors, config: BitNetConfig, layer: number, target: Target): TernaryMatrix {
  const name = `model.layers.${layer}.${linearPath(target)}`;
  const [out, inFeatures] = linearShape(config, target);
  if (out % 4 !== 0) throw new InvalidInputError(`config.json: ${target} would have ${out} outputs, expected a multiple of 4, since four weights share a byte`);
  const codes = tensors.take(`${name}.weight`, [out / 4, inFeatures], ['U8']).bytes;
  const scaleName = `${name}.weight_scale`;
  const [scale] = widened(tensors.take(scaleName, [1], ['F32', 'BF16', 'F16']), scaleName);
  if (scale === undefined || !Number.isFinite(scale) || scale <= 0) throw new InvalidInputError(`${WHAT}: tensor ${scaleName} is ${scale}, expected a finite number above 0`);
  return { codes, scale };
}

function readLayer(tensors: Tensors, config: BitNetConfig, layer: number): LayerWeights {
  const at = `model.layers.${layer}`;
  return {
    inputNorm: tensors.norm(`${at}.input_layernorm.weight`, config.hiddenSize),
    attentionSubNorm: tensors.norm(`${at}.self_attn.attn_sub_norm.weight`, config.hiddenSize),
    postAttentionNorm: tensors.norm(`${at}.post_attention_layernorm.weight`, config.hiddenSize),
    ffnSubNorm: tensors.norm(`${at}.mlp.ffn_sub_norm.weight`, config.ffnSize),
    linears: TARGETS.map((target) => readLinear(tensors, config, layer, target)),
  };
}

function readWeights(bytes: Uint8Array, config: BitNetConfig): ModelWeights {
  const tensors = new Tensors(bytes);
  const layers: LayerWeights[] = [];
  for (let i = 0; i < config.layers; i++) layers.push(readLayer(tensors, config, i));
  const embedding = tensors.matrix('model.embed_tokens.weight', config.vocabSize, config.hiddenSize);
  const finalNorm = tensors.norm('model.norm.weight', config.hiddenSize);
  // A tied model may carry its head a second time; it is the embedding, whatever it holds.
  const isWritten = tensors.has('lm_head.weight');
  const head = isWritten || !config.tiedEmbedding ? tensors.matrix('lm_head.weight', config.vocabSize, config.hiddenSize) : undefined;
  tensors.end();
  return { embedding, finalNorm, layers, ...(head === undefined || config.tiedEmbedding ? {} : { head }) };
}

/** Parameters of the full model. */
export function countParameters(config: BitNetConfig): { readonly ternary: number; readonly float: number } {
  const linear = TARGETS.reduce((sum, t) => sum + linearShape(config, t)[0] * linearShape(config, t)[1], 0);
  const norms = config.layers * (3 * config.hiddenSize + config.ffnSize) + config.hiddenSize;
  const embedding = config.vocabSize * config.hiddenSize * (config.tiedEmbedding ? 1 : 2);
  return { ternary: config.layers * linear, float: norms + embedding };
}

/**
 * Reads a checkpoint into the engine. The bytes are copied: they may be dropped afterwards.
 * @throws InvalidInputError naming field or tensor; R3mesError of the engine (code 3 in a packed byte, NaN, out of memory).
 */
export async function loadCheckpoint(files: { readonly config: Uint8Array; readonly weights: Uint8Array }): Promise<Model> {
  const config = readConfig(files.config);
  const weights = readWeights(files.weights, config);
  const native = await createModel(config, weights);
  const { ternary, float } = countParameters(config);
  return { config, fullParameters: ternary + float, native, dispose: () => native.dispose() };
}
