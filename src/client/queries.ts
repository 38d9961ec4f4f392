/** What can be read of the state, over abci_query. A thing that is not there is `undefined`; lists are read to their end. */
import { z } from 'zod';

import { toHex } from '../protocol/bytes.js';
import { DENOM, parseAmount } from '../protocol/coins.js';
import { R3mesError } from '../protocol/errors.js';
import { BaseAccount } from '../protocol/gen/cosmos/auth/v1beta1/auth.js';
import { QueryAccountRequest, QueryAccountResponse } from '../protocol/gen/cosmos/auth/v1beta1/query.js';
import {
  QueryBalanceRequest,
  QueryBalanceResponse,
  QuerySupplyOfRequest,
  QuerySupplyOfResponse,
} from '../protocol/gen/cosmos/bank/v1beta1/query.js';
import type { PageRequest, PageResponse } from '../protocol/gen/cosmos/base/query/v1beta1/pagination.js';
import type { Case, Duty } from '../protocol/gen/remes/remes/v1/challenge.js';
import type { Dataset } from '../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../protocol/gen/remes/remes/v1/model.js';
import type { Part, Registration, SlashRecord } from '../protocol/gen/remes/remes/v1/node.js';
import * as q from '../protocol/gen/remes/remes/v1/query.js';
import type { Emission, RewardRecord } from '../protocol/gen/remes/remes/v1/reward.js';
import type { StoredGradient } from '../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { Beacon, Job, TrainingWindow } from '../protocol/gen/remes/remes/v1/training_window.js';
import { type RpcConnection, base64Bytes, int64Text, readAnswer } from './rpc.js';

const PAGE_ITEMS = 1000n;
/** A node that never comes to an end of its pages is broken. */
const MAX_PAGES = 10_000;

const queryAnswer = z.object({
  response: z.object({ code: z.number().default(0), log: z.string().default(''), codespace: z.string().default(''), value: base64Bytes, height: int64Text.default(0n) }),
});

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

export interface AccountInfo {
  readonly accountNumber: bigint;
  readonly sequence: bigint;
}

export class ChainQueries {
  readonly #rpc: RpcConnection;
  readonly #height: bigint;

  /** @param height the state to ask; 0: the newest. */
  constructor(rpc: RpcConnection, height = 0n) {
    this.#rpc = rpc;
    this.#height = height;
  }

