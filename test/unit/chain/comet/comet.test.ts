import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { checkVersion, engineFiles, findComet } from '../../../../src/chain/comet/binary.js';
import { configValue, overrideVariables, renderConfig } from '../../../../src/chain/comet/config.js';
import { newNodeKey, nodeIdOf } from '../../../../src/chain/comet/files.js';
import { installComet } from '../../../../src/chain/comet/install.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'r3mes-comet-'));
  folders.push(made);
  return made;
}

/** A program that says it is CometBFT of this version. */
function program(file: string, version: string): string {
  writeFileSync(file, `#!/bin/sh\n[ "$1" = version ] && echo '${version}'\n`);
  chmodSync(file, 0o755);
  return file;
}

const CONFIG = renderConfig({ moniker: 'a "b"', rpc: '127.0.0.1:26657', p2p: '127.0.0.1:26656', persistentPeers: ['id@127.0.0.1:1', 'id@127.0.0.1:2'], commitMs: 300, loopback: true });
const VALUES = { proxyApp: 'unix:///x', genesisFile: '/g', validatorKeyFile: '/k', signStateFile: '/s', nodeKeyFile: '/n', data: '/d', walFile: '/w', rpc: '127.0.0.1:1', p2p: '127.0.0.1:2' };

describe('config.toml', () => {
  it('keeps values in their sections', () => {
    expect(configValue(CONFIG, 'rpc', 'laddr')).toBe('tcp://127.0.0.1:26657');
    expect(configValue(CONFIG, 'p2p', 'laddr')).toBe('tcp://127.0.0.1:26656');
    expect(configValue(CONFIG, '', 'laddr')).toBeUndefined();
    expect(configValue(CONFIG, 'p2p', 'persistent_peers')).toBe('id@127.0.0.1:1,id@127.0.0.1:2');
    expect(configValue(CONFIG, 'consensus', 'timeout_commit')).toBe('300ms');
    expect(configValue(CONFIG, 'p2p', 'addr_book_strict')).toBe('false');
    expect(configValue(CONFIG, 'tx_index', 'indexer')).toBe('kv');
    expect(configValue("a = 'b' # c\n[x]\na = 5 # d", '', 'a')).toBe('b');
    expect(configValue("a = 'b' # c\n[x]\na = 5 # d", 'x', 'a')).toBe('5');
  });

  it('has every key that a start sets, and only those that are wanted are set', () => {
    expect(overrideVariables(CONFIG, VALUES, 'f')).toEqual({
      CMT_PROXY_APP: 'unix:///x',
      CMT_GENESIS_FILE: '/g',
      CMT_PRIV_VALIDATOR_KEY_FILE: '/k',
      CMT_PRIV_VALIDATOR_STATE_FILE: '/s',
      CMT_NODE_KEY_FILE: '/n',
      CMT_DB_DIR: '/d',
      CMT_CONSENSUS_WAL_FILE: '/w',
      CMT_RPC_LADDR: 'tcp://127.0.0.1:1',
      CMT_P2P_LADDR: 'tcp://127.0.0.1:2',
    });
    expect(overrideVariables(CONFIG, { ...VALUES, moniker: 'm', commitMs: 20 }, 'f')).toMatchObject({ CMT_MONIKER: 'm', CMT_CONSENSUS_TIMEOUT_COMMIT: '20ms' });
  });

  it('is refused without such a key, or with another way to speak to the application', () => {
    expect(() => overrideVariables(CONFIG.replace(/^wal_file.*$/m, ''), VALUES, 'f')).toThrow('f: expected the key wal_file in [consensus]');
    expect(() => overrideVariables(CONFIG.replace('abci = "socket"', 'abci = "grpc"'), VALUES, 'f')).toThrow('f: abci: expected "socket", got "grpc"');
  });
});

describe('node keys', () => {
  it('have the id by which peers name them', () => {
    const key = newNodeKey();
    expect(key.id).toMatch(/^[0-9a-f]{40}$/);
    expect(nodeIdOf(key.text, 'node_key.json')).toBe(key.id);
    expect(() => nodeIdOf('{}', 'node_key.json')).toThrow(/node_key\.json: priv_key/);
    // As CometBFT v0.38.26 names it: `cometbft show-node-id` of this file.
    const value = 'QVhhYAxiwBkQiw/hw9zQ1Rc8wtEjOsnMCTcMfgAaoLZW4vY12eitP89I/7Sk00cBLwSJNy4lXkeMRZA4/Jottg==';
    expect(nodeIdOf(JSON.stringify({ priv_key: { type: 'tendermint/PrivKeyEd25519', value } }), 'x')).toBe('70e5da3d2d6b299fddadf785cbb8e6bdfbfc6003');
  });
});

