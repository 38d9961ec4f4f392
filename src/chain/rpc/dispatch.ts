/** From a request to its answer, whatever it came by. */
import { R3mesError } from '../../protocol/errors.js';
import { Args } from './args.js';
import { type ParsedRequest, type RawParams, type RequestId, RpcError, errorBody, parseRequests, successBody } from './jsonrpc.js';
import type { MethodContext } from './method.js';
import { METHODS } from './methods.js';
import type { Json } from './render.js';

/** Where a request came from. */
export interface Caller {
  /** A web page asks: browsers say so by the header Origin. */
  readonly isWebPage: boolean;
  /** Methods that only this connection has, such as subscribe. */
  readonly extra?: (method: string, args: (names: readonly string[]) => Args, id: RequestId) => { readonly result: unknown } | undefined;
}

export interface Dispatcher extends MethodContext {
  /** Hears of bugs: errors that are none of ours. */
  readonly report: (error: unknown) => void;
}

/** @throws RpcError for an unknown method or wrong parameters; whatever the method throws. */
export async function call(dispatcher: Dispatcher, caller: Caller, method: string, params: RawParams, id: RequestId): Promise<unknown> {
  const found = METHODS.get(method);
  if (found === undefined) {
    const extra = caller.extra?.(method, (names) => new Args(params, names), id);
    if (extra === undefined) throw RpcError.methodNotFound();
    return extra.result;
  }
  if (found.isControl === true && caller.isWebPage) throw RpcError.internal(`${method} is not for web pages`);
  return await found.handle(new Args(params, found.params), dispatcher);
}

async function answerOne(dispatcher: Dispatcher, caller: Caller, request: ParsedRequest): Promise<Json | undefined> {
  if ('error' in request) return errorBody(request.id, request.error);
  const { id, method, params } = request;
  if (id === undefined) return undefined;
  try {
    return successBody(id, await call(dispatcher, caller, method, params, id));
  } catch (error) {
    reportBug(dispatcher, error);
    return errorBody(id, error);
  }
}

/** The answer to a JSON text: one body, a list for a batch, or nothing for notifications. Never throws. */
export async function answerJson(dispatcher: Dispatcher, caller: Caller, text: string): Promise<{ body: Json | Json[] | undefined; isMalformed: boolean }> {
  let parsed: ReturnType<typeof parseRequests>;
  try {
    parsed = parseRequests(text);
  } catch (error) {
    reportBug(dispatcher, error);
    return { body: errorBody(undefined, error), isMalformed: true };
  }
  const bodies: Json[] = [];
  for (const request of parsed.requests) {
    const body = await answerOne(dispatcher, caller, request);
    if (body !== undefined) bodies.push(body);
  }
  return { body: parsed.isBatch && bodies.length > 0 ? bodies : bodies[0], isMalformed: false };
}

export function reportBug(dispatcher: Dispatcher, error: unknown): void {
  if (!(error instanceof RpcError) && !(error instanceof R3mesError)) dispatcher.report(error);
}
