/** JSON-RPC to a node over HTTP, with time limits and errors that say what to do. */
import { z } from 'zod';

import { InvalidInputError, R3mesError } from '../protocol/errors.js';

/** No answer of a node is longer: the largest are blocks, in base64. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

const answer = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.string().optional() }).optional(),
});

/** The node answered, and said no. */
export class RpcAnswerError extends R3mesError {
  constructor(method: string, text: string) {
    super({
      code: text.startsWith('mempool is full') ? 'MEMPOOL_FULL' : 'RPC_ERROR',
      message: `the node refused ${method}: ${text}`,
      retryable: text.startsWith('mempool is full'),
    });
    this.name = 'RpcAnswerError';
  }
}

function checkedUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new InvalidInputError(`expected the URL of a node, got ${JSON.stringify(url.slice(0, 120))}`, 'write it like http://127.0.0.1:26657');
  }
  return url.replace(/\/+$/, '');
}

export class RpcConnection {
  readonly url: string;
  readonly timeoutMs: number;
  readonly #urls: readonly string[];
  /** Index of the node that answered last. */
  #current = 0;
  #nextId = 1;

  /**
   * @param others nodes of the same chain, asked in turn while one cannot be reached.
   * @throws InvalidInputError unless each URL is one of http or https.
   */
  constructor(url: string, timeoutMs: number, others: readonly string[] = []) {
    this.#urls = [url, ...others].map(checkedUrl);
    this.url = checkedUrl(url);
    this.timeoutMs = timeoutMs;
  }

  /** Where the node's WebSocket is. */
  get webSocketUrl(): string {
    return `${this.url.replace(/^http/, 'ws')}/websocket`;
  }

  /**
   * @returns the `result`, unchecked.
   * @throws R3mesError NODE_UNREACHABLE (retryable) where no sound answer comes; RpcAnswerError where the node says no.
   */
  async request(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const asked = this.#current;
      try {
        return await this.#ask(this.#urls[asked] ?? this.url, method, params);
      } catch (error) {
        if (!(error instanceof R3mesError) || error.code !== 'NODE_UNREACHABLE' || tries >= this.#urls.length) throw error;
        // Several requests at once may have met the same silence: they move on together.
        if (this.#current === asked) this.#current = (asked + 1) % this.#urls.length;
      }
    }
  }

  async #ask(url: string, method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: this.#nextId++, method, params });
    let text: string;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      if (Number(response.headers.get('content-length') ?? 0) > MAX_ANSWER_BYTES) throw new Error('its answer is too long');
      text = await response.text();
    } catch (error) {
      throw this.#unreachable(url, error);
    }
    const parsed = answer.safeParse(parseJson(text));
    if (!parsed.success) throw this.#unreachable(url, new Error('its answer is no JSON-RPC'));
    const { error, result } = parsed.data;
    if (error !== undefined) throw new RpcAnswerError(method, error.data ?? error.message);
    return result;
  }

  #unreachable(url: string, error: unknown): R3mesError {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const isTimeout = error instanceof Error && error.name === 'TimeoutError';
    const why = isTimeout ? `no answer within ${this.timeoutMs} ms` : cause instanceof Error ? cause.message : String(cause);
    return new R3mesError({
      code: 'NODE_UNREACHABLE',
      message: `the node at ${url} cannot be reached: ${why}`,
      hint: 'start it with: r3mes node start, or name another one with --node URL',
      retryable: true,
      cause: error,
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused by the schema
  }
}

/** Reads an answer by a schema. @throws R3mesError NODE_ANSWER where the node answers something else. */
export function readAnswer<S extends z.ZodType>(schema: S, value: unknown, method: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new R3mesError({
    code: 'NODE_ANSWER',
    message: `the node's answer to ${method} has an unexpected form: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    hint: 'is this URL the RPC of a CometBFT v0.38 or r3mes node?',
  });
}

/** A 64-bit integer as CometBFT writes it. */
export const int64Text = z.string().regex(/^-?[0-9]{1,19}$/).transform((text) => BigInt(text));
export const base64Bytes = z
  .string()
  .nullish()
  .transform((text) => new Uint8Array(Buffer.from(text ?? '', 'base64')));
