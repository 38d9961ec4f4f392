import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FrameReader, framePrefix } from '../../../../src/chain/abci/frames.js';
import { concatBytes } from '../../../../src/protocol/bytes.js';

/** All that a stream holds, given in pieces. */
function read(pieces: readonly Uint8Array[], maxBytes?: number): { frames: Uint8Array[]; pending: number } {
  const reader = new FrameReader(maxBytes);
  const frames: Uint8Array[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(Uint8Array.from(frame));
  }
  return { frames, pending: reader.pendingBytes };
}

const streamOf = (messages: readonly Uint8Array[]): Uint8Array => concatBytes(...messages.flatMap((message) => [framePrefix(message.length), message]));

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe('frames', () => {
  it('writes lengths as protobuf varints', () => {
    const known: readonly (readonly [number, readonly number[]])[] = [
      [0, [0]],
      [1, [1]],
      [127, [0x7f]],
      [128, [0x80, 1]],
      [300, [0xac, 2]],
      [2 ** 31, [0x80, 0x80, 0x80, 0x80, 8]],
    ];
    for (const [length, bytes] of known) expect([...framePrefix(length)]).toEqual(bytes);
  });

  it('reads the same messages wherever the stream is cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 30 }), (given, places) => {
        expect(read(cut(streamOf(given), places))).toEqual({ frames: given, pending: 0 });
      }),
    );
  });

  it('keeps what is not complete', () => {
    const stream = streamOf([Uint8Array.of(1, 2, 3), new Uint8Array(200)]);
    expect(read([stream.subarray(0, stream.length - 1)])).toEqual({ frames: [Uint8Array.of(1, 2, 3)], pending: 199 });
    expect(read([stream.subarray(0, 5)])).toEqual({ frames: [Uint8Array.of(1, 2, 3)], pending: 1 });
  });

  it('refuses a length above the limit before any of the message arrives', () => {
    expect(read([framePrefix(1000)], 1000).frames).toEqual([]);
    expect(() => read([framePrefix(1001)], 1000)).toThrow('expected a message of at most 1000 bytes, got the length 1001');
    expect(() => read([framePrefix(2 ** 34)])).toThrow(/at most 134217728 bytes/);
  });

  it('refuses a length that does not end', () => {
    expect(() => read([new Uint8Array(5).fill(0xff)])).toThrow(/in at most 5 bytes/);
    expect(read([new Uint8Array(4).fill(0x80)]).frames).toEqual([]);
  });
});
