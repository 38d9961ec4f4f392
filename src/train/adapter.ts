/** LoRA adapters: where each tensor lies, their files as PEFT reads and writes them, and the one that training starts from. */
import { z } from 'zod';

import { compareBytes, readU64be, utf8 } from '../protocol/bytes.js';
import { InvalidInputError } from '../protocol/errors.js';
import { taggedHash } from '../protocol/hash.js';
import { initialLoraA, TARGETS, type NativeLora, type Target } from '../native/index.js';
import { linearPath, linearShape } from './checkpoint-layout.js';
import { describeIssue, shown, shownName } from './describe.js';
import { float32Tensor, readSafetensors, widened, writeSafetensors, type Dtype, type Tensor } from './safetensors.js';
import type { Adapter, AdapterLayout, BitNetConfig, LoraSettings, TensorSlot } from './types.js';

/** Beyond this nobody trains LoRA; the engine's own limit. */
export const MAX_RANK = 4096;

/** @throws InvalidInputError for a rank, alpha or targets that no adapter has. */
export function checkLora(lora: LoraSettings): void {
  const { rank, alpha, targets } = lora;
  if (!Number.isInteger(rank) || rank < 1 || rank > MAX_RANK) throw new InvalidInputError(`LoRA: rank is ${rank}, expected 1 to ${MAX_RANK}`);
  if (!Number.isFinite(alpha) || alpha <= 0) throw new InvalidInputError(`LoRA: alpha is ${alpha}, expected a finite number above 0`);
  const sorted = TARGETS.filter((t) => targets.includes(t));
  if (targets.length === 0 || sorted.join() !== targets.join()) {
    throw new InvalidInputError(`LoRA: targets are ${targets.join(', ') || 'none'}, expected at least one of ${TARGETS.join(', ')}, in this order, each once`);
  }
}

/** Tensors of an adapter, sorted by their PEFT key as bytes. @throws InvalidInputError */
export function adapterLayout(config: BitNetConfig, lora: LoraSettings): AdapterLayout {
  checkLora(lora);
  const tensors: { name: string; shape: readonly [number, number] }[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of lora.targets) {
      const name = `base_model.model.model.layers.${layer}.${linearPath(target)}`;
      const [out, inFeatures] = linearShape(config, target);
      tensors.push({ name: `${name}.lora_A.weight`, shape: [lora.rank, inFeatures] }, { name: `${name}.lora_B.weight`, shape: [out, lora.rank] });
    }
  }
  tensors.sort((a, b) => compareBytes(utf8(a.name), utf8(b.name)));
  const slots: TensorSlot[] = [];
  let offset = 0;
  for (const { name, shape } of tensors) {
    slots.push({ name, shape, offset });
    offset += shape[0] * shape[1];
  }
  return { lora, slots, size: offset };
}

export function nativeLora(lora: LoraSettings): NativeLora {
  return { rank: lora.rank, alpha: lora.alpha, targets: lora.targets.reduce((bits, t) => bits | (1 << TARGETS.indexOf(t)), 0) };
}

/** B = 0, A uniform from splitmix64 seeded by H("adapter-init", seed, tensor name): docs/arithmetic.md §4. */
export function initialAdapter(config: BitNetConfig, lora: LoraSettings, seed: Uint8Array): Adapter {
  const layout = adapterLayout(config, lora);
  const values = new Float32Array(layout.size);
  for (const { name, shape, offset } of layout.slots) {
    if (!name.endsWith('.lora_A.weight')) continue;
    values.set(initialLoraA(readU64be(taggedHash('adapter-init', seed, name)), shape[0], shape[1]), offset);
  }
  return { layout, values };
}

/** Values of a slot, as a view. */
export function slotValues(values: Float32Array, slot: TensorSlot): Float32Array {
  return values.subarray(slot.offset, slot.offset + slot.shape[0] * slot.shape[1]);
}

/** The tensors of a flat vector, under their names behind `prefix`. */
export function tensorsOf(layout: AdapterLayout, values: Float32Array, prefix = ''): [string, Tensor][] {
  return layout.slots.map((slot) => [`${prefix}${slot.name}`, float32Tensor(slotValues(values, slot), slot.shape)]);
}

/**
 * Moves the tensors of a layout out of `tensors` into a flat vector.
 * @param dtypes types that they may have; what is not F32 is widened. @throws InvalidInputError naming the tensor.
 */
export function takeTensors(tensors: Map<string, Tensor>, layout: AdapterLayout, what: string, prefix = '', dtypes: readonly Dtype[] = ['F32']): Float32Array {
  const values = new Float32Array(layout.size);
  for (const { name, shape, offset } of layout.slots) {
    const key = `${prefix}${name}`;
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new InvalidInputError(`${what}: tensor ${key} is missing`, 'is it of this model, with this rank and these targets?');
    if (!dtypes.includes(tensor.dtype) || tensor.shape.join() !== shape.join()) {
      throw new InvalidInputError(`${what}: tensor ${key} is ${tensor.dtype} [${tensor.shape.join(', ')}], expected ${dtypes.join(' or ')} [${shape.join(', ')}]`);
    }
    const part = widened(tensor, key);
    const bad = part.findIndex((x) => !Number.isFinite(x));
    if (bad >= 0) throw new InvalidInputError(`${what}: tensor ${key} has ${part[bad]} at index ${bad}, expected finite values`);
    values.set(part, offset);
    tensors.delete(key);
  }
  return values;
}

