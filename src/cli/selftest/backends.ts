/** The backends that a self-test asks, each in a process of its own. */
import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { R3mesError } from '../../protocol/errors.js';
import { ISAS, isaRefusal, noGpuReason } from '../../native/index.js';
import type { SelftestMessage, SelftestStart, StepOutcome } from './worker-protocol.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** A step takes well under a second; a machine that needs this long for one hangs. */
const SILENCE_MS = 300_000;

export interface Backend {
  readonly name: string;
  /** Why it cannot be asked here. */
  readonly refusal?: string;
  /** Computes every golden step with every cut, in this order. @throws R3mesError BACKEND_FAILED where its process does not come through. */
  readonly run: (start: SelftestStart, onStep: (outcome: StepOutcome) => void, signal: AbortSignal) => Promise<void>;
}

/** Runs the process of one backend, chosen by its environment. */
function ask(environment: Readonly<Record<string, string>>, workerFile: string, gpu?: number): Backend['run'] {
  return (start, onStep, signal) =>
    new Promise((resolve, reject) => {
      const child = fork(workerFile, [], { serialization: 'advanced', env: { ...process.env, ...environment }, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      const kill = (): void => void child.kill('SIGKILL');
      let silence = setTimeout(kill, SILENCE_MS);
      signal.addEventListener('abort', kill, { once: true });
      const settle = (failure?: string): void => {
        clearTimeout(silence);
        signal.removeEventListener('abort', kill);
        kill();
        if (signal.aborted && signal.reason instanceof Error) reject(signal.reason);
        else if (failure === undefined) resolve();
        else reject(new R3mesError({ code: 'BACKEND_FAILED', message: failure }));
      };
      child.on('message', (message: SelftestMessage) => {
        clearTimeout(silence);
        silence = setTimeout(kill, SILENCE_MS);
        if (message.type === 'step') onStep(message.outcome);
        else settle(message.type === 'done' ? undefined : message.message);
      });
      child.on('error', (error) => settle(`its process could not be started: ${error.message}`));
      child.on('exit', (code, killedBy) => settle(`its process ended by ${killedBy ?? `exit code ${code ?? 0}`} before it answered`));
      child.send(gpu === undefined ? start : { ...start, gpu });
    });
}

/** Scalar first: it defines the bits, and the others are compared with it where they differ. @param workerFile JavaScript of the process. */
export function allBackends(workerFile: string = WORKER): Backend[] {
  const cpu = [...ISAS].reverse().map((isa) => {
    const refusal = isaRefusal(isa);
    return { name: isa, ...(refusal === undefined ? {} : { refusal }), run: ask({ R3MES_ISA: isa, R3MES_ENGINE: '' }, workerFile) };
  });
  const refusal = noGpuReason();
  const gpus = Array.from({ length: refusal === undefined ? gpuCount() : 1 }, (_, gpu) => ({
    name: `cuda:${gpu}`,
    ...(refusal === undefined ? {} : { refusal }),
    run: ask({}, workerFile, gpu),
  }));
  return [...cpu, ...gpus];
}

/** GPUs by the files that the driver makes for them; where it makes none (WSL, Windows), the first one is asked. */
function gpuCount(): number {
  if (process.platform !== 'linux') return 1;
  return Math.max(1, readdirSync('/dev').filter((file) => /^nvidia\d+$/.test(file)).length);
}
