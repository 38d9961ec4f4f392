/** Heights of new blocks, as they come. */
import { WebSocket } from 'ws';
import { z } from 'zod';

import { R3mesError } from '../protocol/errors.js';
import { int64Text } from './rpc.js';

/** How often the node is asked while it tells by WebSocket, in case a message was lost, and while it does not. */
const SLOW_POLL_MS = 5000;
const FAST_POLL_MS = 500;
/** Pauses between attempts to connect double from the one to the other. */
const FIRST_RECONNECT_MS = 250;
const LAST_RECONNECT_MS = 5000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const event = z.object({
  result: z.object({ data: z.object({ value: z.object({ header: z.object({ height: int64Text }) }) }) }),
});

export interface BlockSource {
  readonly webSocketUrl: string;
  /** Height of the newest block; 0 for none. */
  readonly newest: () => Promise<bigint>;
}

/**
 * Yields the height of the newest block at once and then of each new one, always rising. A consumer that is slower than
 * the chain gets the newest only. Goes on through restarts of the node; ends when `signal` is aborted.
 */
export async function* newBlocks(source: BlockSource, signal: AbortSignal): AsyncGenerator<bigint, void, undefined> {
  let newest = 0n;
  let wake = (): void => undefined;
  const feed = new HeaderFeed(source.webSocketUrl, (height) => {
    if (height > newest) newest = height;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  let yielded = 0n;
  let shouldPoll = true;
  try {
    while (!signal.aborted) {
      if (shouldPoll) newest = await pollNewest(source, newest);
      shouldPoll = false;
      if (signal.aborted) return;
      if (newest > yielded) {
        yielded = newest;
        yield newest;
        continue;
      }
      shouldPoll = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), feed.isConnected ? SLOW_POLL_MS : FAST_POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve(false);
        };
        if (signal.aborted || newest > yielded) wake();
      });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    feed.close();
  }
}

/** A node that was reset starts over; then its lower heights count again only once they pass the old ones. */
async function pollNewest(source: BlockSource, known: bigint): Promise<bigint> {
  try {
    const height = await source.newest();
    return height > known ? height : known;
  } catch (error) {
    if (error instanceof R3mesError && error.retryable) return known;
    throw error;
  }
}

/** A WebSocket that subscribes to headers and connects again whenever it breaks. */
class HeaderFeed {
  readonly #url: string;
  readonly #onHeight: (height: bigint) => void;
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_RECONNECT_MS;
  #isClosed = false;

  constructor(url: string, onHeight: (height: bigint) => void) {
    this.#url = url;
    this.#onHeight = onHeight;
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, { maxPayload: MAX_MESSAGE_BYTES, handshakeTimeout: LAST_RECONNECT_MS });
    this.#socket = socket;
    socket.on('open', () => {
      this.#pauseMs = FIRST_RECONNECT_MS;
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { query: "tm.event='NewBlockHeader'" } }));
    });
    socket.on('message', (data) => {
      const height = heightOf(data);
      if (height !== undefined) this.#onHeight(height);
    });
    // What went wrong shows in that the socket closes; then it is tried again.
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => this.#connect(), this.#pauseMs);
      this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_RECONNECT_MS);
    });
  }
}

function heightOf(data: unknown): bigint | undefined {
  try {
    const parsed = event.safeParse(JSON.parse(String(data)));
    return parsed.success ? parsed.data.result.data.value.header.height : undefined;
  } catch {
    return undefined; // not JSON: nothing that a node says
  }
}