  /** One gRPC method by its path. @returns nothing where the node answers NotFound. @throws R3mesError QUERY_FAILED. */
  async call<Q, R>(path: string, request: Codec<Q>, response: Codec<R>, value: Q): Promise<R | undefined> {
    const data = toHex(request.encode(value).finish());
    const params = { path, data, prove: false, ...(this.#height === 0n ? {} : { height: this.#height.toString() }) };
    const { response: given } = readAnswer(queryAnswer, await this.#rpc.request('abci_query', params), 'abci_query');
    if (given.code === 0) return response.decode(given.value);
    if (/code = NotFound/.test(given.log)) return undefined;
    throw new R3mesError({ code: 'QUERY_FAILED', message: `query ${path} failed: ${given.log} (${given.codespace}/${given.code})` });
  }

  async account(address: string): Promise<AccountInfo | undefined> {
    const found = await this.call('/cosmos.auth.v1beta1.Query/Account', QueryAccountRequest, QueryAccountResponse, { address });
    if (found?.account === undefined) return undefined;
    const { accountNumber, sequence } = BaseAccount.decode(found.account.value);
    return { accountNumber, sequence };
  }

  /** In uremes; 0 for an address that never had any. */
  async balance(address: string): Promise<bigint> {
    const found = await this.call('/cosmos.bank.v1beta1.Query/Balance', QueryBalanceRequest, QueryBalanceResponse, { address, denom: DENOM });
    return parseAmount(found?.balance?.amount ?? '0');
  }

  /** All uremes that exist. */
  async supply(): Promise<bigint> {
    const found = await this.call('/cosmos.bank.v1beta1.Query/SupplyOf', QuerySupplyOfRequest, QuerySupplyOfResponse, { denom: DENOM });
    return parseAmount(found?.amount?.amount ?? '0');
  }

  async params(): Promise<q.QueryGetParamsResponse> {
    const found = await this.#remes('GetParams', q.QueryGetParamsRequest, q.QueryGetParamsResponse, {});
    if (found === undefined) throw new R3mesError({ code: 'QUERY_FAILED', message: 'this chain has no r3mes parameters', hint: 'is this node of a r3mes chain?' });
    return found;
  }

  /** @param modelId 0: the model in training. */
  async model(modelId = 0n): Promise<Model | undefined> {
    return (await this.#remes('GetModelParams', q.QueryGetModelParamsRequest, q.QueryGetModelParamsResponse, { modelId }))?.model;
  }

  async dataset(datasetId: bigint): Promise<Dataset | undefined> {
    return (await this.#remes('GetDataset', q.QueryGetDatasetRequest, q.QueryGetDatasetResponse, { datasetId }))?.dataset;
  }

  datasets(): Promise<Dataset[]> {
    return this.#all('GetDatasets', q.QueryGetDatasetsRequest, q.QueryGetDatasetsResponse, (pagination) => ({ pagination }), (page) => page.datasets);
  }

  async registration(part: Part, address: string): Promise<Registration | undefined> {
    return (await this.#remes('GetRegistration', q.QueryGetRegistrationRequest, q.QueryGetRegistrationResponse, { part, address }))?.registration;
  }

  registrations(part: Part): Promise<Registration[]> {
    return this.#all(
      'GetRegistrations',
      q.QueryGetRegistrationsRequest,
      q.QueryGetRegistrationsResponse,
      (pagination) => ({ part, pagination }),
      (page) => page.registrations,
    );
  }

  /** @param address empty: everybody's. */
  slashes(address = ''): Promise<SlashRecord[]> {
    return this.#all('GetSlashes', q.QueryGetSlashesRequest, q.QueryGetSlashesResponse, (pagination) => ({ address, pagination }), (page) => page.slashes);
  }

  async beacon(): Promise<Beacon | undefined> {
    return (await this.#remes('GetBeacon', q.QueryGetBeaconRequest, q.QueryGetBeaconResponse, {}))?.beacon;
  }

  /** @param windowId 0: the newest. */
  async window(windowId = 0n): Promise<TrainingWindow | undefined> {
    return (await this.#remes('GetWindow', q.QueryGetWindowRequest, q.QueryGetWindowResponse, { windowId }))?.window;
  }

  jobs(windowId: bigint): Promise<Job[]> {
    return this.#all('GetJobs', q.QueryGetJobsRequest, q.QueryGetJobsResponse, (pagination) => ({ windowId, pagination }), (page) => page.jobs);
  }

  async job(windowId: bigint, miner: string): Promise<Job | undefined> {
    return (await this.#remes('GetJob', q.QueryGetJobRequest, q.QueryGetJobResponse, { windowId, miner }))?.job;
  }

  async gradient(gradientId: bigint): Promise<StoredGradient | undefined> {
    return (await this.#remes('GetGradient', q.QueryGetGradientRequest, q.QueryGetGradientResponse, { gradientId }))?.gradient;
  }

  gradients(windowId: bigint): Promise<StoredGradient[]> {
    return this.#all('GetGradients', q.QueryGetGradientsRequest, q.QueryGetGradientsResponse, (pagination) => ({ windowId, pagination }), (page) => page.gradients);
  }

  aggregation(windowId: bigint): Promise<q.QueryGetAggregationResponse | undefined> {
    return this.#remes('GetAggregation', q.QueryGetAggregationRequest, q.QueryGetAggregationResponse, { windowId });
  }

  /** Duties of a verifier that wait for its commit or reveal. */
  async openDuties(verifier: string): Promise<Duty[]> {
    return (await this.#remes('GetOpenDuties', q.QueryGetOpenDutiesRequest, q.QueryGetOpenDutiesResponse, { verifier }))?.duties ?? [];
  }

  duties(windowId: bigint): Promise<Duty[]> {
    return this.#all('GetDuties', q.QueryGetDutiesRequest, q.QueryGetDutiesResponse, (pagination) => ({ windowId, pagination }), (page) => page.duties);
  }

  case(caseId: bigint): Promise<q.QueryGetCaseResponse | undefined> {
    return this.#remes('GetCase', q.QueryGetCaseRequest, q.QueryGetCaseResponse, { caseId });
  }

  /** @param windowId 0: of all windows. */
  cases(windowId = 0n, openOnly = false): Promise<Case[]> {
    return this.#all('GetCases', q.QueryGetCasesRequest, q.QueryGetCasesResponse, (pagination) => ({ windowId, openOnly, pagination }), (page) => page.cases);
  }

  rewards(address: string): Promise<RewardRecord[]> {
    return this.#all('GetRewards', q.QueryGetRewardsRequest, q.QueryGetRewardsResponse, (pagination) => ({ address, pagination }), (page) => page.rewards);
  }

  async windowRewards(windowId: bigint): Promise<RewardRecord[]> {
    return (await this.#remes('GetWindowRewards', q.QueryGetWindowRewardsRequest, q.QueryGetWindowRewardsResponse, { windowId }))?.rewards ?? [];
  }

  async emission(): Promise<Emission | undefined> {
    return (await this.#remes('GetEmission', q.QueryGetEmissionRequest, q.QueryGetEmissionResponse, {}))?.emission;
  }

  #remes<Q, R>(method: string, request: Codec<Q>, response: Codec<R>, value: Q): Promise<R | undefined> {
    return this.call(`/remes.remes.v1.Query/${method}`, request, response, value);
  }

  async #all<Q, R extends { pagination: PageResponse | undefined }, T>(
    method: string,
    request: Codec<Q>,
    response: Codec<R>,
    toRequest: (page: PageRequest) => Q,
    items: (page: R) => T[],
  ): Promise<T[]> {
    const all: T[] = [];
    let key: Uint8Array = new Uint8Array();
    for (let count = 0; count < MAX_PAGES; count++) {
      const page = await this.#remes(method, request, response, toRequest({ key, offset: 0n, limit: PAGE_ITEMS, countTotal: false, reverse: false }));
      if (page === undefined) return all;
      for (const item of items(page)) all.push(item);
      key = page.pagination?.nextKey ?? new Uint8Array();
      if (key.length === 0) return all;
    }
    throw new R3mesError({ code: 'NODE_ANSWER', message: `the node's list for ${method} does not end after ${MAX_PAGES} pages` });
  }
}
