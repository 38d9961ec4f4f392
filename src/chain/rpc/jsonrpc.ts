/** JSON-RPC 2.0 as CometBFT speaks it: requests by POST, WebSocket or URI, and errors with their text in `data`. */
import { R3mesError } from '../../protocol/errors.js';

/** CometBFT's id for requests by URI, which have none. */
export const URI_REQUEST_ID = -1;
/** Requests of one batch; the batching client of cosmjs sends up to 20. */
export const MAX_BATCH = 20;
const MAX_ID_CHARACTERS = 128;

export type RequestId = string | number;

export class RpcError extends Error {
  readonly code: number;
  readonly data: string;

  private constructor(code: number, message: string, data: string) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.data = data;
  }

  static parse(data: string): RpcError {
    return new RpcError(-32700, 'Parse error. Invalid JSON', data);
  }
  static invalidRequest(data: string): RpcError {
    return new RpcError(-32600, 'Invalid Request', data);
  }
  static methodNotFound(): RpcError {
    return new RpcError(-32601, 'Method not found', '');
  }
  static invalidParams(data: string): RpcError {
    return new RpcError(-32602, 'Invalid params', data);
  }
  static internal(data: string): RpcError {
    return new RpcError(-32603, 'Internal error', data);
  }
}

/** Raw parameters of a request: by name, or by position, in JSON; or texts of a URI. */
export type RawParams =
  | { readonly source: 'named'; readonly values: Readonly<Record<string, unknown>> }
  | { readonly source: 'positional'; readonly values: readonly unknown[] }
  | { readonly source: 'uri'; readonly values: URLSearchParams };

export interface RpcRequest {
  /** Absent: a notification, which gets no answer. */
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: RawParams;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseOne(value: unknown): RpcRequest | { id: RequestId | undefined; error: RpcError } {
  if (!isObject(value)) return { id: undefined, error: RpcError.invalidRequest('expected an object with method and params') };
  const { id, method, params = {} } = value;
  const validId = typeof id === 'number' || (typeof id === 'string' && id.length <= MAX_ID_CHARACTERS);
  if (id !== undefined && id !== null && !validId) return { id: undefined, error: RpcError.invalidRequest('expected an id that is a text or a number') };
  const known = validId ? id : undefined;
  if (typeof method !== 'string') return { id: known, error: RpcError.invalidRequest('expected a method that is a text') };
  if (Array.isArray(params)) return { id: known, method, params: { source: 'positional', values: params } };
  if (isObject(params)) return { id: known, method, params: { source: 'named', values: params } };
  if (params === null) return { id: known, method, params: { source: 'named', values: {} } };
  return { id: known, error: RpcError.invalidRequest('expected params that are an object or a list') };
}

export type ParsedRequest = ReturnType<typeof parseOne>;

/** @throws RpcError for text that is not JSON, and for too large a batch. */
export function parseRequests(text: string): { isBatch: boolean; requests: ParsedRequest[] } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw RpcError.parse(`error unmarshaling request: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!Array.isArray(json)) return { isBatch: false, requests: [parseOne(json)] };
  if (json.length > MAX_BATCH) throw RpcError.invalidRequest(`batch request exceeds maximum (${MAX_BATCH}) allowed number of requests`);
  return { isBatch: true, requests: json.map(parseOne) };
}

export function successBody(id: RequestId, result: unknown): Record<string, unknown> {
  return { jsonrpc: '2.0', id, result };
}

/** Our own errors become CometBFT's internal error with the sentence in `data`; anything else is a bug and says nothing. */
export function errorBody(id: RequestId | undefined, error: unknown): Record<string, unknown> {
  const shown =
    error instanceof RpcError ? error : RpcError.internal(error instanceof R3mesError ? error.message : 'unexpected error; see the log of the node');
  const { code, message, data } = shown;
  return { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), error: { code, message, ...(data === '' ? {} : { data }) } };
}
