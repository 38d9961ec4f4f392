/** Data that the training layer takes and gives. Bytes in, bytes out: nothing here reads a file or a socket. */
import type { AdamWSettings, LossResult, NativeModel, Target } from '../native/index.js';

export type { ComputeOptions } from '../native/index.js';

/** LoRA: y = W x + (alpha / rank) B A x on every target of every layer. */
export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  /** In the order of `TARGETS`, without repetition, at least one. */
  readonly targets: readonly Target[];
}

/** What is read from a Hugging Face `config.json` of a BitNet b1.58 model. */
export interface BitNetConfig {
  readonly hiddenSize: number;
  readonly ffnSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly rmsEpsilon: number;
  readonly ropeTheta: number;
  readonly tiedEmbedding: boolean;
}

/** A frozen backbone, ready to compute. `dispose()` frees the engine's memory. */
export interface Model {
  readonly config: BitNetConfig;
  /** Parameters of the full model: ternary weights, norms, embedding and, where it is untied, the head. */
  readonly fullParameters: number;
  readonly native: NativeModel;
  dispose(): void;
}

export interface TensorSlot {
  /** PEFT key, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  readonly name: string;
  /** lora_A [rank, in], lora_B [out, rank]. */
  readonly shape: readonly [number, number];
  /** First element in the flat vector. */
  readonly offset: number;
}

/** Tensors of an adapter one after the other, sorted by name as bytes. */
export interface AdapterLayout {
  readonly lora: LoraSettings;
  readonly slots: readonly TensorSlot[];
  /** Elements of the flat vector. */
  readonly size: number;
}

export interface Adapter {
  readonly layout: AdapterLayout;
  readonly values: Float32Array;
}

/** AdamW's moments, in the layout of the adapter. */
export interface OptimizerState {
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
}

/** Every number is rounded to binary32. */
export interface OptimizerSettings extends AdamWSettings {
  readonly clipNorm: number;
}

/** What a gradient is bound to, besides its own values. */
export interface GradientIdentity {
  readonly backboneCid: string;
  readonly baseAdapterCid: string;
  readonly jobId: Uint8Array;
  /** Tokens of one training sequence; divides `chunkTokens`. */
  readonly sequenceLength: number;
  readonly chunkTokens: number;
}

export interface Job extends GradientIdentity {
  readonly adapter: Adapter;
  /** Token ids of the job's chunks, each `chunkTokens` long. */
  readonly chunks: readonly Int32Array[];
}

export interface JobResult extends LossResult {
  /** The mean loss as bits of binary32. */
  readonly lossBits: number;
  readonly gradients: Float32Array;
  readonly gradientHash: Uint8Array;
  /** H("losses", count, each sequence's loss): what an auditor reports besides the hash. */
  readonly lossesDigest: Uint8Array;
  /** The gradient file: canonical safetensors. */
  readonly file: Uint8Array;
}

export interface AggregateInput {
  readonly adapter: Adapter;
  /** Absent before the first step: zeros. */
  readonly optimizer?: OptimizerState;
  /** Optimizer steps behind `adapter`. */
  readonly step: bigint;
  readonly settings: OptimizerSettings;
  /** Values of the included gradients, in ascending order of their ids. */
  readonly gradients: readonly Float32Array[];
}

export interface AggregateResult {
  readonly adapter: Adapter;
  readonly optimizer: OptimizerState;
  readonly step: bigint;
  readonly adapterFile: Uint8Array;
  readonly optimizerFile: Uint8Array;
  /** H("aggregate", …) over the integer means. */
  readonly aggregateHash: Uint8Array;
  /** H("norms", …) over the norms before clipping. */
  readonly normsDigest: Uint8Array;
  readonly norms: readonly number[];
}
