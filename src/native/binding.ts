/**
 * The whole surface of the C++ addon as one type. Nothing else of it is visible: `index.ts` checks arguments and errors
 * around it, `load.ts` finds the file.
 *
 * Every function that computes returns a promise and runs off the main thread. A rejected promise carries an `Error`
 * whose `code` is one of `NativeErrorCode`. Arrays are pinned while they are used: do not write into them meanwhile.
 */

/** A linear layer that may carry LoRA, in the order in which the addon counts them. */
export const TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
export type Target = (typeof TARGETS)[number];

/** Instruction sets that the engine is built for, the best one first. */
export const ISAS = ['avx512', 'avx2', 'scalar'] as const;
export type Isa = (typeof ISAS)[number];

export type NativeErrorCode =
  | 'BAD_SHAPE'
  | 'BAD_VALUE'
  | 'NOT_FINITE'
  | 'BAD_TOKEN'
  | 'NO_LABELS'
  | 'OVERFLOW'
  | 'OUT_OF_MEMORY'
  | 'CANCELLED'
  | 'DEVICE_FAILED';

export interface ModelShape {
  readonly hiddenSize: number;
  readonly ffnSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocabSize: number;
  /** Longest sequence, in tokens. */
  readonly maxPositions: number;
  /** Rounded to binary32. */
  readonly rmsEpsilon: number;
  /** Kept as binary64. */
  readonly ropeTheta: number;
}

export type FloatDtype = 'F32' | 'BF16' | 'F16';

/** A float matrix as it lies in the checkpoint: little-endian, row-major. */
export interface RawMatrix {
  readonly dtype: FloatDtype;
  readonly bytes: Uint8Array;
}

/** Ternary weights as a checkpoint packs them: uint8 [out / 4, in], bits 2i..2i+1 of row r hold output row i·(out/4)+r, code = w + 1. */
export interface TernaryMatrix {
  readonly codes: Uint8Array;
  /** Multiplies the product (`autobitlinear`). Rounded to binary32. */
  readonly scale: number;
}

export interface LayerWeights {
  /** [hidden] */
  readonly inputNorm: Float32Array;
  /** [hidden] */
  readonly attentionSubNorm: Float32Array;
  /** [hidden] */
  readonly postAttentionNorm: Float32Array;
  /** [ffn] */
  readonly ffnSubNorm: Float32Array;
  /** In the order of `TARGETS`. */
  readonly linears: readonly TernaryMatrix[];
}

export interface ModelWeights {
  /** [vocab, hidden] */
  readonly embedding: RawMatrix;
  /** [vocab, hidden]; absent where the embedding is tied. */
  readonly head?: RawMatrix;
  /** [hidden] */
  readonly finalNorm: Float32Array;
  readonly layers: readonly LayerWeights[];
}

/** A frozen backbone in the engine's memory. */
export interface NativeModel {
  /** Lets go of the memory as soon as no running call uses it. Later calls are refused. */
  dispose(): void;
}

export interface NativeLora {
  readonly rank: number;
  readonly alpha: number;
  /** Bit i stands for `TARGETS[i]`. */
  readonly targets: number;
}

export interface RunOptions {
  /** Threads that compute, at least 1. Never changes a bit of the result. */
  readonly threads: number;
  /** Sequences processed at once, at least 1 (on a GPU 0: what its memory holds): bounds memory, never changes a bit of the result. */
  readonly microBatch: number;
  /** One element; anything but 0, stored at any time, ends the call with CANCELLED. */
  readonly cancel: Int32Array;
}

export interface SequencesRequest extends RunOptions {
  /** Row-major [sequences, sequenceLength]. */
  readonly tokens: Int32Array;
  readonly sequenceLength: number;
  readonly lora?: NativeLora;
  /** Adapter tensors one after the other, sorted by their PEFT key as bytes. Present exactly where `lora` is. */
  readonly adapter?: Float32Array;
  /** Computes on the CPU although the model is on a GPU. */
  readonly onCpu?: boolean;
}

