/** The engine with JavaScript's manners: default threads, AbortSignal instead of a flag, R3mesError instead of codes. */
import os from 'node:os';

import { R3mesError } from '../protocol/errors.js';
import type { AdamWRequest, AdamWResult, LossResult, ModelShape, ModelWeights, NativeLora, NativeModel, SequencesRequest, TrainResult } from './binding.js';
import { takeOver, usedGpu } from './device.js';
import { engine } from './load.js';

export { ISAS, TARGETS } from './binding.js';
export { noGpuReason, probeGpu, useCpu, useGpu } from './device.js';
export type { AdamWSettings, FloatDtype, Isa, LayerWeights, LossResult, ModelShape, ModelWeights, NativeLora, NativeModel, RawMatrix, Target, TernaryMatrix, TrainResult } from './binding.js';
export { ARITHMETIC_VERSION, isaRefusal, loadEngine, packageVersion } from './load.js';
export type { LoadedEngine } from './load.js';

/** How a computation runs. None of it changes a bit of the result. */
export interface ComputeOptions {
  /** Default: `R3MES_THREADS`, else all that the machine offers. */
  readonly threads?: number;
  /** Sequences processed at once. */
  readonly microBatch?: number;
  readonly signal?: AbortSignal;
}

export type Sequences = Pick<SequencesRequest, 'tokens' | 'sequenceLength' | 'lora' | 'adapter'>;

/** Tokens a thread that a micro-batch of the CPU has at least: its activations then stay in the caches, measured fastest. */
const TOKENS_A_THREAD = 256;
const MAX_THREADS = 1024;

const CODES: ReadonlySet<string> = new Set(['BAD_SHAPE', 'BAD_VALUE', 'NOT_FINITE', 'BAD_TOKEN', 'NO_LABELS', 'OVERFLOW', 'OUT_OF_MEMORY', 'CANCELLED', 'DEVICE_FAILED']);

/** @throws R3mesError CONFIG_INVALID where `R3MES_THREADS` is no number of threads. */
export function defaultThreads(env: NodeJS.ProcessEnv = process.env): number {
  const given = env['R3MES_THREADS'];
  if (given === undefined || given === '' || given === '0') return os.availableParallelism();
  const threads = Number(given);
  if (/^[0-9]{1,4}$/.test(given) && threads <= MAX_THREADS) return threads;
  throw new R3mesError({ code: 'CONFIG_INVALID', message: `R3MES_THREADS is ${JSON.stringify(given.slice(0, 100))}, expected a whole number from 0 to ${MAX_THREADS}` });
}

function refusal(error: unknown, signal?: AbortSignal): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string' || !CODES.has(error.code)) return error;
  if (error.code === 'CANCELLED' && signal?.aborted === true) return signal.reason;
  return new R3mesError({ code: error.code, message: error.message, cause: error });
}

async function computed<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw refusal(error, signal);
  }
}

