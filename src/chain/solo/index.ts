export { type BroadcastResult, type SealedBlock, SoloEngine, type SoloOptions } from './engine.js';
export type { TxPosition } from './block-store.js';
export { DEFAULT_MEMPOOL_LIMITS, type MempoolLimits } from './mempool.js';
export { COMET_VERSION } from './replay.js';
export type { ExpectedRole, ReadyAnswer, SealingPolicy } from './sealing.js';
export { ValidatorKey, loadOrCreateValidatorKey } from './validator-key.js';
