/** Builds the addon from the sources that the package ships, with the compiler of this machine. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

import { R3mesError } from '../protocol/errors.js';
import { packageVersion } from './load.js';
import { addonIn, BUILD_DIRECTORY, PACKAGE_ROOT, userBuildDirectory } from './location.js';

export interface BuildOptions {
  /** Default: `build/engine` of the package where it may be written to, else the user's cache. */
  readonly directory?: string;
  /** What the tools print, line by line. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** How packages are installed, by the program that does it. */
const INSTALLERS: readonly (readonly [program: string, command: string])[] = [
  ['apt-get', 'sudo apt-get install -y cmake g++ make'],
  ['dnf', 'sudo dnf install -y cmake gcc-c++ make'],
  ['pacman', 'sudo pacman -S --needed cmake gcc make'],
  ['zypper', 'sudo zypper install -y cmake gcc-c++ make'],
  ['apk', 'sudo apk add cmake g++ make'],
  ['brew', 'brew install cmake && xcode-select --install'],
  ['choco', 'choco install cmake visualstudio2022-workload-vctools'],
];

/** Looks for a program on PATH. */
export function onPath(program: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const names = process.platform === 'win32' ? [`${program}.exe`, `${program}.cmd`, `${program}.bat`] : [program];
  for (const folder of (env['PATH'] ?? '').split(path.delimiter)) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (folder !== '' && isExecutable(file)) return file;
    }
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run: both mean that it is no help
  }
}

function missing(what: string, env: NodeJS.ProcessEnv): R3mesError {
  const installer = INSTALLERS.find(([program]) => onPath(program, env) !== undefined);
  const hint = installer === undefined ? 'install CMake 3.15 or newer and a C++17 compiler' : `install them: ${installer[1]}`;
  return new R3mesError({ code: 'ENGINE_UNAVAILABLE', message: `the engine cannot be built: ${what} was not found on PATH`, hint: `${hint}; then run r3mes engine build again` });
}

/** @throws R3mesError ENGINE_UNAVAILABLE naming what is missing and the command that installs it. */
export function checkTools(env: NodeJS.ProcessEnv = process.env): void {
  if (onPath('cmake', env) === undefined) throw missing('cmake', env);
  if (process.platform === 'win32') return; // MSVC is not on PATH; CMake finds it, or says that it does not
  const wanted = env['CXX'];
  const compilers = wanted === undefined || wanted === '' ? ['c++', 'g++', 'clang++'] : [wanted];
  const found = compilers.some((c) => (path.isAbsolute(c) ? existsSync(c) : onPath(c, env) !== undefined));
  if (!found) throw missing(`a C++ compiler (${compilers.join(', ')})`, env);
  if (['make', 'ninja', 'ninja-build'].every((program) => onPath(program, env) === undefined)) throw missing('make or ninja', env);
}

function isWritable(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false; // a package of another user, or on a read-only file system
  }
}

/** @throws R3mesError ENGINE_UNAVAILABLE. @returns the addon's file. */
export async function buildEngine(options: BuildOptions = {}): Promise<string> {
  checkTools();
  const directory = options.directory ?? (isWritable(BUILD_DIRECTORY) ? BUILD_DIRECTORY : userBuildDirectory(packageVersion()));
  const cmakeJs = path.join(path.dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const args = [cmakeJs, 'compile', '--directory', PACKAGE_ROOT, '--out', directory, '--config', 'Release', '--parallel', String(os.availableParallelism())];
  const tail: string[] = [];
  const code = await new Promise<number | string>((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(options.signal === undefined ? {} : { signal: options.signal }) });
    const listen = (bytes: Buffer): void => {
      for (const line of bytes.toString('utf8').split('\n').filter((l) => l.trim() !== '')) {
        tail.push(line);
        if (tail.length > 40) tail.shift();
        options.onLine?.(line);
      }
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal ?? 1));
  });
  const file = addonIn(directory);
  if (code === 0 && existsSync(file)) return file;
  throw new R3mesError({
    code: 'ENGINE_UNAVAILABLE',
    message: `the engine could not be built (${code === 0 ? `${file} is missing` : `the build ended with ${code}`}):\n${tail.slice(-15).join('\n')}`,
    hint: 'r3mes engine build --verbose shows all that the tools print',
  });
}
