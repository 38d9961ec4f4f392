/** Which GPU, if any, computes in this process; and whether a GPU can be trusted to, asked in a process of its own. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

import { R3mesError } from '../protocol/errors.js';
import type { CudaDevice } from './binding.js';
import { engine } from './load.js';
import { PACKAGE_ROOT } from './location.js';
import type { ProbeAnswer } from './probe.js';

/** A GPU that takes this long to start, compile what it needs and compute a tiny step hangs. */
const PROBE_MS = 120_000;

/** Files by which Linux shows an NVIDIA driver: on a machine of its own, and in WSL. */
const DRIVER_FILES = ['/dev/nvidiactl', '/dev/dxg'];

const PROBE_FILE = path.join(PACKAGE_ROOT, 'dist', 'native', 'probe.js');

export interface UsedGpu {
  readonly index: number;
  /** Hears why the CPU goes on alone; absent where that must not be. */
  readonly onFailure?: (reason: string) => void;
}

let used: UsedGpu | undefined;

/** Models that are made from now on are put on this GPU. @param onFailure lets the CPU take over where the GPU fails, and hears why. */
export function useGpu(index: number, onFailure?: (reason: string) => void): void {
  used = { index, ...(onFailure === undefined ? {} : { onFailure }) };
}

export function useCpu(): void {
  used = undefined;
}

export function usedGpu(): UsedGpu | undefined {
  return used;
}

function failed(message: string): R3mesError {
  return new R3mesError({ code: 'DEVICE_UNAVAILABLE', message, hint: 'use --device cpu or --device auto: results are the same bits' });
}

/**
 * What becomes of an error of work that `gpu` did: the CPU takes over (true), or it is thrown on. The first failure ends the GPU's
 * use in this process.
 * @throws R3mesError DEVICE_UNAVAILABLE where the GPU was asked for by name.
 */
export function takeOver(error: unknown, gpu: UsedGpu | undefined): boolean {
  if (gpu === undefined || !(error instanceof R3mesError) || !['DEVICE_FAILED', 'OUT_OF_MEMORY'].includes(error.code)) return false;
  if (gpu.onFailure === undefined) throw failed(`GPU ${gpu.index} failed: ${error.message}`);
  if (used === gpu) {
    used = undefined;
    gpu.onFailure(`GPU ${gpu.index} failed, so the CPU computes: ${error.message}`);
  }
  return true;
}

/** Why there is no use in asking for a GPU here, found without starting a driver; nothing where one may be there. */
export function noGpuReason(platform: NodeJS.Platform = process.platform, exists: (file: string) => boolean = existsSync): string | undefined {
  if (!engine().hasCudaKernels) return 'this build of the engine holds no CUDA kernels';
  if (platform === 'linux' && !DRIVER_FILES.some((file) => exists(file))) return 'this machine has no NVIDIA driver';
  return undefined;
}

/**
 * Starts the driver in a process of its own and lets GPU `index` compute a small step, whose bits must be the CPU's: a driver
 * that crashes or hangs takes nothing with it.
 * @throws R3mesError DEVICE_UNAVAILABLE with the reason.
 */
export function probeGpu(index: number, file: string = PROBE_FILE, timeoutMs = PROBE_MS): Promise<CudaDevice> {
  return new Promise((resolve, reject) => {
    const child = fork(file, [String(index)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    let answer: ProbeAnswer | undefined;
    child.on('message', (message: ProbeAnswer) => {
      answer = message;
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(failed(`GPU ${index} could not be asked: ${error.message}`));
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (answer?.type === 'works') resolve(answer.device);
      else if (answer !== undefined) reject(failed(`GPU ${index} cannot be used: ${answer.reason}`));
      else if (timedOut) reject(failed(`GPU ${index} did not answer within ${timeoutMs / 1000} s`));
      else reject(failed(`GPU ${index} cannot be used: its process ended by ${signal ?? `exit code ${code ?? 0}`}`));
    });
  });
}
