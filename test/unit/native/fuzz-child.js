/* Calls every function of the addon with values of any kind. Whatever happens has to be an exception, a rejection or an answer:
   a crash ends this process by a signal, which its parent sees. Arguments: the addon's file, a seed, how many calls. */
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { MessageChannel } from 'node:worker_threads';

const [, , file, seedText, countText] = process.argv;
const addon = createRequire(import.meta.url)(file);

let state = Number(seedText) >>> 0;
function below(n) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const pick = (list) => list[below(list.length)];

function detached(array) {
  const { port1 } = new MessageChannel();
  port1.postMessage(array.buffer, [array.buffer]);
  port1.close();
  return array;
}
function throwing() {
  return new Proxy({}, { get() { throw new Error('a getter that throws'); } });
}
function odd() {
  return pick([
    () => undefined,
    () => null,
    () => true,
    () => '',
    () => 'F32',
    () => 's'.repeat(10000),
    () => Symbol('s'),
    () => 1n,
    () => -1n,
    () => 2n ** 70n,
    () => 0,
    () => -0,
    () => 1,
    () => -1,
    () => 3.5,
    () => NaN,
    () => Infinity,
    () => 2 ** 31,
    () => 2 ** 31 - 1,
    () => -(2 ** 31),
    () => 2 ** 53,
    () => 1e308,
    () => ({}),
    () => [],
    () => new Array(50),
    () => [[], {}, 1],
    () => () => 0,
    () => new Date(),
    () => new Map(),
    () => Object.create(null),
    () => throwing(),
    () => new Float32Array(0),
    () => new Float32Array(below(300)).fill(below(3) - 1),
    () => new Float32Array(7).fill(NaN),
    () => new Float32Array(new ArrayBuffer(64), 8, 3),
    () => new Float32Array(new SharedArrayBuffer(64)),
    () => detached(new Float32Array(8)),
    () => detached(new Int32Array(1)),
    () => detached(new Uint8Array(64)),
    () => new Float64Array(4),
    () => new Int32Array(below(40)).fill(below(30) - 5),
    () => new Int32Array(new SharedArrayBuffer(16)),
    () => new Uint8Array(below(500)).fill(below(256)),
    () => new Uint8ClampedArray(4),
    () => new BigInt64Array(2),
    () => new ArrayBuffer(8),
    () => new SharedArrayBuffer(8),
    () => new DataView(new ArrayBuffer(8)),
    () => Buffer.from('some bytes'),
    () => model,
    () => Object.create(model),
    () => new Proxy(model, {}),
    () => disposed,
  ])();
}

const SIZES = [[8, 8], [8, 8], [8, 8], [8, 8], [12, 8], [12, 8], [8, 12]];
const shape = () => ({ hiddenSize: 8, ffnSize: 12, layers: 1, heads: 2, kvHeads: 2, headSize: 4, vocabSize: 5, maxPositions: 16, rmsEpsilon: 1e-5, ropeTheta: 10000 });
const floats = (n, value) => new Float32Array(n).fill(value ?? 0.5);
const weights = () => ({
  embedding: { dtype: 'F32', bytes: new Uint8Array(floats(40).buffer) },
  finalNorm: floats(8),
  layers: [{
    inputNorm: floats(8),
    attentionSubNorm: floats(8),
    postAttentionNorm: floats(8),
    ffnSubNorm: floats(12),
    linears: SIZES.map(([out, columns]) => ({ codes: new Uint8Array((out * columns) / 4).fill(0x65), scale: 1 })),
  }],
});
const lora = () => ({ rank: 1, alpha: 1, targets: 127 });
const request = () => ({ tokens: Int32Array.of(0, 1, 2, 3, 4, 0, 1, 2), sequenceLength: 4, lora: lora(), adapter: floats(124, 0.01), threads: 2, microBatch: 2, cancel: new Int32Array(1) });
const adamW = () => ({ learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, parameters: floats(6), firstMoment: floats(6), secondMoment: floats(6), gradient: floats(6), step: 1 });

const GOOD = {
  createModel: () => [shape(), weights()],
  adapterLayout: () => [model, lora()],
  trainStep: () => [model, request()],
  evaluate: () => [model, request()],
  logits: () => [model, request()],
  clip: () => [floats(6), 1],
  trimmedMean: () => [[floats(6), floats(6, 1), floats(6, 2)]],
  meanGradient: () => [new Int32Array(6)],
  adamW: () => [adamW()],
  initialLoraA: () => [1n, 2, 8],
};

/** Puts odd values into some place of the arguments: instead of one, or somewhere below. */
function spoil(args) {
  for (let times = 1 + below(3); times > 0; times--) {
    let holder = args;
    let key = below(args.length + 1);
    while (below(4) > 0) {
      const next = holder[key];
      if (typeof next !== 'object' || next === null || ArrayBuffer.isView(next) || Object.getPrototypeOf(next) === Object.getPrototypeOf(model)) break;
      const keys = Object.keys(next);
      if (keys.length === 0) break;
      holder = next;
      key = pick(keys);
    }
    try {
      if (below(8) === 0 && !Array.isArray(holder)) Object.defineProperty(holder, key, { get: odd, enumerable: true, configurable: true });
      else if (below(8) === 0) delete holder[key];
      else holder[key] = odd();
    } catch {
      continue; // a frozen or exotic value: it is odd enough as it is
    }
  }
  if (below(20) === 0) args.length = below(args.length + 1);
  return args;
}

let model;
let disposed;
const seen = {};
async function main() {
  model = await addon.createModel(shape(), weights());
  disposed = await addon.createModel(shape(), weights());
  disposed.dispose();
  const expected = JSON.stringify((await addon.trainStep(model, request())).gradients);
  const names = Object.keys(GOOD);
  for (let i = 0; i < Number(countText); i++) {
    const name = names[i % names.length];
    const outcome = (seen[name] ??= { answered: 0, refused: 0 });
    try {
      const answer = addon[name](...spoil(GOOD[name]()));
      await answer;
      outcome.answered++;
    } catch (error) {
      if (!(error instanceof Error)) throw new Error(`${name} threw something that is no Error`, { cause: error });
      outcome.refused++;
    }
  }
  const dispose = model.dispose;
  for (const other of [undefined, {}, 7, disposed, Object.create(model)]) {
    try {
      dispose.call(other);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  const after = JSON.stringify((await addon.trainStep(model, request())).gradients);
  console.log(JSON.stringify({ seen, same: after === expected }));
}
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