describe.skipIf(process.platform === 'win32')('the binary', () => {
  it.each(['0.38.26', 'v0.38.0', '0.38.17+abcdef', '0.38.26-rc1'])('may be of version %s', async (version) => {
    expect(await checkVersion(program(path.join(folder(), 'x'), version))).toMatch(/^0\.38\.[0-9]+$/);
  });

  it.each(['0.37.15', '1.0.0', '0.39.1', '', 'Kubo 0.38.2'])('is refused by name with version %j', async (version) => {
    const file = program(path.join(folder(), 'x'), version);
    await expect(checkVersion(file)).rejects.toMatchObject({ code: 'COMET_VERSION', message: `expected CometBFT 0.38.x, got ${JSON.stringify(version)} from ${file}` });
  });

  it('is the named one, else the installed one, else the one on PATH', async () => {
    const [installed, onPath, other] = [folder(), folder(), folder()];
    const given = program(path.join(other, 'comet'), '0.38.1');
    await expect(findComet({ given: undefined, folder: installed, search: onPath })).rejects.toMatchObject({ code: 'COMET_MISSING', hint: expect.stringContaining('node engine install') as string });
    program(path.join(onPath, 'cometbft'), '0.38.2');
    expect(await findComet({ given: undefined, folder: installed, search: `relative:${onPath}` })).toMatchObject({ version: '0.38.2' });
    await installComet({ folder: installed, from: program(path.join(other, 'three'), '0.38.3'), now: NOW });
    expect(await findComet({ given: undefined, folder: installed, search: onPath })).toMatchObject({ version: '0.38.3', file: engineFiles(installed).binary });
    expect(await findComet({ given, folder: installed, search: onPath })).toMatchObject({ version: '0.38.1', file: given });
    await expect(findComet({ given: path.join(other, 'none'), folder: installed, search: onPath })).rejects.toMatchObject({ code: 'COMET_MISSING' });
  });

  it('is refused when it has changed since it was installed', async () => {
    const [at, from] = [folder(), folder()];
    const made = await installComet({ folder: at, from: program(path.join(from, 'x'), '0.38.26'), now: NOW });
    const { binary, record } = engineFiles(at);
    expect(JSON.parse(readFileSync(record, 'utf8'))).toEqual({ version: '0.38.26', sha256: made.sha256, source: path.join(from, 'x'), installedAt: NOW.toISOString() });
    writeFileSync(binary, `${readFileSync(binary, 'utf8')}# one line more\n`);
    await expect(findComet({ given: undefined, folder: at, search: '' })).rejects.toMatchObject({ code: 'COMET_CHANGED', message: expect.stringContaining(`expected SHA-256 ${made.sha256}`) as string });
    writeFileSync(record, '{}');
    await expect(findComet({ given: undefined, folder: at, search: '' })).rejects.toMatchObject({ code: 'COMET_CHANGED' });
  });

  it('is not replaced by one that cannot be used, and a build that fails says why', async () => {
    const [at, from] = [folder(), folder()];
    await installComet({ folder: at, from: program(path.join(from, 'good'), '0.38.26'), now: NOW });
    const before = readFileSync(engineFiles(at).binary, 'utf8');
    await expect(installComet({ folder: at, from: program(path.join(from, 'bad'), '1.0.1'), now: NOW })).rejects.toMatchObject({ code: 'COMET_VERSION' });
    await expect(installComet({ folder: at, from: path.join(from, 'none'), now: NOW })).rejects.toMatchObject({ code: 'COMET_INSTALL' });
    await expect(installComet({ folder: at, go: path.join(from, 'no-go'), now: NOW })).rejects.toMatchObject({ code: 'COMET_INSTALL', message: expect.stringContaining('there is no Go here') as string });
    const failing = path.join(from, 'go');
    writeFileSync(failing, '#!/bin/sh\necho "$@" in $GOBIN\necho no network >&2\nexit 1\n');
    chmodSync(failing, 0o755);
    await expect(installComet({ folder: at, go: failing, now: NOW })).rejects.toMatchObject({
      message: expect.stringMatching(/ended with 1\n(.*\n)*install github\.com\/cometbft\/cometbft\/cmd\/cometbft@v0\.38\.26 in .*(\n.*)*|no network/) as string,
    });
    expect(readFileSync(engineFiles(at).binary, 'utf8')).toBe(before);
    expect(readdirSync(at).sort()).toEqual(['cometbft', 'cometbft.json']);
    expect(existsSync(engineFiles(at).record)).toBe(true);
  });
});
