/** Finds and loads the addon, once a process. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { z } from 'zod';

import { R3mesError } from '../protocol/errors.js';
import { ISAS, type Isa, type NativeBinding } from './binding.js';
import { addonCandidates, addonFor, PACKAGE_ROOT } from './location.js';

/** Rises with any change of a bit of the results; an addon of another one is refused. docs/arithmetic.md defines it. */
export const ARITHMETIC_VERSION = 1;

const FUNCTIONS = ['isaSupported', 'cudaDevices', 'createModel', 'adapterLayout', 'trainStep', 'evaluate', 'logits', 'createSession', 'samplingWeights', 'clip', 'trimmedMean', 'meanGradient', 'adamW', 'initialLoraA'] as const;

export interface LoadedEngine {
  readonly file: string;
  readonly binding: NativeBinding;
}

let loaded: LoadedEngine | undefined;

export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}

function unavailable(message: string, cause?: unknown): R3mesError {
  return new R3mesError({ code: 'ENGINE_UNAVAILABLE', message, hint: 'build it for this machine: r3mes engine build', cause });
}

function isBinding(value: unknown): value is NativeBinding {
  return typeof value === 'object' && value !== null && FUNCTIONS.every((name) => name in value) && 'arithmeticVersion' in value;
}

function load(file: string): LoadedEngine {
  let exported: unknown;
  try {
    exported = createRequire(import.meta.url)(file);
  } catch (error) {
    throw unavailable(`the engine ${file} does not load: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (!isBinding(exported)) throw unavailable(`the engine ${file} is of another version of r3mes`);
  if (exported.arithmeticVersion !== ARITHMETIC_VERSION) {
    throw unavailable(`the engine ${file} has arithmetic version ${exported.arithmeticVersion}, expected ${ARITHMETIC_VERSION}`);
  }
  return { file, binding: exported };
}

/** The best instruction set that was built and that this machine has, or the one that `R3MES_ISA` names. */
function wantedIsa(scalar: NativeBinding, file: string, env: NodeJS.ProcessEnv = process.env): Isa {
  const wasNamed = (env['R3MES_ENGINE'] ?? '') !== '';
  const usable = ISAS.filter((isa) => isa === scalar.isa || (!wasNamed && scalar.isaSupported(isa) && existsSync(addonFor(isa, file))));
  const forced = env['R3MES_ISA'];
  if (forced === undefined || forced === '') return usable[0] ?? scalar.isa;
  const found = usable.find((isa) => isa === forced);
  if (found !== undefined) return found;
  throw new R3mesError({
    code: 'ENGINE_UNAVAILABLE',
    message: `R3MES_ISA is ${JSON.stringify(forced.slice(0, 40))}, this machine and this build have ${usable.join(', ')}`,
    hint: 'unset it: the best one is taken by itself, and every one gives the same bits',
  });
}

/** Where the scalar engine lies. @throws R3mesError ENGINE_UNAVAILABLE: none is built. */
function scalarFile(): string {
  const candidates = addonCandidates(packageVersion());
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined) throw unavailable(`the engine is not built: none of ${candidates.join(', ')} is there`);
  return found;
}

/** Why an instruction set cannot be used here; nothing where it can. @throws R3mesError ENGINE_UNAVAILABLE: no engine at all. */
export function isaRefusal(isa: Isa): string | undefined {
  const file = scalarFile();
  if (isa !== 'scalar' && !load(file).binding.isaSupported(isa)) return 'this machine has not got it';
  return existsSync(addonFor(isa, file)) ? undefined : 'not built';
}

/** @throws R3mesError ENGINE_UNAVAILABLE: none is built, it does not load, or it is of another version. */
export function loadEngine(): LoadedEngine {
  if (loaded !== undefined) return loaded;
  const found = scalarFile();
  const scalar = load(found);
  const isa = wantedIsa(scalar.binding, found);
  loaded = isa === scalar.binding.isa ? scalar : load(addonFor(isa, found));
  return loaded;
}

export function engine(): NativeBinding {
  return loadEngine().binding;
}
