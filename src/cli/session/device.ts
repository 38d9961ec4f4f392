import os from 'node:os';

import { R3mesError } from '../../protocol/errors.js';
import type { DeviceInfo } from '../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { noGpuReason, probeGpu, useCpu, useGpu } from '../../native/index.js';
import type { SettingValues } from '../config/schema.js';

/** Longest text that the chain takes in a field of a device. */
const MAX_TEXT = 64;

/** Threads that a setting means; 0 is every core. */
export function threadCount(threads: number): number {
  return threads === 0 ? os.availableParallelism() : threads;
}

function cpuDevice(): DeviceInfo {
  useCpu();
  const name = os.cpus()[0]?.model.trim() ?? '';
  return { backend: 'cpu', name: (name === '' ? 'unknown' : name).slice(0, MAX_TEXT), architecture: process.arch, driver: '' };
}

/**
 * Chooses what computes in this process: `cpu`, `cuda`, `cuda:N`, or with `auto` the first GPU if it works, else the CPU. A GPU is
 * tried in a process of its own first.
 * @param tell hears why `auto` does without a GPU that is there, now or when it fails later.
 * @throws R3mesError DEVICE_UNAVAILABLE where a GPU was asked for and cannot be used.
 */
export async function chooseDevice(device: SettingValues['device'], tell: (reason: string) => void, ask: typeof probeGpu = probeGpu): Promise<DeviceInfo> {
  if (device === 'cpu') return cpuDevice();
  const index = device.startsWith('cuda:') ? Number(device.slice('cuda:'.length)) : 0;
  if (device === 'auto' && noGpuReason() !== undefined) return cpuDevice();
  try {
    const gpu = await ask(index);
    useGpu(index, device === 'auto' ? tell : undefined);
    return { backend: 'cuda', name: gpu.name.slice(0, MAX_TEXT), architecture: `${gpu.architecture} ${gpu.capability}`.slice(0, MAX_TEXT), driver: `CUDA ${gpu.driver}`.slice(0, MAX_TEXT) };
  } catch (error) {
    if (device !== 'auto' || !(error instanceof R3mesError)) throw error;
    tell(`${error.message}, so the CPU computes`);
    return cpuDevice();
  }
}

export function deviceText(device: DeviceInfo, threads: number): string {
  const by = device.backend === 'cuda' ? device.driver : `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${device.backend}: ${device.name} (${device.architecture}), ${by}`;
}
