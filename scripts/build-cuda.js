#!/usr/bin/env node
// Compiles the CUDA kernels without a GPU and looks through their PTX for what docs/arithmetic.md excludes. Where no nvcc is on
// PATH or in CUDA_HOME, the compiler comes from PyPI into build/cuda/toolkit: a few seconds, nothing of the system is changed.
//
//   node scripts/build-cuda.js [--download]    --download: the compiler from PyPI even where there is another one
//
// Leaves build/cuda/r3mes.fatbin; `cmake -S native -B build/core -DR3MES_CUDA_FATBIN=$PWD/build/cuda/r3mes.fatbin` takes it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = path.join(root, 'build', 'cuda');

/** NVIDIA's wheels of one CUDA release: what nvcc, its headers and its code generator consist of. */
const WHEELS = ['nvidia-cuda-nvcc', 'nvidia-cuda-runtime', 'nvidia-cuda-cccl', 'nvidia-cuda-crt', 'nvidia-nvvm'].map((name) => `${name}==13.0.*`);

function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', ...options });
  if (error !== undefined) throw new Error(`${program} does not start: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
}

/** nvcc of this machine, or undefined. */
function installed() {
  const folders = [process.env.CUDA_HOME, process.env.CUDA_PATH].filter((f) => f).map((f) => path.join(f, 'bin'));
  return [...folders, ...(process.env.PATH ?? '').split(path.delimiter)].map((folder) => path.join(folder, 'nvcc')).find((file) => existsSync(file));
}

function downloaded() {
  const toolkit = path.join(out, 'toolkit');
  const nvcc = path.join(toolkit, 'nvidia', 'cu13', 'bin', 'nvcc');
  if (existsSync(nvcc)) return nvcc;
  mkdirSync(toolkit, { recursive: true });
  run('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--target', toolkit, ...WHEELS]);
  if (!existsSync(nvcc)) throw new Error(`the wheels hold no ${nvcc}`);
  return nvcc;
}

try {
  const nvcc = process.argv.includes('--download') ? downloaded() : (installed() ?? downloaded());
  console.error(`cuda: ${nvcc}`);
  run('cmake', [`-DNVCC=${nvcc}`, `-DOUT=${out}`, '-P', path.join(root, 'native', 'cuda', 'compile.cmake')]);
} catch (error) {
  console.error(`the CUDA kernels could not be compiled: ${error.message}`);
  process.exitCode = 1;
}
