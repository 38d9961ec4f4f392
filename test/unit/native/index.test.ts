import os from 'node:os';
import { setImmediate } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import {
  adamW,
  clip,
  createModel,
  defaultThreads,
  evaluateSequences,
  initialLoraA,
  logits,
  meanGradient,
  nativeAdapterLayout,
  TARGETS,
  trainStep,
  trimmedMean,
  type ModelWeights,
  type NativeModel,
} from '../../../src/native/index.js';
import { ADAPTER_SIZE, request, SHAPE, smallModel, weights } from './helpers.js';

let model: NativeModel;
beforeAll(async () => {
  model = await smallModel();
});
afterAll(() => model.dispose());
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('threads', () => {
  it('are those that the machine offers, unless R3MES_THREADS says how many', () => {
    for (const env of [{}, { R3MES_THREADS: '' }, { R3MES_THREADS: '0' }]) expect(defaultThreads(env)).toBe(os.availableParallelism());
    for (const [given, threads] of [['1', 1], ['7', 7], ['1024', 1024], ['0003', 3]] as const) expect(defaultThreads({ R3MES_THREADS: given })).toBe(threads);
  });

  it.each(['-1', '1.5', 'two', '1e3', ' 2', '1025', '99999', '0x2', 'Infinity', '٣'])('R3MES_THREADS %j is refused', async (given) => {
    const refused = { code: 'CONFIG_INVALID', message: `R3MES_THREADS is ${JSON.stringify(given)}, expected a whole number from 0 to 1024` };
    expect(() => defaultThreads({ R3MES_THREADS: given })).toThrow(expect.objectContaining(refused) as Error);
    vi.stubEnv('R3MES_THREADS', given);
    await expect(trainStep(model, request(1, 4))).rejects.toMatchObject(refused);
  });

  it('and sequences at once change no bit of a result', async () => {
    const first = await trainStep(model, request(5, 40), { threads: 1, microBatch: 1 });
    vi.stubEnv('R3MES_THREADS', '3');
    expect(await trainStep(model, request(5, 40))).toEqual(first);
    for (const [threads, microBatch] of [[2, 2], [7, 5], [64, 100], [2000, 3]] as const) expect(await trainStep(model, request(5, 40), { threads, microBatch })).toEqual(first);
  });

  it.each([0, -1, 1.5, NaN])('%d of them are refused', async (threads) => {
    await expect(trainStep(model, request(1, 4), { threads })).rejects.toMatchObject({ code: 'BAD_VALUE' });
    await expect(trainStep(model, request(1, 4), { microBatch: threads })).rejects.toMatchObject({ code: 'BAD_VALUE' });
  });
});

