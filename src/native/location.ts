/** Where the compiled engine lies. */
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the package: this file is src/native/ or dist/native/ below it. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));

const FILE = 'r3mes.node';

/** Build folder of a clone, and where an installed package that may be written to keeps its own build. */
export const BUILD_DIRECTORY = path.join(PACKAGE_ROOT, 'build', 'engine');

/** Build folder of an installed package that belongs to somebody else: one a version, platform and home. */
export function userBuildDirectory(version: string, env: NodeJS.ProcessEnv = process.env): string {
  const given = env['XDG_CACHE_HOME'];
  const cache = given !== undefined && path.isAbsolute(given) ? given : path.join(os.homedir(), '.cache');
  return path.join(cache, 'r3mes', 'engine', `${version}-${process.platform}-${process.arch}`);
}

/** The addon of a build folder. */
export function addonIn(directory: string): string {
  return path.join(directory, 'Release', FILE);
}

/** The addon of another instruction set, beside the scalar one. */
export function addonFor(isa: string, scalar: string): string {
  return isa === 'scalar' ? scalar : path.join(path.dirname(scalar), `r3mes-${isa}.node`);
}

/**
 * Files that may hold the engine, best first: one that was named, builds of this package, a prebuilt one. Those for better instruction
 * sets lie beside each (`addonFor`), except beside one that was named. */
export function addonCandidates(version: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const named = env['R3MES_ENGINE'];
  if (named !== undefined && named !== '') return [path.resolve(named)];
  return [
    addonIn(BUILD_DIRECTORY),
    path.join(PACKAGE_ROOT, 'prebuilds', `${process.platform}-${process.arch}`, FILE),
    addonIn(userBuildDirectory(version, env)),
  ];
}
