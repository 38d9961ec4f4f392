import { ChainError, R3mesError } from '../../protocol/errors.js';
import { TxMsgData } from '../../protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import { SimulateRequest, SimulateResponse } from '../../protocol/gen/cosmos/tx/v1beta1/service.js';
import type { ExecTxResult, RequestQuery, ResponseQuery } from '../../protocol/gen/tendermint/abci/types.js';
import { type Module, type QueryContext, type QueryHandler, defineQuery } from '../module.js';
import { SDK_CODES, SDK_CODESPACE, sdkError } from '../modules/sdk-errors.js';
import { keyOf } from '../store/database.js';
import { storePrefix } from '../store/keys.js';
import { proveKey } from '../store/proofs.js';
import type { StateVersion } from '../store/state-version.js';
import { storeNames } from '../store/versions.js';
import { type Failure, type Report, toFailure } from './executor.js';

/** The state after a committed block, as queries see it. */
export interface QueryState {
  readonly ctx: QueryContext;
  readonly version: StateVersion;
}

/** The states that are kept. */
export interface QueryStates {
  /** Heights; nothing before the first commit. */
  readonly kept: { readonly oldest: bigint; readonly latest: bigint } | undefined;
  /** @param height a kept one. */
  at(height: bigint): QueryState;
}

/** Raw values with proofs, as the SDK's stores serve them: `/store/{name}/key`. */
const STORE_PATH = /^\/store\/([^/]*)\/key$/;

/** Answers abci_query on gRPC paths and on keys of stores, from the last committed state or a kept one before it. */
export class QueryRouter {
  readonly #handlers = new Map<string, QueryHandler>();
  readonly #report: Report;

  constructor(modules: readonly Module[], report: Report) {
    this.#report = report;
    for (const handler of modules.flatMap((module) => module.queries)) this.add(handler);
  }

  add(handler: QueryHandler): void {
    if (this.#handlers.has(handler.path)) throw new Error(`two handlers for ${handler.path}`);
    this.#handlers.set(handler.path, handler);
  }

  /** @throws DatabaseError only. */
  answer(states: QueryStates, request: RequestQuery): ResponseQuery {
    const { kept } = states;
    const height = request.height === 0n ? (kept?.latest ?? 0n) : request.height;
    const response: ResponseQuery = {
      code: 0,
      log: '',
      info: '',
      index: 0n,
      key: new Uint8Array(),
      value: new Uint8Array(),
      proofOps: undefined,
      height,
      codespace: '',
    };
    try {
      if (kept === undefined) throw sdkError('INVALID_HEIGHT', 'there is no block yet', 'ask again after the first block');
      if (height < kept.oldest || height > kept.latest) {
        throw sdkError(
          'INVALID_HEIGHT',
          `expected a height from ${kept.oldest} to ${kept.latest}, or 0 for the latest, got ${height}`,
          'this node keeps the states of these blocks only',
        );
      }
      const state = states.at(height);
      const store = STORE_PATH.exec(request.path)?.[1];
      if (store === undefined) response.value = this.#call(state, request);
      else Object.assign(response, readStore(state, store, request));
    } catch (error) {
      Object.assign(response, toGrpcFailure(error, this.#report));
    }
    return response;
  }

  #call({ ctx }: QueryState, request: RequestQuery): Uint8Array {
    if (request.prove) throw sdkError('NOT_SUPPORTED', 'only keys of stores have proofs', 'ask without prove, or for /store/{name}/key');
    const handler = this.#handlers.get(request.path);
    if (handler === undefined) {
      throw sdkError('UNKNOWN_REQUEST', `unknown query path ${JSON.stringify(request.path.slice(0, 120))}: unknown request`);
    }
    return handler.handle(ctx, request.data);
  }
}

/** No value where the key is not there: the proof then shows just that. */
function readStore({ version }: QueryState, store: string, { data: key, prove }: RequestQuery): Pick<ResponseQuery, 'key' | 'value' | 'proofOps'> {
  if (!version.roots.has(store)) {
    throw sdkError('UNKNOWN_REQUEST', `no such store: ${JSON.stringify(store.slice(0, 40))}; expected one of ${storeNames(version.roots).join(', ')}`);
  }
  if (key.length === 0) throw sdkError('INVALID_REQUEST', 'expected a key as the data of the query, got none');
  const { value, ops } = prove ? proveKey(version, store, key) : { value: version.get(storePrefix(store) + keyOf(key)), ops: undefined };
  return { key, value: value ?? new Uint8Array(), proofOps: ops === undefined ? undefined : { ops } };
}

/**
 * Errors of handlers as the SDK's gRPC router puts them into abci_query: clients tell "does not exist" from the rest by
 * the words `rpc error: code = NotFound`.
 */
function toGrpcFailure(error: unknown, report: Report): Failure {
  const failure = toFailure(error, report);
  if (!(error instanceof R3mesError)) return failure;
  if (error.code === 'NOT_FOUND') {
    return { code: SDK_CODES.NOT_FOUND, codespace: SDK_CODESPACE, log: `rpc error: code = NotFound desc = ${failure.log}: key not found` };
  }
  if (failure.codespace === SDK_CODESPACE && failure.code === SDK_CODES.INVALID_REQUEST) {
    return { ...failure, log: `rpc error: code = InvalidArgument desc = ${failure.log}: invalid request` };
  }
  return failure;
}

/** @param run executes without signatures, on a branch that is dropped. */
export function simulateQuery(run: (txBytes: Uint8Array) => ExecTxResult): QueryHandler {
  return defineQuery({
    path: '/cosmos.tx.v1beta1.Service/Simulate',
    request: SimulateRequest,
    response: SimulateResponse,
    handle: (_ctx, request) => {
      const { code, codespace, log, gasWanted, gasUsed, data, events } = run(request.txBytes);
      if (code !== 0) throw new ChainError(codespace, code, 'SIMULATION_FAILED', log);
      const { msgResponses } = TxMsgData.decode(data);
      return { gasInfo: { gasWanted, gasUsed }, result: { data, log, events, msgResponses } };
    },
  });
}
