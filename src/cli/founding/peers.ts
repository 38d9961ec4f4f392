/** The peers that gentxs name, in CometBFT's config.toml. Pure. */
import { InvalidInputError } from '../../protocol/errors.js';

const LINE = /^(\s*persistent_peers\s*=\s*)"([^"]*)"/m;

/**
 * The file with these peers besides those that it has; the rest of it stays as its operator wrote it.
 * @param peers `id@host:port` each. @throws InvalidInputError where the file has no persistent_peers.
 */
export function withPeers(toml: string, peers: readonly string[], file: string): string {
  const [, , before] = LINE.exec(toml) ?? [];
  if (before === undefined) throw new InvalidInputError(`${file}: expected persistent_peers in [p2p]`, 'add it: persistent_peers = ""');
  const there = before.split(',').map((one) => one.trim()).filter((one) => one !== '');
  const ids = new Set(there.map((one) => one.split('@')[0]));
  const all = [...there, ...peers.filter((one) => !ids.has(one.split('@')[0]))];
  return toml.replace(LINE, (_, key: string) => `${key}"${all.join(',')}"`);
}
