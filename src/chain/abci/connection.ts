/** One connection of CometBFT: requests wait in order, answers are kept until Flush, a broken stream ends it. */
import type { Socket } from 'node:net';

import { Response } from '../../protocol/gen/tendermint/abci/types.js';
import type { AbciRequest, AbciResponse } from './dispatch.js';
import { decodeRequest } from './dispatch.js';
import { FrameReader, framePrefix } from './frames.js';

/** The socket is not read while so many requests, or so many bytes of them, wait. */
const MAX_WAITING = 1024;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** Answers go out at Flush, or earlier when there are so many bytes of them, as a buffered writer would. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** For the last answers of a connection that is ended. */
const LINGER_MS = 1000;

interface Waiting {
  readonly request: AbciRequest;
  readonly bytes: number;
}

export interface ConnectionEvents {
  /** There is something to take, or room to send again. */
  readonly onReady: () => void;
  /** Called once. `reason` says what was wrong; nothing where the other side ended in good order. */
  readonly onClosed: (reason: string | undefined) => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #reader: FrameReader;
  #waiting: Waiting[] = [];
  /** Next of `#waiting`; what is before it is done. */
  #position = 0;
  #waitingBytes = 0;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #isFull = false;
  #isClosed = false;
  /** A broken stream: what came before it is still answered, then the connection ends with this reason. */
  #broken: unknown;

  constructor(socket: Socket, maxFrameBytes: number, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#reader = new FrameReader(maxFrameBytes);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => {
      this.#isFull = false;
      events.onReady();
    });
    socket.on('end', () => {
      const { pendingBytes } = this.#reader;
      this.close(pendingBytes === 0 ? undefined : `it ended within a message, after ${pendingBytes} bytes of it`);
    });
    socket.on('error', (error) => this.close(error.message));
    socket.on('close', () => this.close());
  }

  /** The next request whose answer may be sent now. */
  take(): AbciRequest | undefined {
    if (this.#isFull || this.#isClosed) return undefined;
    const next = this.#waiting[this.#position];
    if (next === undefined) {
      if (this.#broken !== undefined) this.#giveUp();
      return undefined;
    }
    this.#position++;
    this.#waitingBytes -= next.bytes;
    if (this.#position === this.#waiting.length) {
      this.#waiting = [];
      this.#position = 0;
    }
    if (this.#hasRoom() && this.#broken === undefined && this.#socket.isPaused()) this.#socket.resume();
    return next.request;
  }

  send(response: AbciResponse): void {
    if (this.#isClosed) return;
    const message = Response.encode({ value: response }).finish();
    const prefix = framePrefix(message.length);
    this.#unsent.push(prefix, message);
    this.#unsentBytes += prefix.length + message.length;
    if (response.$case === 'flush' || this.#unsentBytes >= MAX_UNSENT_BYTES) this.flush();
  }

  /** Sends what is there, and ends. */
  end(reason?: string): void {
    this.flush();
    this.#socket.end();
    this.close(reason);
  }

  /** Ends at once; what was not answered never will be. */
  close(reason?: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#position = 0;
    if (this.#socket.writableEnded) this.#linger();
    else this.#socket.destroy();
    this.#events.onClosed(reason);
  }

  #onData(chunk: Buffer): void {
    if (this.#isClosed || this.#broken !== undefined) return;
    this.#reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    try {
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        this.#waiting.push({ request: decodeRequest(frame), bytes: frame.length });
        this.#waitingBytes += frame.length;
      }
    } catch (error) {
      this.#broken = error;
    }
    if (!this.#hasRoom() || this.#broken !== undefined) this.#socket.pause();
    this.#events.onReady();
  }

  #hasRoom(): boolean {
    return this.#waiting.length - this.#position < MAX_WAITING && this.#waitingBytes < MAX_WAITING_BYTES;
  }

  /** Sends all answers that are there. */
  flush(): void {
    const bytes = Buffer.concat(this.#unsent, this.#unsentBytes);
    this.#unsent = [];
    this.#unsentBytes = 0;
    if (bytes.length > 0 && !this.#socket.write(bytes)) this.#isFull = true;
  }

  /** Lets the last answers go out, but waits for no reader that does not read. */
  #linger(): void {
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.destroySoon();
  }

  #giveUp(): void {
    const reason = this.#broken instanceof Error ? this.#broken.message : String(this.#broken);
    this.send({ $case: 'exception', value: { error: reason } });
    this.end(reason);
  }
}
