/** Aggregation once more, from docs/arithmetic.md §4 alone: BigInt where it says integer, a rounding after each operation elsewhere. */
import type { OptimizerSettings, OptimizerState } from '../../../src/train/index.js';

const f = Math.fround;

/** The nearest integer, ties to even; exact for |x| < 2^52. */
function rne(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** A natural number as binary32, rounded once. */
export function bigToFloat(n: bigint): number {
  const drop = n.toString(2).length - 24;
  if (drop <= 0) return Number(n);
  const unit = 1n << BigInt(drop);
  return Number(divideHalfEven(n, unit)) * 2 ** drop;
}

export function divideHalfEven(sum: bigint, n: bigint): bigint {
  const rest = ((sum % n) + n) % n;
  const below = (sum - rest) / n;
  if (2n * rest !== n) return 2n * rest < n ? below : below + 1n;
  return below % 2n === 0n ? below : below + 1n;
}

export function normOf(gradient: Float32Array): number {
  const largest = gradient.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  if (largest === 0) return 0;
  let k = 0;
  while (2 ** k <= largest) k++;
  while (2 ** (k - 1) > largest) k--;
  const e = Math.max(k - 18, -126);
  let sum = 0n;
  for (const g of gradient) sum += BigInt(rne(f(g * 2 ** -e))) ** 2n;
  return f(f(Math.sqrt(bigToFloat(sum))) * 2 ** e);
}

function power(beta: number, t: number): number {
  let p = beta;
  for (let i = 1; i < t; i++) p = f(p * beta);
  return p;
}

export interface Aggregated {
  readonly norms: number[];
  readonly mean: number[];
  readonly parameters: number[];
  readonly firstMoment: number[];
  readonly secondMoment: number[];
}

const positiveZero = (x: number): number => (x === 0 ? 0 : x);

export function aggregateAnew(parameters: Float32Array, before: OptimizerState | undefined, step: number, settings: OptimizerSettings, gradients: readonly Float32Array[]): Aggregated {
  const [lr, beta1, beta2, eps, wd, limit] = [settings.learningRate, settings.beta1, settings.beta2, settings.epsilon, settings.weightDecay, settings.clipNorm].map(f) as [number, number, number, number, number, number];
  const n = gradients.length;
  const norms = gradients.map(normOf);
  const clipped = gradients.map((gradient, k) => {
    const factor = norms[k]! > limit ? f(limit / norms[k]!) : 1;
    return gradient.map((g) => f(g * factor));
  });
  const trim = Math.min(Math.max(1, Math.floor(n / 5)), Math.floor((n - 1) / 2));
  const mean = Array.from(parameters, (_, i) => {
    const column = clipped.map((g) => BigInt(rne(Math.min(Math.max(g[i]! * 2 ** 30, -(2 ** 31 - 1)), 2 ** 31 - 1))));
    column.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const kept = column.slice(trim, n - trim);
    return Number(divideHalfEven(kept.reduce((sum, x) => sum + x, 0n), BigInt(kept.length)));
  });
  const decay = f(1 - f(lr * wd));
  const [b1, b2] = [f(1 - power(beta1, step)), f(1 - power(beta2, step))];
  const result: Aggregated = { norms, mean, parameters: [], firstMoment: [], secondMoment: [] };
  for (const [i, p] of parameters.entries()) {
    const g = f(mean[i]! * 2 ** -30);
    const m = f(f(beta1 * (before?.firstMoment[i] ?? 0)) + f(f(1 - beta1) * g));
    const v = f(f(beta2 * (before?.secondMoment[i] ?? 0)) + f(f(1 - beta2) * f(g * g)));
    const change = f(f(lr * f(m / b1)) / f(f(Math.sqrt(f(v / b2))) + eps));
    result.parameters.push(positiveZero(f(f(p * decay) - change)));
    result.firstMoment.push(positiveZero(m));
    result.secondMoment.push(positiveZero(v));
  }
  return result;
}
