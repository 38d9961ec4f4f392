import os from 'node:os';

import { R3mesError } from '../../protocol/errors.js';
import type { DeviceInfo } from '../../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { SettingValues } from '../config/schema.js';

/** Longest text that the chain takes in a field of a device. */
const MAX_TEXT = 64;

/** Threads that a setting means; 0 is every core. */
export function threadCount(threads: number): number {
  return threads === 0 ? os.availableParallelism() : threads;
}

/** What computes here. @throws R3mesError DEVICE_UNAVAILABLE for a device that this build cannot use. */
export function chooseDevice(device: SettingValues['device']): DeviceInfo {
  if (device === 'cuda') {
    throw new R3mesError({ code: 'DEVICE_UNAVAILABLE', message: 'expected a CUDA device, this build computes on the CPU only', hint: 'use --device cpu or --device auto: results are the same bits' });
  }
  const name = os.cpus()[0]?.model.trim() ?? '';
  return { backend: 'cpu', name: (name === '' ? 'unknown' : name).slice(0, MAX_TEXT), architecture: process.arch, driver: '' };
}

export function deviceText(device: DeviceInfo, threads: number): string {
  return `${device.backend}: ${device.name} (${device.architecture}), ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
