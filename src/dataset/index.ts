export { COLUMN_ROLES } from './columns.js';
export type { ColumnNames, ColumnRole } from './columns.js';
export type { CsvCounts, CsvOptions, RowFormat } from './csv.js';
export { buildDataset, convertFile, loadModelTokenizer, shardFile, tokenizeFile } from './files.js';
export type {
  BuildDatasetOptions,
  BuiltDataset,
  ConvertFileOptions,
  ConvertResult,
  FileProgress,
  JobOptions,
  ModelTokenizer,
  ShardFileOptions,
  TokenizeFileOptions,
  TokenizeResult,
} from './files.js';
export { inspectFile } from './inspect-file.js';
export type { InspectedFile } from './inspect-file.js';
export { DEFAULT_CHUNK_TOKENS, DEFAULT_SHARD_CHUNKS, encodeManifest, planChunks } from './manifest.js';
export type { DatasetLabel, Manifest, Shard } from './manifest.js';
export { inspectManifest, readChunk, readManifest, summarize, verifyDataset } from './read.js';
export type { DatasetSummary, VerifyProgress, VerifyResult } from './read.js';
export { renderRow } from './rows.js';
export type { DatasetRow } from './rows.js';
export type { Sharded, ShardOptions } from './shard.js';
export type { ContentReader, ContentWriter } from './store.js';
export { loadTokenizer } from './tokenizer.js';
export type { TextTokenizer } from './tokenizer.js';
