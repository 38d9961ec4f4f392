/**
 * Holds the engine against an implementation that nobody here wrote: a Hugging Face checkpoint with the loss, the LoRA
 * gradients and some AdamW steps that PyTorch + PEFT computed for it.
 */
import { z } from 'zod';

import { InvalidInputError } from '../protocol/errors.js';
import { adamW, logits, trainStep, type ComputeOptions } from '../native/index.js';
import { nativeLora, readAdapter, readAdapterConfig, slotValues } from './adapter.js';
import type { ModelFolder } from './byte-source.js';
import { loadModel } from './checkpoint.js';
import { describeIssue } from './describe.js';
import { zeroOptimizer } from './optimizer.js';
import { float32Values, readSafetensors, type Tensor } from './safetensors.js';
import type { Adapter, Model, OptimizerState } from './types.js';

/** Files of a case, by what they are called in its folder. */
export interface ReferenceCaseFiles {
  /** config.json and the weights, in any form. */
  readonly model: ModelFolder;
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
  /** The same without the adapter, where the case holds them. */
  readonly baseLogitsCosine?: number;
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

/** @param count how many it must be; any number where absent. */
function floats(io: Map<string, Tensor>, name: string, count?: number): Float32Array {
  const values = float32Values(need(io, name), name);
  if (count !== undefined && values.length !== count) throw new InvalidInputError(`io.safetensors: tensor ${name} has ${values.length} elements, expected ${count}`);
  const bad = values.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw new InvalidInputError(`io.safetensors: tensor ${name} has ${values[bad]} at index ${bad}, expected finite values`);
  return values;
}

function readSettings(bytes: Uint8Array): z.infer<typeof settingsSchema> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidInputError(`case.json: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const settings = settingsSchema.safeParse(value);
  if (!settings.success) throw new InvalidInputError(`case.json: ${describeIssue(settings.error, value, 'the file')}`);
  return settings.data;
}

/** cos of the angle between two vectors of one length; 1 for two that are zero. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? NaN;
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
  const model = await loadModel(files.model);
  try {
    const lora = readAdapterConfig(files.adapterConfig);
    return await compare(model, readAdapter(files.adapter, model.config, lora), files, options);
  } finally {
    model.dispose();
  }
}

async function baseCosine(model: Model, io: Map<string, Tensor>, { tokens, sequenceLength }: { tokens: Int32Array; sequenceLength: number }, options: ComputeOptions): Promise<number> {
  const own = await logits(model.native, { tokens, sequenceLength }, options);
  return cosine(own, floats(io, 'base_logits', own.length));
}

async function compare(model: Model, adapter: Adapter, files: ReferenceCaseFiles, options: ComputeOptions): Promise<ReferenceCaseResult> {
  const { lr, betas, eps, weight_decay: weightDecay } = readSettings(files.settings).adamw;
  const io = readSafetensors(files.io, 'io.safetensors');
  const batch = { ...readTokens(io), lora: nativeLora(adapter.layout.lora) };
  const losses = floats(io, 'losses');

  const own = await logits(model.native, { ...batch, adapter: adapter.values }, options);
  const logitsCosine = cosine(own, floats(io, 'logits', own.length));
  const baseLogitsCosine = io.has('base_logits') ? await baseCosine(model, io, batch, options) : undefined;
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
        const own = slotValues(gradients, slot);
        const c = cosine(own, floats(io, `grad.${slot.name}`, own.length));
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
    ...(baseLogitsCosine === undefined ? {} : { baseLogitsCosine }),
    curveDifference,
    steps: losses.length,
    withinBounds:
      lossDifference <= REFERENCE_BOUNDS.lossDifference && smallest.cosine >= REFERENCE_BOUNDS.gradientCosine && curveDifference <= REFERENCE_BOUNDS.curveDifference,
  };
}
