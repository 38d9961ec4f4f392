/** Text generation: the same arithmetic as training, so that a seed and a prompt give the same tokens on every machine. */
import { InvalidInputError } from '../protocol/errors.js';
import { DrawStream } from '../protocol/sampling.js';
import { createSession, samplingWeights, type Session } from '../native/index.js';
import { nativeLora } from './adapter.js';
import type { Adapter, ComputeOptions, Model } from './types.js';

/** How the next token is chosen. */
export interface SamplingSettings {
  /** Divides the logits; 0 takes the most likely token, of equals the one with the smallest id. */
  readonly temperature: number;
  /** Only this many of the most likely tokens; 0 takes all. */
  readonly topK: number;
  /** Only the most likely tokens that together have this share of the weight, 0 < topP ≤ 1. */
  readonly topP: number;
}

interface Candidate {
  readonly token: number;
  readonly weight: number;
}

/** @throws InvalidInputError naming the setting. */
export function checkSampling({ temperature, topK, topP }: SamplingSettings): void {
  if (!Number.isFinite(temperature) || temperature < 0) throw new InvalidInputError(`temperature is ${temperature}, expected 0 or more`);
  if (!Number.isSafeInteger(topK) || topK < 0) throw new InvalidInputError(`top-k is ${topK}, expected a whole number, 0 for all tokens`);
  if (!(topP > 0 && topP <= 1)) throw new InvalidInputError(`top-p is ${topP}, expected more than 0 and at most 1`);
}

/** Index of the largest logit, the first of equals. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if ((logits[token] ?? 0) > (logits[best] ?? 0)) best = token;
  }
  return best;
}

/**
 * Candidates that the settings leave. Sums of weights are whole numbers below 2⁵³ (2²³ tokens · 2³⁰), hence exact; a share
 * of a sum is one multiplication, rounded the same way everywhere.
 */
function candidates(weights: Int32Array, topK: number, topP: number): Candidate[] {
  const all: Candidate[] = [];
  weights.forEach((weight, token) => {
    if (weight > 0) all.push({ token, weight });
  });
  if (topK === 0 && topP === 1) return all;
  all.sort((a, b) => b.weight - a.weight || a.token - b.token);
  if (topK > 0) all.length = Math.min(all.length, topK);
  if (topP === 1) return all;
  const enough = topP * sumOf(all);
  let sum = 0;
  const kept = all.findIndex(({ weight }) => (sum += weight) >= enough);
  return all.slice(0, kept + 1);
}

function sumOf(list: readonly Candidate[]): number {
  return list.reduce((sum, { weight }) => sum + weight, 0);
}

/** The next token. @param stream is asked once unless the temperature is 0. */
export function chooseToken(logits: Float32Array, settings: SamplingSettings, stream: DrawStream): number {
  if (settings.temperature === 0) return mostLikely(logits);
  const list = candidates(samplingWeights(logits, settings.temperature), settings.topK, settings.topP);
  let left = Number(stream.below(BigInt(sumOf(list))));
  for (const { token, weight } of list) {
    if (left < weight) return token;
    left -= weight;
  }
  throw new Error('a draw lies beyond the sum of its weights');
}

/** An empty sequence on a backbone, with or without an adapter. @param capacity most tokens. @throws R3mesError BAD_SHAPE beyond the model's positions. */
export function openSession(model: Model, adapter: Adapter | undefined, capacity: number, threads?: number): Promise<Session> {
  const own = adapter === undefined ? undefined : { lora: nativeLora(adapter.layout.lora), adapter: adapter.values };
  return createSession(model.native, own, capacity, threads);
}

export interface GenerationRequest {
  /** Token ids, at least one. */
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly sampling: SamplingSettings;
  /** Any bytes; equal ones give equal tokens. */
  readonly seed: Uint8Array;
  /** Generation ends behind any of these. */
  readonly stopTokens: ReadonlySet<number>;
}

/** Yields tokens as they are chosen; a stop token is yielded last. The session holds prompt and tokens afterwards, but the last. */
export async function* generate(session: Session, request: GenerationRequest, options: Omit<ComputeOptions, 'microBatch'> = {}): AsyncGenerator<number> {
  checkSampling(request.sampling);
  if (request.prompt.length === 0) throw new InvalidInputError('the prompt has no tokens, expected at least one');
  const stream = new DrawStream(request.seed);
  let next: Int32Array = Int32Array.from(request.prompt);
  for (let made = 0; made < request.maxTokens; made++) {
    const logits = await session.extend(next, 1, options);
    const token = chooseToken(logits, request.sampling, stream);
    yield token;
    if (request.stopTokens.has(token)) return;
    next = Int32Array.of(token);
  }
}
