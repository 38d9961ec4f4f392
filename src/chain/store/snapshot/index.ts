export { type SnapshotInfo, type SnapshotSettings, SnapshotStore } from './snapshot-store.js';
export { type ChunkAnswer, refusalOfSnapshot, SnapshotRestore } from './restore.js';