describe('an abort', () => {
  const calls = { trainStep, evaluateSequences, logits };

  it.each(Object.entries(calls))('before %s throws its reason, and nothing is computed', async (_name, call) => {
    const reason = new Error('not now');
    await expect(call(model, request(1, 4), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each(Object.entries(calls))('during %s throws its reason, and the engine goes on working', async (_name, call) => {
    const reason = { any: 'value' };
    const controller = new AbortController();
    // Minutes of work: what ends before it is done was aborted.
    const running = call(model, request(_name === 'logits' ? 400 : 4000, 1024), { threads: 1, microBatch: 1, signal: controller.signal });
    const failed = running.then(
      () => 'finished',
      (error: unknown) => error,
    );
    await setImmediate();
    controller.abort(reason);
    expect(await failed).toBe(reason);
    expect((await trainStep(model, request(2, 8))).sequenceLosses).toHaveLength(2);
  });

  it('after the end changes nothing and leaves no listener', async () => {
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    const added = vi.spyOn(controller.signal, 'addEventListener');
    const result = await trainStep(model, request(2, 8), { signal: controller.signal });
    controller.abort();
    expect(await trainStep(model, request(2, 8))).toEqual(result);
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed.mock.calls[0]!.slice(0, 2)).toEqual(added.mock.calls[0]!.slice(0, 2));
  });
});

describe('calls at the same time', () => {
  it('on one model give what they give alone, also when one of them is aborted', async () => {
    const alone = [await trainStep(model, request(3, 30)), await trainStep(model, request(2, 50))];
    const controller = new AbortController();
    const aborted = trainStep(model, request(4000, 1024), { signal: controller.signal, threads: 1 });
    const together = [trainStep(model, request(3, 30), { threads: 2 }), trainStep(model, request(2, 50), { threads: 3 })];
    expect(await Promise.all(together)).toEqual(alone);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
  });
});

describe('a model', () => {
  it('that was disposed of is refused; calls that run already end well', async () => {
    const own = await smallModel();
    const running = trainStep(own, request(4, 60));
    own.dispose();
    own.dispose();
    expect(await running).toEqual(await trainStep(model, request(4, 60)));
    const refused = { code: 'BAD_VALUE', message: 'model: it was disposed of' };
    for (const call of [trainStep, evaluateSequences, logits]) await expect(call(own, request(1, 4))).rejects.toMatchObject(refused);
    expect(() => nativeAdapterLayout(own, { rank: 1, alpha: 1, targets: 1 })).toThrow(expect.objectContaining(refused) as Error);
  });

  it('that nobody made is refused', async () => {
    for (const other of [{}, { dispose: () => undefined }, Object.create(model) as object, null, 7]) {
      await expect(trainStep(other as NativeModel, request(1, 4))).rejects.toMatchObject({ code: 'BAD_VALUE', message: 'model: expected what createModel gave' });
    }
  });

  it('is a copy: what it was made from may change', async () => {
    const from = weights();
    const own = await createModel(SHAPE, from);
    from.embedding.bytes.fill(255);
    from.finalNorm.fill(NaN);
    for (const { codes } of from.layers[0]!.linears) codes.fill(255);
    expect(await trainStep(own, request(2, 8))).toEqual(await trainStep(model, request(2, 8)));
    own.dispose();
  });

  const changed = (edit: (w: { -readonly [K in keyof ModelWeights]: ModelWeights[K] }) => void): ModelWeights => {
    const w = { ...weights() };
    edit(w);
    return w;
  };
  it.each<[string, Partial<typeof SHAPE>, ModelWeights, string, RegExp]>([
    ['heads that do not fit', { heads: 3 }, weights(), 'BAD_SHAPE', /./],
    ['an odd head', { heads: 16, kvHeads: 8, headSize: 1 }, weights(), 'BAD_SHAPE', /head/],
    ['no layers', { layers: 0 }, changed((w) => (w.layers = [])), 'BAD_SHAPE', /layers/],
    ['a layer too few', {}, changed((w) => (w.layers = w.layers.slice(1))), 'BAD_SHAPE', /weights\.layers has 1 items, expected 2/],
    ['a vocabulary that is not there', { vocabSize: 21 }, weights(), 'BAD_SHAPE', /embed/],
    ['billions of everything', { hiddenSize: 2 ** 31 - 4, heads: 1, headSize: 2 ** 31 - 4, kvHeads: 1 }, weights(), 'BAD_SHAPE', /./],
    ['an epsilon of 0', { rmsEpsilon: 0 }, weights(), 'BAD_VALUE', /epsilon/],
    ['an epsilon below binary32', { rmsEpsilon: 1e-60 }, weights(), 'BAD_VALUE', /epsilon/],
    ['a RoPE base of 1', { ropeTheta: 1 }, weights(), 'BAD_VALUE', /theta/],
    ['a norm of NaN', {}, changed((w) => (w.finalNorm = new Float32Array(16).fill(NaN))), 'NOT_FINITE', /norm is NaN at \[0, 0\]/],
    ['a short norm', {}, changed((w) => (w.finalNorm = new Float32Array(15))), 'BAD_SHAPE', /weights\.finalNorm has 15 elements, expected 16/],
    ['six linears', {}, changed((w) => (w.layers = w.layers.map((l) => ({ ...l, linears: l.linears.slice(1) })))), 'BAD_SHAPE', /linears has 6 items, expected 7/],
    ['the code 3', {}, changed((w) => w.layers[1]!.linears[6]!.codes.fill(255, 8, 9)), 'BAD_VALUE', /layers\.1\.mlp\.down_proj.* 3/],
    ['a scale of 0', {}, changed((w) => (w.layers = w.layers.map((l) => ({ ...l, linears: l.linears.map((m) => ({ ...m, scale: 0 })) })))), 'BAD_VALUE', /scale/],
  ])('with %s is refused by code', async (_what, shape, given, code, says) => {
    await expect(createModel({ ...SHAPE, ...shape }, given)).rejects.toMatchObject({ name: 'R3mesError', code, message: expect.stringMatching(says) as string });
  });
});

describe('a request', () => {
  const good = request(2, 8);
  it.each<[string, object, string, RegExp]>([
    ['a token beyond the vocabulary', { tokens: Int32Array.of(1, 2, 3, 20, 1, 1, 1, 1) }, 'BAD_TOKEN', /20.*3|3.*20/],
    ['half a sequence', { tokens: new Int32Array(12) }, 'BAD_SHAPE', /tokens has 12 elements, expected a multiple of sequenceLength 8/],
    ['no tokens', { tokens: new Int32Array() }, 'BAD_SHAPE', /./],
    ['a length of 0', { sequenceLength: 0 }, 'BAD_SHAPE', /./],
    ['a length of 1', { sequenceLength: 1 }, 'NO_LABELS', /./],
    ['a length beyond the positions', { tokens: new Int32Array(4097), sequenceLength: 4097 }, 'BAD_SHAPE', /4097/],
    ['rank 0', { lora: { rank: 0, alpha: 1, targets: 1 } }, 'BAD_VALUE', /rank/],
    ['no targets', { lora: { rank: 1, alpha: 1, targets: 0 } }, 'BAD_VALUE', /target/],
    ['targets that there are not', { lora: { rank: 1, alpha: 1, targets: 128 } }, 'BAD_VALUE', /target/],
    ['alpha 0', { lora: { rank: 1, alpha: 0, targets: 1 } }, 'BAD_VALUE', /alpha/],
    ['a short adapter', { adapter: new Float32Array(ADAPTER_SIZE - 1) }, 'BAD_SHAPE', new RegExp(String(ADAPTER_SIZE))],
    ['an adapter with infinity', { adapter: new Float32Array(ADAPTER_SIZE).fill(Infinity, 5, 6) }, 'NOT_FINITE', /lora_/],
    ['an adapter without LoRA', { lora: undefined }, 'BAD_VALUE', /lora and adapter: expected both or none/],
    ['LoRA without an adapter', { adapter: undefined }, 'BAD_VALUE', /lora and adapter: expected both or none/],
  ])('with %s is refused by code', async (_what, changes, code, says) => {
    await expect(trainStep(model, { ...good, ...changes })).rejects.toMatchObject({ name: 'R3mesError', code, message: expect.stringMatching(says) as string });
  });

  it('to train without an adapter is refused; to score without one is not', async () => {
    const { tokens, sequenceLength } = good;
    await expect(trainStep(model, { tokens, sequenceLength })).rejects.toMatchObject({ name: 'R3mesError' });
    expect((await evaluateSequences(model, { tokens, sequenceLength })).sequenceLosses).toHaveLength(2);
    expect(await logits(model, { tokens, sequenceLength })).toHaveLength(16 * 20);
  });

  it('for logits of a single token is answered', async () => {
    expect(await logits(model, { tokens: Int32Array.of(3), sequenceLength: 1 })).toHaveLength(20);
  });
});

describe('the functions without a model', () => {
  const v = (...values: number[]): Float32Array => Float32Array.from(values);
  it('refuse by code', async () => {
    await expect(clip(v(NaN), 1)).rejects.toMatchObject({ name: 'R3mesError', code: 'NOT_FINITE' });
    await expect(clip(v(2e19), 1)).rejects.toMatchObject({ code: 'OVERFLOW' });
    for (const norm of [0, -1, NaN, 1e300]) await expect(clip(v(1), norm)).rejects.toMatchObject({ code: 'BAD_VALUE' });
    await expect(trimmedMean([])).rejects.toMatchObject({ code: 'BAD_SHAPE' });
    await expect(trimmedMean([v(1), v(1, 2)])).rejects.toMatchObject({ code: 'BAD_SHAPE', message: 'gradients[1] has 2 elements, expected 1' });
    const step = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, parameters: v(1), firstMoment: v(0), secondMoment: v(0), gradient: v(1), step: 1 };
    await expect(adamW({ ...step, step: 0 })).rejects.toMatchObject({ code: 'BAD_VALUE', message: 'step is 0, expected at least 1' });
    await expect(adamW({ ...step, gradient: v(1, 2) })).rejects.toMatchObject({ code: 'BAD_SHAPE', message: 'gradient has 2 elements, expected 1' });
    await expect(adamW({ ...step, secondMoment: v(-1) })).rejects.toMatchObject({ code: 'BAD_VALUE' });
    await expect(adamW({ ...step, parameters: undefined as unknown as Float32Array })).rejects.toMatchObject({ code: 'BAD_VALUE', message: 'parameters: expected a Float32Array' });
    for (const [seed, rank, columns, code] of [[-1n, 1, 1, 'BAD_VALUE'], [2n ** 64n, 1, 1, 'BAD_VALUE'], [1n, 0, 1, 'BAD_SHAPE'], [1n, 1, 0, 'BAD_SHAPE'], [1n, 4097, 1, 'BAD_SHAPE'], [1n, 1.5, 1, 'BAD_VALUE']] as const) {
      expect(() => initialLoraA(seed, rank, columns)).toThrow(expect.objectContaining({ name: 'R3mesError', code }) as Error);
    }
    expect(() => meanGradient(v(1) as unknown as Int32Array)).toThrow(expect.objectContaining({ name: 'R3mesError', code: 'BAD_VALUE' }) as Error);
    expect(() => nativeAdapterLayout(model, { rank: 0, alpha: 1, targets: 1 })).toThrow(expect.objectContaining({ code: 'BAD_VALUE' }) as Error);
  });

  it('answer', async () => {
    expect(await clip(v(3, 4), 1)).toEqual({ norm: 5, gradient: v(Math.fround(3 * Math.fround(0.2)), Math.fround(4 * Math.fround(0.2))) });
    expect(await clip(v(), 1)).toEqual({ norm: 0, gradient: v() });
    expect([...meanGradient(Int32Array.of(2 ** 30, -1))]).toEqual([1, -(2 ** -30)]);
    expect(nativeAdapterLayout(model, { rank: 1, alpha: 1, targets: 127 })).toHaveLength(4 * TARGETS.length);
    expect(initialLoraA(2n ** 64n - 1n, 2, 3)).toHaveLength(6);
  });
});
