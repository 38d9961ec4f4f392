import { afterEach, describe, expect, it } from 'vitest';

import { chooseDevice, deviceText } from '../../../../src/cli/session/device.js';
import { parseSetting } from '../../../../src/cli/config/schema.js';
import { usedGpu } from '../../../../src/native/device.js';
import { noGpuReason, useCpu } from '../../../../src/native/index.js';
import { R3mesError } from '../../../../src/protocol/errors.js';

const GPU = { index: 1, name: 'NVIDIA Test', architecture: 'Hopper', capability: '9.0', driver: '13.0', totalBytes: 1, freeBytes: 1 };
const fails = (): Promise<never> => Promise.reject(new R3mesError({ code: 'DEVICE_UNAVAILABLE', message: 'GPU 0 cannot be used: it is on fire' }));
const untold = (reason: string): never => expect.fail(reason);

afterEach(() => useCpu());

describe('the device that computes', () => {
  it('is the CPU where that is said, and no GPU is asked', async () => {
    await expect(chooseDevice('cpu', untold, fails)).resolves.toMatchObject({ backend: 'cpu', architecture: process.arch, driver: '' });
    expect(usedGpu()).toBeUndefined();
  });

  it('is the GPU that is said, described for the gradient', async () => {
    const asked: number[] = [];
    const device = await chooseDevice('cuda:1', untold, (index) => {
      asked.push(index);
      return Promise.resolve(GPU);
    });
    expect(asked).toEqual([1]);
    expect(device).toEqual({ backend: 'cuda', name: 'NVIDIA Test', architecture: 'Hopper 9.0', driver: 'CUDA 13.0' });
    expect(deviceText(device, 4)).toBe('cuda: NVIDIA Test (Hopper 9.0), CUDA 13.0');
    expect(usedGpu()).toEqual({ index: 1 });
  });

  it('is refused where a GPU was asked for that cannot be used', async () => {
    await expect(chooseDevice('cuda', untold, fails)).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    expect(usedGpu()).toBeUndefined();
  });

  it('is the CPU with auto where no GPU works, and the reason is told where one is there', async () => {
    const told: string[] = [];
    await expect(chooseDevice('auto', (reason) => told.push(reason), fails)).resolves.toMatchObject({ backend: 'cpu' });
    expect(told).toEqual(noGpuReason() === undefined ? ['GPU 0 cannot be used: it is on fire, so the CPU computes'] : []);
  });

  it.each(['auto', 'cpu', 'cuda', 'cuda:0', 'cuda:12'])('may be %s', (text) => {
    expect(parseSetting('device', text, '--device')).toBe(text);
  });

  it.each(['gpu', 'cuda:', 'cuda:-1', 'cuda:01', 'cuda:100', 'CUDA'])('may not be %s', (text) => {
    expect(() => parseSetting('device', text, '--device')).toThrow('expected one of auto, cpu, cuda, or cuda:N for GPU N');
  });
});
