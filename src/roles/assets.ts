import { readChunk, readManifest, type Manifest } from '../dataset/index.js';
import { R3mesError } from '../protocol/errors.js';
import type { Model as ModelRecord, OptimizerConfig } from '../protocol/gen/remes/remes/v1/model.js';
import type { TrainingWindow } from '../protocol/gen/remes/remes/v1/training_window.js';
import { readBytes, type ContentStore } from '../storage/index.js';
import {
  adapterLayout,
  loadModel,
  readAdapter,
  readOptimizer,
  TARGETS,
  type Adapter,
  type ComputeOptions,
  type LoraSettings,
  type Model,
  type OptimizerSettings,
  type OptimizerState,
  type Target,
} from '../train/index.js';
import type { ChainView } from './chain-view.js';
import { Latest } from './latest.js';
import { storedFolder } from './stored-folder.js';

const MAX_ADAPTER_BYTES = 4_294_967_296n;

/** Stores by what goes through them: the bandwidth claim counts artifacts, not the backbone and the dataset. */
export interface Stores {
  /** Backbone, tokenizer and dataset: downloaded once, never changing. */
  readonly inputs: ContentStore;
  /** Gradients, adapters and optimizer states. */
  readonly artifacts: ContentStore;
}

/** Bits of binary32 as the number that they are. */
export function fromFloatBits(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

export function loraSettings(record: ModelRecord): LoraSettings {
  const { rank, alpha, targets } = record.lora ?? { rank: 0, alpha: 0, targets: [] };
  const known = targets.filter((t): t is Target => (TARGETS as readonly string[]).includes(t));
  return { rank, alpha, targets: known };
}

export function optimizerSettings(config: OptimizerConfig | undefined): OptimizerSettings {
  if (config === undefined) throw new R3mesError({ code: 'BAD_MODEL', message: 'the model record has no optimizer settings' });
  return {
    learningRate: fromFloatBits(config.learningRateBits),
    beta1: fromFloatBits(config.beta1Bits),
    beta2: fromFloatBits(config.beta2Bits),
    epsilon: fromFloatBits(config.epsilonBits),
    weightDecay: fromFloatBits(config.weightDecayBits),
    clipNorm: fromFloatBits(config.clipNormBits),
  };
}

/** Backbone, adapters and chunks that a process works with, each read once from the store and kept while it is current. */
export class Assets {
  readonly #backbone = new Latest<Model>((model) => model.dispose());
  readonly #adapter = new Latest<Adapter>();
  readonly #manifest = new Latest<Manifest>();

  constructor(
    private readonly chain: ChainView,
    readonly stores: Stores,
    readonly compute: ComputeOptions,
  ) {}

  async record(window: TrainingWindow): Promise<ModelRecord> {
    const record = await this.chain.model(window.modelId);
    if (record === undefined) throw new R3mesError({ code: 'UNKNOWN_MODEL', message: `the chain has no model ${window.modelId}` });
    return record;
  }

  /** Reads and unpacks the backbone; the next caller gets the same one. */
  model(record: ModelRecord): Promise<Model> {
    return this.#backbone.get(record.backboneCid, () => this.loadBackbone(record.backboneCid));
  }

  private async loadBackbone(cid: string): Promise<Model> {
    const { signal } = this.compute;
    const folder = await storedFolder(this.stores.inputs, cid, signal);
    return loadModel(folder, signal === undefined ? {} : { signal });
  }

  adapter(record: ModelRecord, model: Model, cid: string): Promise<Adapter> {
    return this.#adapter.get(cid, () => this.loadAdapter(record, model, cid));
  }

  private async loadAdapter(record: ModelRecord, model: Model, cid: string): Promise<Adapter> {
    const bytes = await readBytes(this.stores.artifacts, cid, { maxBytes: MAX_ADAPTER_BYTES });
    return readAdapter(bytes, model.config, loraSettings(record));
  }

  /** Nothing before the first step. */
  async optimizer(record: ModelRecord, model: Model, cid: string): Promise<OptimizerState | undefined> {
    if (cid === '') return undefined;
    const bytes = await readBytes(this.stores.artifacts, cid, { maxBytes: MAX_ADAPTER_BYTES });
    return readOptimizer(bytes, adapterLayout(model.config, loraSettings(record)));
  }

  async chunk(datasetId: bigint, index: number): Promise<Int32Array> {
    const manifest = await this.manifest(datasetId);
    return Int32Array.from(await readChunk(this.stores.inputs, manifest, index, this.compute.signal));
  }

  async manifest(datasetId: bigint): Promise<Manifest> {
    const dataset = await this.chain.dataset(datasetId);
    if (dataset === undefined) throw new R3mesError({ code: 'UNKNOWN_DATASET', message: `the chain has no dataset ${datasetId}` });
    return this.#manifest.get(dataset.manifestCid, () => readManifest(this.stores.inputs, dataset.manifestCid));
  }
}
