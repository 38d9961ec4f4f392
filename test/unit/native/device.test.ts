import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { takeOver, usedGpu } from '../../../src/native/device.js';
import { createModel, evaluateSequences, logits, noGpuReason, probeGpu, trainStep, useCpu, useGpu } from '../../../src/native/index.js';
import { engine } from '../../../src/native/load.js';
import { probe } from '../../../src/native/probe.js';
import { R3mesError } from '../../../src/protocol/errors.js';
import { request, SHAPE, smallModel, weights } from './helpers.js';

/** The kernels on the host, without and with the twin of tensor cores: native/cuda/twin.h. */
const TWINS = [-1, -2];

function gpuIsHere(): boolean {
  try {
    return engine().cudaDevices().length > 0;
  } catch {
    return false; // no driver, or no kernels: which of them is what the tests below look at
  }
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'r3mes-device-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => useCpu());

describe('a model on a GPU', () => {
  it.each(TWINS)('computes the bits of the CPU, as twin %i shows', async (twin) => {
    const onCpu = await smallModel();
    useGpu(twin);
    const onGpu = await smallModel();
    const job = request(3, 70);
    const there = [await trainStep(onGpu, job), await evaluateSequences(onGpu, job), await logits(onGpu, job)];
    const cut = await trainStep(onGpu, job, { microBatch: 2 });
    useCpu();
    expect(there).toEqual([await trainStep(onCpu, job), await evaluateSequences(onCpu, job), await logits(onCpu, job)]);
    expect(cut).toEqual(there[0]);
    // The same model on the CPU, once the GPU is given up.
    expect(await trainStep(onGpu, job)).toEqual(there[0]);
    onGpu.dispose();
    onCpu.dispose();
  });

  it('is refused like one on the CPU, and named by tensor and index', async () => {
    useGpu(-2);
    const model = await smallModel();
    const job = request(1, 5);
    await expect(trainStep(model, { ...job, tokens: Int32Array.of(1, 2, 3, 4, 99) })).rejects.toMatchObject({ code: 'BAD_TOKEN', message: expect.stringContaining('token 4 of sequence 0 is 99') as string });
    await expect(trainStep(model, { ...job, tokens: Int32Array.of(1), sequenceLength: 1 })).rejects.toMatchObject({ code: 'NO_LABELS' });
    const adapter = Float32Array.from(job.adapter ?? []);
    adapter[3] = NaN;
    await expect(trainStep(model, { ...job, adapter })).rejects.toMatchObject({ code: 'NOT_FINITE', message: expect.stringContaining('layers.0.lora_A is not finite at [0, 3]') as string });
    const wild = { ...weights(), finalNorm: new Float32Array(16).fill(3e38) };
    const hot = await createModel(SHAPE, wild);
    await expect(evaluateSequences(hot, job)).rejects.toMatchObject({ code: 'NOT_FINITE', message: expect.stringMatching(/^norm output is not finite at sequence 0, \[0, \d+\]/) as string });
    hot.dispose();
    model.dispose();
    await expect(trainStep(model, job)).rejects.toMatchObject({ code: 'BAD_VALUE' });
  });

  it('stops when it is told to', async () => {
    useGpu(-1);
    const model = await smallModel();
    await expect(trainStep(model, request(4, 100), { signal: AbortSignal.timeout(1) })).rejects.toMatchObject({ name: 'TimeoutError' });
    model.dispose();
  });
});

describe('a GPU that is not there', () => {
  it('is refused where it was asked for, and replaced where it was not', async (context) => {
    if (gpuIsHere()) return context.skip('this machine has a GPU');
    useGpu(0);
    await expect(smallModel()).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE', message: expect.stringMatching(/^GPU 0 failed: /) as string });
    const told: string[] = [];
    useGpu(0, (reason) => told.push(reason));
    const model = await smallModel();
    expect(told).toEqual([expect.stringMatching(/^GPU 0 failed, so the CPU computes: (there is no NVIDIA driver|this build)/)]);
    expect(usedGpu()).toBeUndefined();
    expect((await trainStep(model, request(1, 4))).loss).toBeGreaterThan(0);
    model.dispose();
  });

  it('gives way once, whatever is under way', () => {
    const told: string[] = [];
    useGpu(1, (reason) => told.push(reason));
    const gpu = usedGpu();
    const failure = new R3mesError({ code: 'DEVICE_FAILED', message: 'it fell off the bus' });
    expect(takeOver(new R3mesError({ code: 'BAD_TOKEN', message: 'no' }), gpu)).toBe(false);
    expect(takeOver(new Error('no'), gpu)).toBe(false);
    expect(takeOver(failure, undefined)).toBe(false);
    expect(takeOver(failure, gpu)).toBe(true);
    expect(takeOver(failure, gpu)).toBe(true);
    expect(told).toEqual(['GPU 1 failed, so the CPU computes: it fell off the bus']);
    useGpu(1);
    expect(() => takeOver(failure, usedGpu())).toThrow('GPU 1 failed: it fell off the bus');
  });

  it('is told by what the machine lacks', () => {
    const reason = noGpuReason('linux', () => false);
    expect(reason).toBe(engine().hasCudaKernels ? 'this machine has no NVIDIA driver' : 'this build of the engine holds no CUDA kernels');
    if (engine().hasCudaKernels) expect(noGpuReason('linux', (file) => file === '/dev/nvidiactl')).toBeUndefined();
  });
});

describe('the process that asks a GPU', () => {
  it('lets it compute what the CPU computes', async () => {
    await expect(probe(-2)).resolves.toMatchObject({ type: 'works', device: { name: 'twin' } });
    await expect(probeGpu(-1)).resolves.toMatchObject({ name: 'twin' });
  });

  it('says why not', async () => {
    await expect(probeGpu(99)).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE', message: expect.stringMatching(/^GPU 99 cannot be used: /) as string });
  });

  it('may crash or hang', async () => {
    const crash = path.join(folder, 'crash.mjs'), hang = path.join(folder, 'hang.mjs');
    writeFileSync(crash, 'process.kill(process.pid, "SIGSEGV"); setInterval(() => undefined, 1000);');
    writeFileSync(hang, 'setInterval(() => undefined, 1000);');
    await expect(probeGpu(0, crash)).rejects.toThrow('GPU 0 cannot be used: its process ended by SIGSEGV');
    await expect(probeGpu(0, hang, 1500)).rejects.toThrow('GPU 0 did not answer within 1.5 s');
  });
});