/** A GPU as the driver describes it. */
export interface CudaDevice {
  readonly index: number;
  readonly name: string;
  /** Pascal … Blackwell, or `sm_XY`. */
  readonly architecture: string;
  /** Compute capability, e.g. `9.0`. */
  readonly capability: string;
  /** Version of CUDA that the driver speaks, e.g. `13.0`. */
  readonly driver: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface LossResult {
  /** Mean loss over the labels of the request, in nats, a binary32 value. */
  readonly loss: number;
  /** Sum over the labels of each sequence, in units of 2⁻²⁰ nats. */
  readonly sequenceLosses: BigInt64Array;
}

export interface TrainResult extends LossResult {
  /** In the layout of the adapter. */
  readonly gradients: Float32Array;
}

export interface AdamWSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface AdamWRequest extends AdamWSettings {
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly gradient: Float32Array;
  /** Counts from 1. */
  readonly step: number;
}

export interface AdamWResult {
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
}

export interface AdapterLayoutEntry {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** First element in the flat vector. */
  readonly offset: number;
}

export interface SessionRequest {
  readonly lora?: NativeLora;
  readonly adapter?: Float32Array;
  /** Most tokens, at most the model's positions. */
  readonly capacity: number;
  readonly threads: number;
}

export interface ExtendRequest {
  /** Added behind those that are there; at least one. */
  readonly tokens: Int32Array;
  /** Logits are made for the last so many of them. */
  readonly wanted: number;
  readonly threads: number;
  readonly cancel: Int32Array;
}

/** A growing sequence whose keys and values are kept. One call at a time. */
export interface NativeSession {
  readonly length: number;
  /** Row-major [wanted, vocab]. A rejected call leaves the sequence as it was. */
  extend(request: ExtendRequest): Promise<Float32Array>;
  /** Forgets the tokens from `length` on. */
  rewind(length: number): void;
  dispose(): void;
}

export interface NativeBinding {
  /** Goes into every gradient hash; rises with any change of a bit. */
  readonly arithmeticVersion: number;
  /** Instruction set that it was built for. */
  readonly isa: Isa;
  /** Whether this machine runs an addon built for `isa`. */
  isaSupported(isa: string): boolean;
  /** Whether it was built with kernels for GPUs. */
  readonly hasCudaKernels: boolean;
  /** Starts the NVIDIA driver. @throws Error DEVICE_FAILED where there is none, or it does not start. */
  cudaDevices(): CudaDevice[];
  /** @param gpu puts the model into the memory of that GPU as well, and computes there. */
  createModel(shape: ModelShape, weights: ModelWeights, gpu?: number): Promise<NativeModel>;
  /** Where each adapter tensor lies in the flat vector. */
  adapterLayout(model: NativeModel, lora: NativeLora): AdapterLayoutEntry[];
  /** Loss and gradients of the adapter. */
  trainStep(model: NativeModel, request: SequencesRequest): Promise<TrainResult>;
  /** Forward pass only. */
  evaluate(model: NativeModel, request: SequencesRequest): Promise<LossResult>;
  /** Row-major [sequences, sequenceLength, vocab]. */
  logits(model: NativeModel, request: SequencesRequest): Promise<Float32Array>;
  createSession(model: NativeModel, request: SessionRequest): Promise<NativeSession>;
  /** round(2³⁰ · exp((logit − largest) / temperature)) for every logit: a distribution in whole numbers. */
  samplingWeights(logits: Float32Array, temperature: number): Int32Array;
  /** Norm of the gradient, and the gradient scaled to at most `maxNorm`. */
  clip(gradient: Float32Array, maxNorm: number): Promise<{ norm: number; gradient: Float32Array }>;
  /** Mean of clipped gradients in units of 2⁻³⁰, the extremes of every coordinate dropped. */
  trimmedMean(gradients: readonly Float32Array[]): Promise<Int32Array>;
  /** Units of 2⁻³⁰ as binary32. */
  meanGradient(mean: Int32Array): Float32Array;
  adamW(request: AdamWRequest): Promise<AdamWResult>;
  /** Values of one lora_A tensor [rank, in]. */
  initialLoraA(seed: bigint, rank: number, inFeatures: number): Float32Array;
}
