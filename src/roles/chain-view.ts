import type { Any } from '../protocol/gen/google/protobuf/any.js';
import type { Case, Duty } from '../protocol/gen/remes/remes/v1/challenge.js';
import type { Dataset } from '../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../protocol/gen/remes/remes/v1/model.js';
import type { QueryGetAggregationResponse, QueryGetParamsResponse } from '../protocol/gen/remes/remes/v1/query.js';
import type { StoredGradient } from '../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { Job, TrainingWindow } from '../protocol/gen/remes/remes/v1/training_window.js';

/** What the roles read of the chain. Absent records are `undefined`; lists are whole. */
export interface ChainView {
  readonly chainId: string;
  params(): Promise<QueryGetParamsResponse>;
  /** 0n: the model in training. */
  model(id: bigint): Promise<Model | undefined>;
  dataset(id: bigint): Promise<Dataset | undefined>;
  /** 0n: the newest. */
  window(id: bigint): Promise<TrainingWindow | undefined>;
  job(windowId: bigint, miner: string): Promise<Job | undefined>;
  jobs(windowId: bigint): Promise<Job[]>;
  gradient(id: bigint): Promise<StoredGradient | undefined>;
  gradients(windowId: bigint): Promise<StoredGradient[]>;
  aggregation(windowId: bigint): Promise<QueryGetAggregationResponse | undefined>;
  openDuties(verifier: string): Promise<Duty[]>;
  duties(windowId: bigint): Promise<Duty[]>;
  openCases(): Promise<Case[]>;
}

/** Signs and broadcasts as one account. */
export interface Sender {
  readonly address: string;
  /** 32 secret bytes that only this account's owner knows: salts come from them, so that a restart finds the same ones. */
  readonly saltSeed: Uint8Array;
  /** @returns the transaction hash once the node took it. @throws R3mesError where it refused. */
  submit(message: Any, gasLimit: bigint): Promise<string>;
}
