/**
 * A checkpoint of any form in the one form that the registry holds: packed `autobitlinear` with binary32 scales, in one
 * canonical safetensors file, and a config.json that says no more than the model is. Equal models so get equal CIDs.
 */
import { z } from 'zod';

import { utf8 } from '../protocol/bytes.js';
import { InvalidInputError } from '../protocol/errors.js';
import { TARGETS, type TernaryMatrix } from '../native/index.js';
import { finiteParts } from './checked-parts.js';
import { readCheckedLinear, type Checkpoint } from './checkpoint.js';
import { expectedTensors, linearName, linearShape } from './checkpoint-layout.js';
import { canonicalHead, float32Tensor, type TensorInfo } from './safetensors.js';
import type { BitNetConfig } from './types.js';

/** A tensor that is made when its turn comes. */
export interface StreamedTensor extends TensorInfo {
  /** Its bytes in order, exactly as many as `shape` and `dtype` say. */
  parts(): AsyncIterable<Uint8Array>;
}

/** A canonical safetensors file, of which no more than a part exists at a time. */
export interface StreamedFile {
  readonly sizeBytes: number;
  /** @throws what the tensors' parts throw. */
  chunks(): AsyncGenerator<Uint8Array>;
}

export function streamedSafetensors(tensors: ReadonlyMap<string, StreamedTensor>): StreamedFile {
  const { head, names, dataBytes } = canonicalHead(tensors);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let written = 0;
    yield head;
    for (const name of names) {
      for await (const part of tensors.get(name)?.parts() ?? []) {
        written += part.length;
        yield part;
      }
    }
    if (written !== dataBytes) throw new InvalidInputError(`the tensors gave ${written} bytes, expected ${dataBytes}`);
  }
  return { sizeBytes: head.length + dataBytes, chunks };
}

const tokenId = z.union([z.int(), z.array(z.int())]).optional().catch(undefined);
/** What config.json tells besides the sizes, and what others need to use the model. */
const besidesSchema = z.object({ bos_token_id: tokenId, eos_token_id: tokenId, pad_token_id: tokenId, torch_dtype: z.string().optional().catch(undefined), dtype: z.string().optional().catch(undefined) });

/** @param quantization absent for a model of plain float weights. */
export function canonicalConfig(configBytes: Uint8Array, c: BitNetConfig, dtype: string | undefined, quantization: Readonly<Record<string, string>> | undefined): Uint8Array {
  const { bos_token_id, eos_token_id, pad_token_id, ...written } = besidesSchema.parse(JSON.parse(new TextDecoder().decode(configBytes)));
  const config = {
    architectures: ['BitNetForCausalLM'],
    model_type: 'bitnet',
    vocab_size: c.vocabSize,
    hidden_size: c.hiddenSize,
    intermediate_size: c.ffnSize,
    num_hidden_layers: c.layers,
    num_attention_heads: c.heads,
    num_key_value_heads: c.kvHeads,
    hidden_act: 'relu2',
    max_position_embeddings: c.maxPositions,
    rms_norm_eps: c.rmsEpsilon,
    rope_theta: c.ropeTheta,
    tie_word_embeddings: c.tiedEmbedding,
    bos_token_id,
    eos_token_id,
    pad_token_id,
    attention_bias: false,
    torch_dtype: dtype ?? written.torch_dtype ?? written.dtype ?? 'bfloat16',
    quantization_config: quantization,
  };
  return utf8(`${JSON.stringify(config, undefined, 2)}\n`);
}

const PACKED = { linear_class: 'autobitlinear', quant_method: 'bitnet', quantization_mode: 'offline' } as const;

/** Weight and scale of one linear layer; they follow one another in the file, so it is made once and then forgotten. */
class OneLinear {
  #made: TernaryMatrix | undefined;

  constructor(private readonly make: () => Promise<TernaryMatrix>) {}

  async *codes(): AsyncGenerator<Uint8Array> {
    this.#made = await this.make();
    yield this.#made.codes;
  }

  async *scale(): AsyncGenerator<Uint8Array> {
    const { scale } = this.#made ?? (await this.make());
    this.#made = undefined;
    yield float32Tensor(Float32Array.of(scale), [1]).bytes;
  }
}

export interface NormalizedModel {
  readonly config: Uint8Array;
  readonly weights: StreamedFile;
}

/**
 * @param onTensor called when a tensor is begun. @returns files that are made while they are read, each as often as it is read.
 * Reading throws InvalidInputError naming tensor and index: NaN, infinity, the code 3, a scale that is not positive.
 */
export function normalizeCheckpoint(checkpoint: Checkpoint, onTensor: (name: string) => void = () => undefined): NormalizedModel {
  const { config, tensors } = checkpoint;
  const out = new Map<string, StreamedTensor>();
  const whatIs = (name: string): string => `${tensors.fileOf(name)}: tensor ${name}`;
  const begun = (name: string, parts: StreamedTensor['parts']) => () => {
    onTensor(name);
    return parts();
  };
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of TARGETS) {
      const name = linearName(layer, target);
      const linear = new OneLinear(() => readCheckedLinear(checkpoint, layer, target));
      const [rows, columns] = linearShape(config, target);
      const shape = [rows / 4, columns];
      out.set(name, { dtype: 'U8', shape, parts: begun(name, () => linear.codes()) });
      out.set(`${name}_scale`, { dtype: 'F32', shape: [1], parts: () => linear.scale() });
    }
  }
  for (const { name, role, shape } of expectedTensors(config, checkpoint.form)) {
    if (role !== 'norm' && role !== 'matrix') continue;
    const dtype = tensors.infos.get(name)?.dtype ?? 'F32';
    out.set(name, { dtype, shape, parts: begun(name, () => finiteParts(whatIs(name), dtype, shape, tensors.parts(name))) });
  }
  return { config: canonicalConfig(checkpoint.configBytes, config, undefined, PACKED), weights: streamedSafetensors(out) };
}
