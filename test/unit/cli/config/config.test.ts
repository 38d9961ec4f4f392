import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../../../src/cli/config/load.js';
import { resolvePaths } from '../../../../src/cli/config/paths.js';
import { settingsSchema } from '../../../../src/cli/config/schema.js';
import { envName, flagName, isSettingKey, SETTING_KEYS } from '../../../../src/cli/config/settings.js';
import { runCli, temporaryFolder } from '../harness.js';

function given(files: { user?: unknown; project?: unknown }): { home: string; cwd: string; userFile: string; projectFile: string } {
  const home = temporaryFolder();
  const cwd = temporaryFolder();
  const userFile = path.join(home, '.config', 'r3mes', 'config.json');
  const projectFile = path.join(cwd, 'r3mes.config.json');
  const text = (content: unknown): string => (typeof content === 'string' ? content : JSON.stringify(content));
  if (files.user !== undefined) {
    mkdirSync(path.dirname(userFile), { recursive: true });
    writeFileSync(userFile, text(files.user));
  }
  if (files.project !== undefined) writeFileSync(projectFile, text(files.project));
  return { home, cwd, userFile, projectFile };
}

describe('paths', () => {
  it('follow XDG, ignoring relative folders', () => {
    const env = { HOME: '/h', XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: 'relative', XDG_STATE_HOME: '' };
    expect(resolvePaths(undefined, env, '/w')).toMatchObject({
      config: '/c/r3mes',
      data: '/h/.local/share/r3mes',
      state: '/h/.local/state/r3mes',
      cache: '/h/.cache/r3mes',
      wallets: '/h/.local/share/r3mes/wallets',
    });
    expect(resolvePaths(undefined, {}, '/w').config).toMatch(/^\/.*\.config\/r3mes$/);
  });

  it('all move with --home', () => {
    const paths = resolvePaths('here', { HOME: '/h' }, '/w');
    for (const place of Object.values(paths) as string[]) expect(place.startsWith('/w/here/')).toBe(true);
  });
});

describe('settings', () => {
  it('have one rule, one flag and one variable each', () => {
    expect(Object.keys(settingsSchema.shape)).toEqual([...SETTING_KEYS]);
    expect(flagName('gasPrice')).toBe('--gas-price');
    expect(envName('gasPrice')).toBe('R3MES_GAS_PRICE');
    expect(isSettingKey('toString')).toBe(false);
    expect(isSettingKey('node')).toBe(true);
  });

  it('are taken from flag, then environment, then project, then user, then default', async () => {
    const { home, cwd, userFile, projectFile } = given({ user: { threads: 1, device: 'cpu', role: 'miner' }, project: { threads: 2, device: 'auto' } });
    const base = { paths: resolvePaths(undefined, { HOME: home }, cwd), cwd };
    const config = await loadConfig({ ...base, env: { R3MES_THREADS: '3' }, flags: { threads: '4' } });
    expect(config.explain('threads')).toEqual({ value: 4, origin: 'flag', source: '--threads' });
    const withoutFlag = await loadConfig({ ...base, env: { R3MES_THREADS: '3' }, flags: {} });
    expect(withoutFlag.explain('threads')).toEqual({ value: 3, origin: 'environment', source: 'R3MES_THREADS' });
    const withoutVariable = await loadConfig({ ...base, env: { R3MES_THREADS: '' }, flags: {} });
    expect(withoutVariable.explain('threads')).toEqual({ value: 2, origin: 'project', source: projectFile });
    expect(withoutVariable.explain('role')).toEqual({ value: 'miner', origin: 'user', source: userFile });
    expect(withoutVariable.explain('store')).toEqual({ value: 'embedded', origin: 'default', source: 'built in' });
    expect(withoutVariable.explain('wallet')).toEqual({ value: undefined, origin: 'default', source: 'built in' });
    expect(withoutVariable.get('device')).toBe('auto');
  });

  it.each([
    [{ user: '{"threads": 1' }, 'config.json: not JSON'],
    [{ user: [1] }, 'config.json: its content is [1], expected a JSON object'],
    [{ user: { thread: 1 } }, 'config.json: unknown setting "thread", expected one of role,'],
    [{ user: { threads: '1' } }, 'config.json: threads is "1", expected a whole number from 0 to 1024'],
    [{ project: { node: 'ftp://x' } }, 'r3mes.config.json: node is "ftp://x", expected a URL such as'],
    [{ project: { payout: 'remes1x' } }, 'r3mes.config.json: payout is "remes1x", expected an address'],
    [{ project: { gasPrice: '1e3uremes' } }, 'r3mes.config.json: gasPrice is "1e3uremes", expected a price such as'],
    [{ project: { wallet: '../x' } }, 'r3mes.config.json: wallet is "../x", expected a name'],
    [{ project: { role: 'boss' } }, 'r3mes.config.json: role is "boss", expected one of miner, validator'],
    [{ project: { network: 'a b' } }, 'r3mes.config.json: network is "a b", expected a chain id'],
    [{ project: `{"node": "${'x'.repeat(70_000)}"}` }, 'expected at most 65536'],
    [{ project: { node: 'y'.repeat(200) } }, '…, expected a URL'],
  ])('%j is refused with file, key, value and expectation', async (files, message) => {
    const { home, cwd } = given(files);
    const ran = await runCli(['config', 'list', '--json'], { home, cwd });
    expect(ran.code).toBe(2);
    expect(ran.json).toMatchObject({ type: 'error', code: 'CONFIG_INVALID' });
    expect(ran.json['message']).toContain(message);
  });

  it('reads files with a byte order mark and is not disturbed by a folder in the way', async () => {
    const { home, cwd } = given({ project: '\uFEFF{"threads":7}' });
    writeFileSync(path.join(home, '.config'), 'a file');
    expect((await runCli(['config', 'get', 'threads'], { home, cwd })).stdout).toBe('7\n');
  });

  it('tells of a file that cannot be read', async () => {
    const { home, cwd } = given({});
    mkdirSync(path.join(cwd, 'r3mes.config.json'));
    expect(await runCli(['config', 'list', '--json'], { home, cwd })).toMatchObject({ code: 1, json: { code: 'FILE_NOT_FOUND' } });
  });
});