/** @throws InvalidInputError where something is left of a file. */
export function expectNothingLeft(tensors: Map<string, Tensor>, what: string): void {
  const [name] = tensors.keys();
  if (name !== undefined) throw new InvalidInputError(`${what}: unexpected tensor ${shownName(name)}`, 'is it of this model, with this rank and these targets?');
}

/** Reads an adapter as the network holds it. @throws InvalidInputError naming tensor, seen and expected. */
export function readAdapter(bytes: Uint8Array, config: BitNetConfig, lora: LoraSettings): Adapter {
  return readAs(bytes, config, lora, 'adapter', ['F32']);
}

/** Reads `adapter_model.safetensors` as PEFT wrote it, in whatever float type. @throws InvalidInputError as above. */
export function readPeftAdapter(bytes: Uint8Array, config: BitNetConfig, lora: LoraSettings): Adapter {
  return readAs(bytes, config, lora, 'adapter_model.safetensors', ['F32', 'BF16', 'F16']);
}

function readAs(bytes: Uint8Array, config: BitNetConfig, lora: LoraSettings, what: string, dtypes: readonly Dtype[]): Adapter {
  const layout = adapterLayout(config, lora);
  const tensors = readSafetensors(bytes, what);
  const values = takeTensors(tensors, layout, what, '', dtypes);
  expectNothingLeft(tensors, what);
  return { layout, values };
}

/** Writes `adapter_model.safetensors` in canonical form. */
export function writeAdapter(adapter: Adapter): Uint8Array {
  return writeSafetensors(new Map(tensorsOf(adapter.layout, adapter.values)));
}

const unset = z.literal([null, false]).optional();
const isEmpty = (v: unknown): boolean => v === undefined || v === null || v === '' || v === false || (Array.isArray(v) && v.length === 0);
const emptyList = z.custom<unknown>(isEmpty, 'null or an empty list').optional();
const emptyPattern = z.record(z.string(), z.never()).nullish();

/** What of PEFT's settings our arithmetic has; everything that would compute something else is refused by name. */
const adapterConfigSchema = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.int().min(1).max(MAX_RANK),
  lora_alpha: z.number().positive(),
  target_modules: z.array(z.enum(TARGETS)).min(1),
  bias: z.literal('none').optional(),
  fan_in_fan_out: unset,
  // Others replace a part of the backbone by what the adapter was made of: it belongs to another model then.
  init_lora_weights: z.union([z.boolean(), z.literal(['gaussian', 'eva', 'orthogonal'])]).optional(),
  use_dora: unset,
  use_bdlora: unset,
  lora_bias: unset,
  use_qalora: unset,
  rank_pattern: emptyPattern,
  alpha_pattern: emptyPattern,
  modules_to_save: emptyList,
  exclude_modules: emptyList,
  target_parameters: emptyList,
  trainable_token_indices: unset,
  alora_invocation_tokens: unset,
  arrow_config: unset,
  kasa_config: unset,
  monteclora_config: unset,
  megatron_config: unset,
  layers_to_transform: unset,
  layer_replication: unset,
});

const rsLora = z.object({ use_rslora: z.unknown(), r: z.unknown(), lora_alpha: z.unknown() }).partial().catch({});

/** rsLoRA scales by alpha / √r, so the same tensors mean something else. @throws InvalidInputError with the settings that mean the same. */
function refuseRsLora(value: unknown): void {
  const { use_rslora: flag, r, lora_alpha: alpha } = rsLora.parse(value);
  if (flag === undefined || flag === null || flag === false) return;
  const same = typeof r === 'number' && typeof alpha === 'number' ? `lora_alpha ${Number((alpha * Math.sqrt(r)).toPrecision(9))} and use_rslora false mean the same` : 'train it with use_rslora false';
  throw new InvalidInputError(`adapter_config.json: use_rslora is ${shown(flag)}, expected false: r3mes scales by alpha / r, rsLoRA by alpha / √r`, same);
}

/** Reads PEFT's `adapter_config.json`. @throws InvalidInputError naming the field. */
export function readAdapterConfig(bytes: Uint8Array): LoraSettings {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidInputError(`adapter_config.json: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  refuseRsLora(value);
  const parsed = adapterConfigSchema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(`adapter_config.json: ${describeIssue(parsed.error, value, 'the file')}`, 'r3mes trains plain LoRA: scaling alpha / r, no bias, one rank for all');
  const { r, lora_alpha: alpha, target_modules: modules } = parsed.data;
  return { rank: r, alpha, targets: TARGETS.filter((t: Target) => modules.includes(t)) };
}

/** Writes `adapter_config.json` so that PEFT loads the adapter. */
export function writeAdapterConfig(lora: LoraSettings, baseModelName: string): Uint8Array {
  const config = {
    base_model_name_or_path: baseModelName,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: lora.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: lora.rank,
    target_modules: [...lora.targets],
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  };
  return utf8(`${JSON.stringify(config, undefined, 2)}\n`);
}
