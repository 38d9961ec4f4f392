/** Checkpoints in the other forms, made from float weights by a plain second implementation of docs/arithmetic.md §1.5. */
import { TARGETS, type BitNetConfig, type Target, type Tensor } from '../../../src/train/index.js';
import { bf16, checkpointTensors, floats, linearSize, placeOf, random, SMALL } from './helpers.js';

/** Values of a tensor of bf16 or f32. */
export function valuesOf({ dtype, bytes }: Tensor): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.slice().buffer);
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes.slice().buffer), (h) => h * 65_536).buffer);
}

/** absmean in binary64, which is exact for the weights made here: multiples of 2⁻²⁰ below 1, few of them. */
export function plainTernary(values: Float32Array): { weights: number[]; inverse: number; scale: number } {
  const mean = Math.fround(values.reduce((sum, x) => sum + Math.abs(x), 0) / values.length);
  const inverse = Math.fround(1 / Math.max(mean, Math.fround(1e-5)));
  const weights = [...values].map((w) => {
    const x = Math.fround(w * inverse);
    return x > 0.5 ? 1 : x < -0.5 ? -1 : 0;
  });
  return { weights, inverse, scale: Math.fround(1 / inverse) };
}

/** Four output rows a byte, strided. */
export function packed(weights: readonly number[], out: number, inFeatures: number): Tensor {
  const quarter = out / 4;
  const bytes = Uint8Array.from({ length: quarter * inFeatures }, (_, at) =>
    [0, 1, 2, 3].reduce((byte, i) => byte | (((weights[i * quarter * inFeatures + at] ?? 0) + 1) << (2 * i)), 0),
  );
  return { dtype: 'U8', shape: [quarter, inFeatures], bytes };
}

export type MasterDtype = 'BF16' | 'F32';

/** Float weights, multiples of 2⁻⁸ (so that bf16 holds them) or of 2⁻²⁰; some of them larger than the rest. */
export function masterWeights(count: number, seed: number, dtype: MasterDtype): Float32Array {
  const next = random(seed);
  const unit = dtype === 'BF16' ? 256 : 2 ** 20;
  return Float32Array.from({ length: count }, () => Math.round((next() - 0.5) * (next() < 0.1 ? 1 : 0.25) * unit) / unit);
}

export interface Forms {
  readonly online: Map<string, Tensor>;
  readonly autobitlinear: Map<string, Tensor>;
  readonly bitlinear: Map<string, Tensor>;
}

/** One model in three forms. The scale of `bitlinear` is the inverse, whose reciprocal is the other's scale. */
export function threeForms(config: BitNetConfig = SMALL, seed = 5, dtype: MasterDtype = 'BF16'): Forms {
  const base = checkpointTensors(config, seed);
  const forms: Forms = { online: new Map(base), autobitlinear: new Map(base), bitlinear: new Map(base) };
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [index, target] of TARGETS.entries()) {
      const [out, inFeatures] = linearSize(config, target);
      const values = masterWeights(out * inFeatures, seed + 100 * layer + index, dtype);
      const { weights, inverse, scale } = plainTernary(values);
      const name = nameOf(layer, target);
      const codes = packed(weights, out, inFeatures);
      forms.online.set(name, dtype === 'BF16' ? bf16(values, [out, inFeatures]) : floats(values, [out, inFeatures]));
      forms.online.delete(`${name}_scale`);
      forms.autobitlinear.set(name, codes).set(`${name}_scale`, floats([scale]));
      forms.bitlinear.set(name, codes).set(`${name}_scale`, floats([inverse]));
    }
  }
  return forms;
}

export function nameOf(layer: number, target: Target): string {
  return `model.layers.${layer}.${placeOf(target)}.weight`;
}

/** What of config.json tells the form. */
export const QUANTIZATION = {
  online: { quant_method: 'bitnet', linear_class: 'autobitlinear', quantization_mode: 'online' },
  autobitlinear: { quant_method: 'bitnet', linear_class: 'autobitlinear', quantization_mode: 'offline' },
  bitlinear: { quant_method: 'bitnet', linear_class: 'bitlinear', quantization_mode: 'offline' },
} as const;
