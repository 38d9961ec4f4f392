import { ChainError, R3mesError } from '../../protocol/errors.js';
import { TxMsgData } from '../../protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import { SimulateRequest, SimulateResponse } from '../../protocol/gen/cosmos/tx/v1beta1/service.js';
import type { ExecTxResult, RequestQuery, ResponseQuery } from '../../protocol/gen/tendermint/abci/types.js';
import { type Module, type QueryContext, type QueryHandler, defineQuery } from '../module.js';
import { SDK_CODES, SDK_CODESPACE, sdkError } from '../modules/sdk-errors.js';
import { type Failure, type Report, toFailure } from './executor.js';

/** Answers abci_query on gRPC paths, always from the last committed state. */
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

  /** @param ctx of the last commit; nothing before the first one. @throws DatabaseError only. */
  answer(ctx: QueryContext | undefined, request: RequestQuery): ResponseQuery {
    const height = ctx?.block.height ?? 0n;
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
      if (ctx === undefined) throw sdkError('INVALID_HEIGHT', 'there is no block yet', 'ask again after the first block');
      if (request.height !== 0n && request.height !== height) {
        throw sdkError(
          'INVALID_HEIGHT',
          `expected height ${height} or 0 for the latest, got ${request.height}`,
          'this node keeps the latest state only',
        );
      }
      if (request.prove) throw sdkError('NOT_SUPPORTED', 'this state has no proofs yet', 'ask without prove');
      const handler = this.#handlers.get(request.path);
      if (handler === undefined) {
        throw sdkError('UNKNOWN_REQUEST', `unknown query path ${JSON.stringify(request.path.slice(0, 120))}: unknown request`);
      }
      response.value = handler.handle(ctx, request.data);
    } catch (error) {
      Object.assign(response, toGrpcFailure(error, this.#report));
    }
    return response;
  }
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
