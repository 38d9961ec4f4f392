/** A client of the ABCI server that shares no code with it: cosmjs-types' messages, and a framing of its own. */
import { connect, type Socket } from 'node:net';

import { Request, Response } from 'cosmjs-types/tendermint/abci/types';

type Deep<T> = T extends bigint | number | string | Uint8Array | undefined ? T : T extends readonly (infer E)[] ? Deep<E>[] : { [K in keyof T]?: Deep<T[K]> };
/** A request with the fields that matter to a test. */
export type Asked = Deep<Request>;

export function frame(request: Asked): Uint8Array {
  const message = Request.encode(Request.fromPartial(request)).finish();
  return Buffer.concat([varint(message.length), message]);
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

export class AbciClient {
  readonly socket: Socket;
  readonly answers: Response[] = [];
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<void>;
  #bytes = Buffer.alloc(0);
  #waiting: { count: number; resolve: (answers: Response[]) => void; reject: (error: Error) => void } | undefined;

  constructor(address: string, options: { readonly allowHalfOpen?: boolean } = {}) {
    const tcp = /^tcp:\/\/(.*):([0-9]+)$/.exec(address);
    this.socket = tcp === null ? connect({ path: address.slice('unix://'.length), ...options }) : connect({ host: tcp[1]!, port: Number(tcp[2]), ...options });
    this.socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.socket.on('error', () => undefined); // told by 'close'
    this.socket.on('end', () => this.socket.end()); // half open only on our own account
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#waiting?.reject(new Error(`closed after ${this.answers.length} answers`));
        resolve();
      });
    });
  }

  write(...requests: Asked[]): void {
    this.socket.write(Buffer.concat(requests.map(frame)));
  }

  /** As CometBFT's synchronous calls: the requests, then Flush. @returns the answers without the one to Flush. */
  async ask(...requests: Asked[]): Promise<Response[]> {
    this.write(...requests, { flush: {} });
    return (await this.next(requests.length + 1)).slice(0, requests.length);
  }

  next(count: number): Promise<Response[]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { count, resolve, reject };
      this.#settle();
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      let length = 0;
      let at = 0;
      for (; (this.#bytes[at] ?? 0) >= 128; at++) length += ((this.#bytes[at] ?? 0) & 127) * 2 ** (7 * at);
      const last = this.#bytes[at];
      if (last === undefined) break;
      length += last * 2 ** (7 * at);
      if (this.#bytes.length < at + 1 + length) break;
      this.answers.push(Response.decode(this.#bytes.subarray(at + 1, at + 1 + length)));
      this.#bytes = this.#bytes.subarray(at + 1 + length);
    }
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.answers.length < waiting.count) return;
    this.#waiting = undefined;
    waiting.resolve(this.answers.splice(0, waiting.count));
  }
}
