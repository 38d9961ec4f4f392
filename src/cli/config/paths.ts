import os from 'node:os';
import path from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where everything lies. With `--home DIR` the four folders are config, data, state and cache below DIR. */
export interface Paths {
  /** Settings and genesis. */
  readonly config: string;
  /** What must not be lost: wallets, chain, content. */
  readonly data: string;
  /** What a running machine notes: pid files, logs, journals of roles. */
  readonly state: string;
  /** What can be made again. */
  readonly cache: string;
  readonly configFile: string;
  readonly genesisFile: string;
  readonly wallets: string;
  readonly chain: string;
  readonly content: string;
  readonly logs: string;
}

/** The name of the settings file of a project, looked for in the working directory. */
export const PROJECT_FILE = 'r3mes.config.json';

/** An XDG base directory; a relative one is ignored, as the specification says. */
function xdg(env: Environment, variable: string, fallback: readonly string[]): string {
  const given = env[variable];
  if (given !== undefined && path.isAbsolute(given)) return path.join(given, 'r3mes');
  return path.join(env['HOME'] ?? os.homedir(), ...fallback, 'r3mes');
}

function below(base: { config: string; data: string; state: string; cache: string }): Paths {
  return {
    ...base,
    configFile: path.join(base.config, 'config.json'),
    genesisFile: path.join(base.config, 'genesis.json'),
    wallets: path.join(base.data, 'wallets'),
    chain: path.join(base.data, 'chain'),
    content: path.join(base.data, 'content'),
    logs: path.join(base.state, 'logs'),
  };
}

/** @param home what `--home` or R3MES_HOME gave, relative to `cwd`. */
export function resolvePaths(home: string | undefined, env: Environment, cwd: string): Paths {
  if (home !== undefined) {
    const root = path.resolve(cwd, home);
    return below({ config: path.join(root, 'config'), data: path.join(root, 'data'), state: path.join(root, 'state'), cache: path.join(root, 'cache') });
  }
  return below({
    config: xdg(env, 'XDG_CONFIG_HOME', ['.config']),
    data: xdg(env, 'XDG_DATA_HOME', ['.local', 'share']),
    state: xdg(env, 'XDG_STATE_HOME', ['.local', 'state']),
    cache: xdg(env, 'XDG_CACHE_HOME', ['.cache']),
  });
}
