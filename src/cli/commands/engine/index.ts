import { defineCommand, type Noun } from '../../frame/command.js';
import { flag, setting } from '../../frame/option.js';

const build = defineCommand({
  name: 'build',
  summary: 'compile the engine for this machine',
  details:
    'The engine is the native part that computes. A clone builds it by itself; an installed package needs this where no prebuilt one fits. It takes CMake and a C++ compiler, and for NVIDIA GPUs nvcc; where one is missing, the command that installs it is named.',
  args: {},
  options: { force: flag('build even where a working engine is there') },
  examples: [
    ['engine build', 'compiles it unless a working one is there'],
    ['engine build --force --verbose', 'compiles it anew and shows what the tools print'],
  ],
  json: { file: 'the addon', built: 'false where a working one was there already', arithmeticVersion: 'version of the arithmetic it computes' },
  stream: true,
  load: async () => (await import('./build.js')).engineBuild,
});

const status = defineCommand({
  name: 'status',
  summary: 'show which engine is used, and with how many threads',
  args: {},
  options: { threads: setting('threads') },
  examples: [['engine status --json', 'exit code 6 where there is no engine that works']],
  json: {
    available: 'whether an engine was found and loads',
    file: 'the addon, null if there is none',
    isa: 'instruction set it was built for: avx512, avx2 or scalar (R3MES_ISA forces one); null if there is none',
    cudaKernels: 'whether it can compute on NVIDIA GPUs, null if there is none',
    arithmeticVersion: 'version of the arithmetic it computes, null if there is none',
    expectedArithmeticVersion: 'version that this r3mes computes with',
    threads: 'compute threads that commands use',
    cores: 'what the machine offers',
    platform: 'e.g. linux-x64',
    candidates: 'list of {file, exists}: where it is looked for, best first',
    reason: 'why there is no engine, null if there is one',
  },
  load: async () => (await import('./status.js')).engineStatus,
});

export const engineNoun: Noun = { name: 'engine', summary: 'the native part that computes: build, status', commands: [build, status] };