describe('config commands', () => {
  it('set writes one key and keeps the others', async () => {
    const { home, cwd, userFile, projectFile } = given({ user: { role: 'miner' } });
    const ran = await runCli(['config', 'set', 'threads', '4', '--json'], { home, cwd });
    expect(ran).toMatchObject({ code: 0, json: { key: 'threads', value: 4, file: userFile } });
    expect(JSON.parse(readFileSync(userFile, 'utf8'))).toEqual({ role: 'miner', threads: 4 });
    expect((await runCli(['config', 'set', 'device', 'cpu', '--project'], { home, cwd })).stdout).toBe(`device = cpu in ${projectFile}\n`);
    expect((await runCli(['config', 'get', 'device'], { home, cwd })).stdout).toBe('cpu\n');
  });

  it('set refuses a wrong value and writes nothing', async () => {
    const { home, cwd, userFile } = given({ user: '{"threads":1}' });
    expect(await runCli(['config', 'set', 'threads', 'many', '--json'], { home, cwd })).toMatchObject({ code: 2, json: { code: 'CONFIG_INVALID' } });
    expect(await runCli(['config', 'set', 'nothing', 'x', '--json'], { home, cwd })).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(readFileSync(userFile, 'utf8')).toBe('{"threads":1}');
  });

  it('get prints nothing for what is not set', async () => {
    expect(await runCli(['config', 'get', 'role'])).toMatchObject({ code: 0, stdout: '' });
    expect((await runCli(['config', 'get', 'role', '--json'])).json).toEqual({ key: 'role', value: null, origin: 'default', source: 'built in' });
  });

  it('list shows origins', async () => {
    const { home, cwd, projectFile } = given({ project: { threads: 2 } });
    const { stdout } = await runCli(['config', 'list', '--show-origin'], { home, cwd });
    expect(stdout).toMatch(new RegExp(`threads +2 +project +${projectFile}`));
    const { json } = await runCli(['config', 'list', '--json'], { home, cwd });
    expect((json['settings'] as { key: string }[]).map(({ key }) => key)).toEqual([...SETTING_KEYS]);
    expect((await runCli(['config', 'list'], { home, cwd })).stdout).not.toContain('project');
  });

  it('path names every place', async () => {
    const { json } = await runCli(['config', 'path', '--json', '--home', '/x/y']);
    expect(json).toMatchObject({ configFile: '/x/y/config/config.json', wallets: '/x/y/data/wallets', logs: '/x/y/state/logs' });
  });
});
