import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { utf8 } from '../../../src/protocol/bytes.js';
import { taggedHash } from '../../../src/protocol/hash.js';
import { DrawStream } from '../../../src/protocol/sampling.js';
import { type Adapter, adapterLayout, checkSampling, chooseToken, generate, loadCheckpoint, logits, type Model, mostLikely, nativeLora, openSession, TARGETS } from '../../../src/train/index.js';
import { readNano } from './helpers.js';

let model: Model;
let adapter: Adapter;
const tokens = Array.from({ length: 90 }, (_, i) => (7919 * i + i * i) % 1024);
const GREEDY = { temperature: 0, topK: 0, topP: 1 };

beforeAll(async () => {
  model = await loadCheckpoint({ config: readNano('config.json'), weights: readNano('model.safetensors') });
  const layout = adapterLayout(model.config, { rank: 4, alpha: 8, targets: [...TARGETS] });
  adapter = { layout, values: Float32Array.from({ length: layout.size }, (_, i) => (((i * 7919) % 2049) - 1024) / 16_384) };
});
afterAll(() => model.dispose());

async function take(source: AsyncIterable<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const token of source) all.push(token);
  return all;
}

describe('a session', () => {
  it.each([false, true])('gives the logits of the forward pass of training, bit for bit, with an adapter: %s', async (adapted) => {
    const own = adapted ? adapter : undefined;
    const vocab = model.config.vocabSize;
    const expected = await logits(
      model.native,
      { tokens: Int32Array.from(tokens), sequenceLength: tokens.length, ...(own === undefined ? {} : { lora: nativeLora(own.layout.lora), adapter: own.values }) },
      { threads: 2 },
    );
    for (const cut of [[90], [40, 1, 1, 48], [1, 89]]) {
      const session = await openSession(model, own, 90, 2);
      let at = 0;
      for (const count of cut) {
        const part = await session.extend(Int32Array.from(tokens.slice(at, at + count)), count, { threads: cut.length });
        expect(Buffer.from(part.buffer).equals(Buffer.from(expected.buffer, at * vocab * 4, count * vocab * 4))).toBe(true);
        at += count;
      }
      expect(session.length).toBe(90);
      session.dispose();
    }
  });

  it('refuses what does not fit and goes on as before', async () => {
    const session = await openSession(model, undefined, 4, 1);
    await session.extend(Int32Array.of(1, 2, 3), 0);
    await expect(session.extend(Int32Array.of(1, 2), 1)).rejects.toMatchObject({ code: 'BAD_SHAPE', message: '2 tokens behind 3, expected at most 4 in all' });
    await expect(session.extend(Int32Array.of(1024), 1)).rejects.toMatchObject({ code: 'BAD_TOKEN' });
    expect(() => session.rewind(5)).toThrow('expected 0 to 3');
    expect(session.length).toBe(3);
    session.dispose();
    const longer = await openSession(model, undefined, 400, 1);
    const first = longer.extend(Int32Array.from({ length: 400 }, (_, i) => i), 1);
    await expect(longer.extend(Int32Array.of(4), 1)).rejects.toMatchObject({ code: 'BAD_VALUE', message: 'session: another call is still running' });
    expect(await first).toHaveLength(1024);
    longer.dispose();
    await expect(longer.extend(Int32Array.of(4), 1)).rejects.toMatchObject({ code: 'BAD_VALUE', message: 'session: it was disposed of' });
    await expect(openSession(model, undefined, model.config.maxPositions + 1)).rejects.toMatchObject({ code: 'BAD_SHAPE' });
  });

  it('stops at once when it is told to', async () => {
    const session = await openSession(model, undefined, 90, 1);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(session.extend(Int32Array.from(tokens), 1, { signal: stop.signal })).rejects.toThrow('enough');
    expect(session.length).toBe(0);
    session.dispose();
  });
});

describe('generation', () => {
  it('takes the most likely token, one after the other, as the whole sequence would', async () => {
    const session = await openSession(model, undefined, 40, 2);
    const request = { prompt: tokens.slice(0, 10), maxTokens: 12, sampling: GREEDY, seed: utf8('x'), stopTokens: new Set<number>() };
    const made = await take(generate(session, request, { threads: 2 }));
    session.dispose();
    const all = [...request.prompt, ...made];
    const whole = await logits(model.native, { tokens: Int32Array.from(all), sequenceLength: all.length });
    const vocab = model.config.vocabSize;
    expect(made).toEqual(made.map((_, i) => mostLikely(whole.subarray((9 + i) * vocab, (10 + i) * vocab))));
    const again = await openSession(model, undefined, 40, 1);
    const third = made[2] ?? expect.fail();
    const stopped = await take(generate(again, { ...request, stopTokens: new Set([third]) }));
    expect(stopped).toEqual(made.slice(0, made.indexOf(third) + 1));
    again.dispose();
  });

  it('draws the same tokens for the same seed and others for another', async () => {
    const draw = async (seed: string): Promise<number[]> => {
      const session = await openSession(model, adapter, 40);
      const sampling = { temperature: 1, topK: 50, topP: 0.95 };
      const made = await take(generate(session, { prompt: [1, 2, 3], maxTokens: 16, sampling, seed: utf8(seed), stopTokens: new Set() }));
      session.dispose();
      return made;
    };
    const first = await draw('a');
    expect(first).toHaveLength(16);
    expect(await draw('a')).toEqual(first);
    expect(await draw('b')).not.toEqual(first);
  });
});

describe('the choice of a token', () => {
  const values = Float32Array.of(0, Math.log(4), Math.log(2), Math.log(4), -1e30);
  const counts = (settings: { topK: number; topP: number }, temperature = 1): number[] => {
    const stream = new DrawStream(taggedHash('choice'));
    const seen = [0, 0, 0, 0, 0];
    for (let i = 0; i < 4000; i++) seen[chooseToken(values, { temperature, ...settings }, stream)]!++;
    return seen;
  };

  it('follows the weights', () => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = counts({ topK: 0, topP: 1 });
    expect(e).toBe(0);
    for (const [seen, weight] of [[a, 1], [b, 4], [c, 2], [d, 4]] as const) expect(Math.abs(seen / 4000 - weight / 11)).toBeLessThan(0.03);
  });

  it('keeps the most likely ones, of equals the first', () => {
    expect(counts({ topK: 1, topP: 1 })).toEqual([0, 4000, 0, 0, 0]);
    expect(counts({ topK: 3, topP: 1 })[0]).toBe(0);
    expect(counts({ topK: 0, topP: 0.5 }).map((n) => n > 0)).toEqual([false, true, false, true, false]);
    expect(counts({ topK: 0, topP: 0.36 })).toEqual([0, 4000, 0, 0, 0]);
    expect(counts({ topK: 0, topP: 1 }, 1e-6).map((n) => n > 0)).toEqual([false, true, false, true, false]);
    expect(mostLikely(values)).toBe(1);
  });

  it.each([
    [{ temperature: -1, topK: 0, topP: 1 }, 'temperature is -1, expected 0 or more'],
    [{ temperature: NaN, topK: 0, topP: 1 }, 'temperature is NaN'],
    [{ temperature: 1, topK: 1.5, topP: 1 }, 'top-k is 1.5'],
    [{ temperature: 1, topK: 0, topP: 0 }, 'top-p is 0, expected more than 0'],
  ])('refuses %j', (settings, message) => {
    expect(() => checkSampling(settings)).toThrow(message);
  });
});