/** Runs `call` with a flag that an abort sets; an aborted signal throws its reason. */
async function onSequences<T>(sequences: Sequences, options: ComputeOptions, call: (request: SequencesRequest) => Promise<T>): Promise<T> {
  const { signal } = options;
  signal?.throwIfAborted();
  const cancel = new Int32Array(1);
  const onAbort = (): void => void Atomics.store(cancel, 0, 1);
  signal?.addEventListener('abort', onAbort, { once: true });
  const { tokens, sequenceLength, lora, adapter } = sequences;
  const gpu = usedGpu();
  const threads = options.threads ?? defaultThreads();
  const cpuMicroBatch = Math.min(4096, Math.max(1, Math.floor((TOKENS_A_THREAD * threads) / sequenceLength)));
  const request: SequencesRequest = {
    tokens,
    sequenceLength,
    ...(lora === undefined ? {} : { lora }),
    ...(adapter === undefined ? {} : { adapter }),
    threads,
    microBatch: options.microBatch ?? (gpu === undefined ? cpuMicroBatch : 0),
    cancel,
    onCpu: gpu === undefined,
  };
  try {
    return await computed(() => call(request), signal);
  } catch (error) {
    if (!takeOver(error, gpu)) throw error;
    return await computed(() => call({ ...request, microBatch: options.microBatch ?? cpuMicroBatch, onCpu: true }), signal);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** On the GPU that `useGpu` named, if any; the CPU can compute with it as well. @throws R3mesError DEVICE_UNAVAILABLE */
export async function createModel(shape: ModelShape, weights: ModelWeights): Promise<NativeModel> {
  const gpu = usedGpu();
  try {
    return await computed(() => engine().createModel(shape, weights, gpu?.index));
  } catch (error) {
    if (!takeOver(error, gpu)) throw error;
    return await computed(() => engine().createModel(shape, weights));
  }
}

/** Loss and gradients of the adapter. @throws R3mesError with a `NativeErrorCode`; the signal's reason when aborted. */
export function trainStep(model: NativeModel, sequences: Sequences, options: ComputeOptions = {}): Promise<TrainResult> {
  return onSequences(sequences, options, (request) => engine().trainStep(model, request));
}

export function evaluateSequences(model: NativeModel, sequences: Sequences, options: ComputeOptions = {}): Promise<LossResult> {
  return onSequences(sequences, options, (request) => engine().evaluate(model, request));
}

/** Row-major [sequences, sequenceLength, vocab]. */
export function logits(model: NativeModel, sequences: Sequences, options: ComputeOptions = {}): Promise<Float32Array> {
  return onSequences(sequences, options, (request) => engine().logits(model, request));
}

/** Tokens and their keys and values, on which the next token's logits depend. */
export interface Session {
  readonly length: number;
  /** Adds tokens; logits [wanted, vocab] of the last `wanted` of them. Bits do not depend on how a sequence is cut. */
  extend(tokens: Int32Array, wanted: number, options?: Omit<ComputeOptions, 'microBatch'>): Promise<Float32Array>;
  rewind(length: number): void;
  dispose(): void;
}

/** @param capacity most tokens. @throws R3mesError with a `NativeErrorCode`. */
export async function createSession(
  model: NativeModel,
  adapter: { readonly lora: NativeLora; readonly adapter: Float32Array } | undefined,
  capacity: number,
  threads = defaultThreads(),
): Promise<Session> {
  const session = await computed(() => engine().createSession(model, { ...adapter, capacity, threads }));
  return {
    get length() {
      return session.length;
    },
    extend: async (tokens, wanted, { threads: own = threads, signal } = {}) => {
      signal?.throwIfAborted();
      const cancel = new Int32Array(1);
      const onAbort = (): void => void Atomics.store(cancel, 0, 1);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        return await computed(() => session.extend({ tokens, wanted, threads: own, cancel }), signal);
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    rewind: (length) => {
      try {
        session.rewind(length);
      } catch (error) {
        throw refusal(error);
      }
    },
    dispose: () => session.dispose(),
  };
}

/** A distribution over the next token in units of 2⁻³⁰ of its largest weight. @throws R3mesError for a temperature that is not above 0. */
export function samplingWeights(logits: Float32Array, temperature: number): Int32Array {
  try {
    return engine().samplingWeights(logits, temperature);
  } catch (error) {
    throw refusal(error);
  }
}

export function clip(gradient: Float32Array, maxNorm: number): Promise<{ norm: number; gradient: Float32Array }> {
  return computed(() => engine().clip(gradient, maxNorm));
}

/** In units of 2⁻³⁰. */
export function trimmedMean(gradients: readonly Float32Array[]): Promise<Int32Array> {
  return computed(() => engine().trimmedMean(gradients));
}

export function meanGradient(mean: Int32Array): Float32Array {
  try {
    return engine().meanGradient(mean);
  } catch (error) {
    throw refusal(error);
  }
}

export function adamW(request: AdamWRequest): Promise<AdamWResult> {
  return computed(() => engine().adamW(request));
}

/** Where the engine expects each adapter tensor. */
export function nativeAdapterLayout(model: NativeModel, lora: NativeLora): ReturnType<ReturnType<typeof engine>['adapterLayout']> {
  try {
    return engine().adapterLayout(model, lora);
  } catch (error) {
    throw refusal(error);
  }
}

/** Values of one lora_A tensor [rank, in]. */
export function initialLoraA(seed: bigint, rank: number, inFeatures: number): Float32Array {
  try {
    return engine().initialLoraA(seed, rank, inFeatures);
  } catch (error) {
    throw refusal(error);
  }
}
