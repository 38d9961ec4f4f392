/**
 * Holds the engine against an implementation that nobody here wrote: a Hugging Face checkpoint with the loss, the LoRA
 * gradients and some AdamW steps that PyTorch + PEFT computed for it.
 */
import { z } from 'zod';

import { InvalidInputError } from '../protocol/errors.js';
import { adamW, logits, trainStep, type ComputeOptions } from '../native/index.js';
import { nativeLora, readAdapter, readAdapterConfig, slotValues } from './adapter.js';
import { loadCheckpoint } from './checkpoint.js';
import { zeroOptimizer } from './optimizer.js';
import { float32Values, readSafetensors, type Tensor } from './safetensors.js';
import type { Adapter, Model, OptimizerState } from './types.js';

/** Files of a case, by what they are called in its folder. */
export interface ReferenceCaseFiles {
  readonly config: Uint8Array;
  readonly weights: Uint8Array;
  readonly adapterConfig: Uint8Array;
  readonly adapter: Uint8Array;
  /** case.json */
  readonly settings: Uint8Array;
  /** io.safetensors */
  readonly io: Uint8Array;
}

/** Bounds of the arithmetic's accuracy. */
export const REFERENCE_BOUNDS = { lossDifference: 5e-3, gradientCosine: 0.999, curveDifference: 0.1 } as const;

export interface ReferenceCaseResult {
  readonly loss: number;
  readonly referenceLoss: number;
  readonly lossDifference: number;
  readonly smallestCosine: number;
  /** The adapter tensor that has it. */
  readonly smallestCosineTensor: string;
  readonly logitsCosine: number;
  /** Largest |difference| of the losses before each optimizer step. */
  readonly curveDifference: number;
  readonly steps: number;
  readonly withinBounds: boolean;
}

const settingsSchema = z.looseObject({
  adamw: z.looseObject({ lr: z.number(), betas: z.tuple([z.number(), z.number()]), eps: z.number(), weight_decay: z.number() }),
});

function need(io: Map<string, Tensor>, name: string): Tensor {
  const tensor = io.get(name);
  if (tensor === undefined) throw new InvalidInputError(`io.safetensors: tensor ${name} is missing`, 'is the folder a reference case?');
  return tensor;
}

function floats(io: Map<string, Tensor>, name: string): Float32Array {
  return float32Values(need(io, name), name);
}

/** cos of the angle between two vectors; 1 for two that are zero. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 && bb === 0) return 1;
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

function readTokens(io: Map<string, Tensor>): { tokens: Int32Array; sequenceLength: number } {
  const { dtype, shape, bytes } = need(io, 'input_ids');
  const [, sequenceLength] = shape;
  if (dtype !== 'I32' || shape.length !== 2 || sequenceLength === undefined) throw new InvalidInputError(`io.safetensors: tensor input_ids is ${dtype} [${shape.join(', ')}], expected I32 [B, T]`);
  return { tokens: new Int32Array(new Uint8Array(bytes).buffer), sequenceLength };
}

/** @throws InvalidInputError where a file of the case is not what it should be; R3mesError of the engine. */
export async function runReferenceCase(files: ReferenceCaseFiles, options: ComputeOptions = {}): Promise<ReferenceCaseResult> {
  const model = await loadCheckpoint(files);
  try {
    const lora = readAdapterConfig(files.adapterConfig);
    return await compare(model, readAdapter(files.adapter, model.config, lora), files, options);
  } finally {
    model.dispose();
  }
}

async function compare(model: Model, adapter: Adapter, files: ReferenceCaseFiles, options: ComputeOptions): Promise<ReferenceCaseResult> {
  const settings = settingsSchema.safeParse(JSON.parse(new TextDecoder().decode(files.settings)));
  if (!settings.success) throw new InvalidInputError(`case.json: ${z.prettifyError(settings.error).replaceAll('\n', ' ')}`);
  const { lr, betas, eps, weight_decay: weightDecay } = settings.data.adamw;
  const io = readSafetensors(files.io, 'io.safetensors');
  const batch = { ...readTokens(io), lora: nativeLora(adapter.layout.lora) };
  const losses = floats(io, 'losses');

  const logitsCosine = cosine(await logits(model.native, { ...batch, adapter: adapter.values }, options), floats(io, 'logits'));
  let { values } = adapter;
  let moments: OptimizerState = zeroOptimizer(adapter.layout);
  let smallest = { cosine: Infinity, tensor: '' };
  let firstLoss = NaN;
  let curveDifference = 0;
  for (const [index, expected] of losses.entries()) {
    const { loss, gradients } = await trainStep(model.native, { ...batch, adapter: values }, options);
    if (index === 0) {
      firstLoss = loss;
      for (const slot of adapter.layout.slots) {
        const c = cosine(slotValues(gradients, slot), floats(io, `grad.${slot.name}`));
        if (c < smallest.cosine) smallest = { cosine: c, tensor: slot.name };
      }
    }
    curveDifference = Math.max(curveDifference, Math.abs(loss - expected));
    const next = await adamW({ learningRate: lr, beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay, parameters: values, ...moments, gradient: gradients, step: index + 1 });
    values = next.parameters;
    moments = next;
  }
  const [referenceLoss = NaN] = floats(io, 'loss');
  const lossDifference = Math.abs(firstLoss - referenceLoss);
  return {
    loss: firstLoss,
    referenceLoss,
    lossDifference,
    smallestCosine: smallest.cosine,
    smallestCosineTensor: smallest.tensor,
    logitsCosine,
    curveDifference,
    steps: losses.length,
    withinBounds:
      lossDifference <= REFERENCE_BOUNDS.lossDifference && smallest.cosine >= REFERENCE_BOUNDS.gradientCosine && curveDifference <= REFERENCE_BOUNDS.curveDifference,
  };
}
