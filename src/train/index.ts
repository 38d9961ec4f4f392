export { adapterLayout, checkLora, initialAdapter, MAX_RANK, nativeLora, readAdapter, readAdapterConfig, readPeftAdapter, slotValues, writeAdapter, writeAdapterConfig } from './adapter.js';
export { aggregate } from './aggregate.js';
export { memoryFolder, memorySource } from './byte-source.js';
export type { ByteSource, ModelFolder } from './byte-source.js';
export { loadCheckpoint, loadModel, loadOpened, openCheckpoint } from './checkpoint.js';
export type { Checkpoint, LoadOptions } from './checkpoint.js';
export { countParameters, linearShape } from './checkpoint-layout.js';
export { readConfig } from './config.js';
export type { WeightForm } from './config.js';
export { floatBits, gradientHash, lossesDigest, readGradientFile, verifyGradientFile, writeGradientFile } from './gradient.js';
export type { ExpectedGradient } from './gradient.js';
export { checkSampling, chooseToken, generate, mostLikely, openSession } from './generation.js';
export type { GenerationRequest, SamplingSettings } from './generation.js';
export { evaluate, runJob } from './job.js';
export { mergeAdapter } from './merge.js';
export type { MergedDtype } from './merge.js';
export { normalizeCheckpoint } from './normalize.js';
export type { NormalizedModel, StreamedFile } from './normalize.js';
export { readOptimizer, writeOptimizer } from './optimizer.js';
export { REFERENCE_BOUNDS, runReferenceCase } from './reference-case.js';
export type { ReferenceCaseFiles, ReferenceCaseResult } from './reference-case.js';
export { byteLength, elements, readSafetensors, writeSafetensors } from './safetensors.js';
export type { Dtype, Tensor, TensorInfo } from './safetensors.js';
export { firstDifferentBits, GOLDEN_STEPS, goldenJob, goldenResults, tensorDigests } from './selftest.js';
export type { GoldenResults, GoldenStep } from './selftest.js';
export { TensorFiles } from './tensor-files.js';
export { verifyMaster } from './verify-master.js';
export type { MasterComparison, MasterDifference } from './verify-master.js';
export type {
  Adapter,
  AdapterLayout,
  AggregateInput,
  AggregateResult,
  BitNetConfig,
  ComputeOptions,
  GradientIdentity,
  Job,
  JobResult,
  LoraSettings,
  Model,
  OptimizerSettings,
  OptimizerState,
  TensorSlot,
} from './types.js';
export { ARITHMETIC_VERSION, defaultThreads, logits, TARGETS } from '../native/index.js';
export type { Session } from '../native/index.js';
export type { Target } from '../native/index.js';
