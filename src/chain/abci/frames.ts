/**
 * How messages lie in a byte stream of ABCI 2.0: each behind its length as an unsigned varint. ABCI before 0.35 wrote
 * the length in zigzag; nothing of that is read here. Source: libs/protoio of CometBFT.
 */
import { R3mesError } from '../../protocol/errors.js';

/**
 * The largest request: a block of 100 MiB, CometBFT's own bound, or a genesis, with what surrounds it. Answers have no
 * bound but CometBFT's 2 GiB.
 */
export const MAX_FRAME_BYTES = 128 * 1024 * 1024;
/** Enough for 35 bits: no frame is longer, and a longer prefix is no length. */
const MAX_PREFIX_BYTES = 5;

/** @throws R3mesError ABCI_FRAME: the stream cannot be read any further. */
function broken(message: string): R3mesError {
  return new R3mesError({ code: 'ABCI_FRAME', message, hint: 'only CometBFT v0.38 with abci = "socket" speaks to this address' });
}

/** The length of a message as it stands before it. */
export function framePrefix(length: number): Uint8Array {
  const bytes: number[] = [];
  let rest = length;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** Cuts a stream into messages. What is not complete is kept; a frame of many chunks is put together once. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #buffered = 0;
  /** Length of the message at hand, once its prefix is read. */
  #length: number | undefined;

  constructor(maxBytes = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a message that is not complete. */
  get pendingBytes(): number {
    return this.#buffered;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /**
   * The next complete message, or nothing. It may share memory with the chunk that it came in.
   * @throws R3mesError ABCI_FRAME for a prefix that is no length, or a length above the limit.
   */
  next(): Uint8Array | undefined {
    this.#length ??= this.#readPrefix();
    if (this.#length === undefined || this.#buffered < this.#length) return undefined;
    const frame = this.#take(this.#length);
    this.#length = undefined;
    return frame;
  }

  #readPrefix(): number | undefined {
    let value = 0;
    for (let index = 0; index < Math.min(this.#buffered, MAX_PREFIX_BYTES); index++) {
      const byte = this.#byteAt(index);
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte >= 0x80) continue;
      if (value > this.#maxBytes) throw broken(`expected a message of at most ${this.#maxBytes} bytes, got the length ${value}`);
      this.#take(index + 1);
      return value;
    }
    if (this.#buffered < MAX_PREFIX_BYTES) return undefined;
    throw broken(`expected the length of a message in at most ${MAX_PREFIX_BYTES} bytes, got one that goes on`);
  }

  #byteAt(position: number): number {
    let offset = position;
    for (const chunk of this.#chunks) {
      if (offset < chunk.length) return chunk[offset] ?? 0;
      offset -= chunk.length;
    }
    return 0;
  }

  /** Removes the first `length` bytes, which must be there. */
  #take(length: number): Uint8Array {
    this.#buffered -= length;
    const [first] = this.#chunks;
    if (first === undefined || length === 0) return new Uint8Array();
    if (first.length >= length) {
      if (first.length === length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const whole = new Uint8Array(length);
    let filled = 0;
    let used = 0;
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(0, length - filled);
      whole.set(part, filled);
      filled += part.length;
      if (filled === length) {
        if (part.length < chunk.length) this.#chunks[used] = chunk.subarray(part.length);
        else used++;
        break;
      }
      used++;
    }
    this.#chunks.splice(0, used);
    return whole;
  }
}
