import { existsSync } from 'node:fs';
import os from 'node:os';

import { ARITHMETIC_VERSION, loadEngine, packageVersion } from '../../../native/index.js';
import { addonCandidates } from '../../../native/location.js';
import { R3mesError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { facts } from '../../frame/table.js';

type Found =
  | { readonly file: string; readonly isa: string; readonly cudaKernels: boolean; readonly arithmeticVersion: number; readonly reason: null }
  | { readonly file: null; readonly isa: null; readonly cudaKernels: null; readonly arithmeticVersion: null; readonly reason: R3mesError };

function find(): Found {
  try {
    const { file, binding } = loadEngine();
    return { file, isa: binding.isa, cudaKernels: binding.hasCudaKernels, arithmeticVersion: binding.arithmeticVersion, reason: null };
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    return { file: null, isa: null, cudaKernels: null, arithmeticVersion: null, reason: error };
  }
}

export function engineStatus(ctx: Context, args: { readonly threads: number }): Promise<CommandResult> {
  const { file, isa, cudaKernels, arithmeticVersion, reason } = find();
  const cores = os.availableParallelism();
  const threads = args.threads === 0 ? cores : args.threads;
  const candidates = addonCandidates(packageVersion()).map((candidate) => ({ file: candidate, exists: existsSync(candidate) }));
  const platform = `${process.platform}-${process.arch}`;
  if (reason !== null) ctx.out.warn(`${reason.message}${reason.hint === undefined ? '' : ` → ${reason.hint}`}`);
  const text = facts([
    ['engine', file ?? 'none that works'],
    ['arithmetic', file === null ? `version ${ARITHMETIC_VERSION} is needed` : `version ${arithmeticVersion}`],
    ['platform', isa === null ? platform : `${platform}, ${isa}`],
    ['GPUs', cudaKernels === true ? 'CUDA kernels are built in' : 'no CUDA kernels in this build: r3mes engine build --force where nvcc is on PATH'],
    ['threads', `${threads} of ${cores} cores`],
    ...candidates.map((c) => ['looked for', `${c.file}${c.exists ? '' : ' (not there)'}`] as const),
  ]);
  return Promise.resolve({
    data: { available: file !== null, file, isa, cudaKernels, arithmeticVersion, expectedArithmeticVersion: ARITHMETIC_VERSION, threads, cores, platform, candidates, reason: reason?.message ?? null },
    text,
    exitCode: file === null ? EXIT.device : EXIT.ok,
  });
}
