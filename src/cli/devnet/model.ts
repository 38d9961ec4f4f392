import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { taggedHash } from '../../protocol/hash.js';
import { Model as ModelRecord } from '../../protocol/gen/remes/remes/v1/model.js';
import { addBytes, type ContentStore } from '../../storage/index.js';
import { ARITHMETIC_VERSION, floatBits, initialAdapter, loadCheckpoint, TARGETS, writeAdapter, type Adapter, type LoraSettings, type Model } from '../../train/index.js';

/** Adapter and optimizer of the dev network: measured to learn fast on bitnet-nano. */
const LORA: LoraSettings = { rank: 8, alpha: 16, targets: [...TARGETS] };
const OPTIMIZER = { learningRate: 2e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };

/** bitnet-nano's: beyond it its loss explodes. */
export const SEQUENCE_LENGTH = 256;

export interface DevnetModel {
  readonly record: ModelRecord;
  readonly model: Model;
  readonly adapter: Adapter;
}

async function* backboneFiles(directory: string) {
  for (const name of ['config.json', 'model.safetensors']) {
    yield await Promise.resolve({ path: name, content: createReadStream(path.join(directory, name)) });
  }
}

/** Puts backbone and first adapter into the content store and describes them for genesis. */
export async function prepareModel(store: ContentStore, directory: string, tokenizerCid: string, chunkTokens: number, seed: string): Promise<DevnetModel> {
  const config = await readFile(path.join(directory, 'config.json'));
  const weights = await readFile(path.join(directory, 'model.safetensors'));
  const model = await loadCheckpoint({ config, weights });
  const backbone = await store.addDirectory(backboneFiles(directory));
  const adapter = initialAdapter(model.config, LORA, taggedHash('devnet-adapter', seed));
  const stored = await addBytes(store, writeAdapter(adapter));
  const record = ModelRecord.fromPartial({
    id: 1n,
    name: path.basename(directory),
    backboneCid: backbone.cid,
    tokenizerCid,
    sequenceLength: Math.min(SEQUENCE_LENGTH, chunkTokens),
    arithmeticVersion: ARITHMETIC_VERSION,
    vocabSize: model.config.vocabSize,
    layerCount: model.config.layers,
    lora: { rank: LORA.rank, alpha: LORA.alpha, targets: [...LORA.targets] },
    optimizer: {
      learningRateBits: floatBits(OPTIMIZER.learningRate),
      beta1Bits: floatBits(OPTIMIZER.beta1),
      beta2Bits: floatBits(OPTIMIZER.beta2),
      epsilonBits: floatBits(OPTIMIZER.epsilon),
      weightDecayBits: floatBits(OPTIMIZER.weightDecay),
      clipNormBits: floatBits(OPTIMIZER.clipNorm),
    },
    adapterParameters: BigInt(adapter.values.length),
    fullParameters: BigInt(model.fullParameters),
    adapterCid: stored.cid,
  });
  return { record, model, adapter };
}
