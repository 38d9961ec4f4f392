/** One way for all: a method's path and its request in bytes, from REST or gRPC, to the response in bytes. */
import { R3mesError } from '../protocol/errors.js';
import type { Backend, QueryAnswer } from './backend.js';
import { type Method, schema } from './descriptors.js';
import { StatusError, notImplemented } from './status.js';

export interface Answer {
  readonly value: Uint8Array;
  /** Of the state that was read; absent where the answer is of no one height. */
  readonly height?: bigint;
}

/** A method that the gateway answers itself, with what the node's RPC says; the rest are queries of the application. */
export interface ServiceMethod {
  readonly path: string;
  readonly handle: (request: Uint8Array, context: ServiceContext) => Promise<Answer>;
}

export interface ServiceContext {
  readonly backend: Backend;
  /** 0: the newest. */
  readonly height: bigint;
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** Builds a ServiceMethod from generated codecs. */
export function defineService<Q, R>(spec: {
  path: string;
  request: Codec<Q>;
  response: Codec<R>;
  handle: (request: Q, context: ServiceContext) => R | Promise<R>;
}): ServiceMethod {
  return {
    path: spec.path,
    handle: async (bytes, context) => ({ value: spec.response.encode(await spec.handle(decodeAs(spec.request, bytes), context)).finish() }),
  };
}

export function decodeAs<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes);
  } catch (error) {
    throw new StatusError('INVALID_ARGUMENT', `the request is no such message: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export class Router {
  readonly #backend: Backend;
  readonly #services: ReadonlyMap<string, ServiceMethod>;
  readonly #report: (error: unknown) => void;

  /** @param report hears of bugs; clients are told nothing of them. */
  constructor(backend: Backend, services: readonly ServiceMethod[], report: (error: unknown) => void) {
    this.#backend = backend;
    this.#services = new Map(services.map((method) => [method.path, method]));
    this.#report = report;
  }

  /** @throws StatusError and nothing else. */
  async call(method: Method, request: Uint8Array, height: bigint): Promise<Answer> {
    try {
      const service = this.#services.get(method.path);
      if (service !== undefined) return await service.handle(request, { backend: this.#backend, height });
      return answerOf(await this.#backend.query({ path: method.path, data: request, height }));
    } catch (error) {
      throw this.toStatus(error);
    }
  }

  /** A failure as a client may see it. */
  toStatus(error: unknown): StatusError {
    if (error instanceof StatusError) return error;
    if (error instanceof R3mesError) {
      // Where the node is, is nobody's business here.
      if (error.code === 'NODE_UNREACHABLE') return new StatusError('UNAVAILABLE', 'the node behind this gateway does not answer');
      if (error.code === 'INVALID_INPUT') return new StatusError('INVALID_ARGUMENT', error.message);
      return new StatusError('UNKNOWN', error.message);
    }
    this.#report(error);
    return new StatusError('INTERNAL', 'unexpected error; see the log of the gateway');
  }

  /** The methods that are served, known from the descriptors whether or not the application has a handler. */
  get methods(): ReadonlyMap<string, Method> {
    return schema().methods;
  }
}

const SDK = 'sdk';
const UNKNOWN_PATH = 'unknown query path';
const GRPC_WORDS: readonly (readonly [string, 'NOT_FOUND' | 'INVALID_ARGUMENT' | 'UNIMPLEMENTED'])[] = [
  ['rpc error: code = NotFound', 'NOT_FOUND'],
  ['rpc error: code = InvalidArgument', 'INVALID_ARGUMENT'],
  ['rpc error: code = Unimplemented', 'UNIMPLEMENTED'],
];

/** The application's answer, or its failure by the words and numbers that the SDK's own client goes by. */
export function answerOf({ code, codespace, log, value, height }: QueryAnswer): Answer {
  if (code === 0) return { value, height };
  if (codespace === SDK && log.startsWith(UNKNOWN_PATH)) throw notImplemented();
  const word = GRPC_WORDS.find(([words]) => log.startsWith(words));
  if (word !== undefined) throw new StatusError(word[1], log);
  if (codespace === SDK && code === 22) throw new StatusError('NOT_FOUND', log);
  if (codespace === SDK && code === 35) throw new StatusError('INTERNAL', log);
  if (codespace === SDK && code === 4) throw new StatusError('UNAUTHENTICATED', log);
  throw new StatusError('INVALID_ARGUMENT', log);
}
