/** The built binary under a real CometBFT: install, start, status, kills, restart, stop, reset. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { holderOf, isAlive } from '../../src/cli/files/pid-file.js';
import { homeOf } from '../unit/cli/commands/node/home.js';
import { cometForTests, type Json, processesOf, r3mes, rpc } from './comet-harness.js';

const comet = cometForTests();
const root = mkdtempSync(path.join(tmpdir(), 'r3mes-comet-cli-'));
const APP_LIMIT_BYTES = 100_000_000;

const isRunning = (pid: number): boolean => isAlive({ pid, startTicks: 0, info: {} });

describe.skipIf(comet === undefined)('r3mes node with CometBFT', () => {
  const home = homeOf(root);

  async function beyond(height: number): Promise<Json> {
    for (;;) {
      const { json } = await r3mes(root, 'node', 'status');
      if (json['running'] !== true) throw new Error(`the node is gone: ${JSON.stringify(json)}`);
      if (Number(json['height']) > height) return json;
    }
  }

  beforeAll(async () => {
    expect(await r3mes(root, 'init', '--role', 'founder', '--network', 'comet-cli-1', '--wallet', 'me', '--device', 'cpu', '--unsafe-plaintext', '--yes')).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    for (const file of [home.pidFile, home.appPidFile, home.cometPidFile]) {
      const holder = await holderOf(file);
      if (holder !== undefined) process.kill(holder.pid, 'SIGKILL');
    }
    rmSync(root, { recursive: true, force: true });
  });

  it('says what to do where there is no CometBFT', async () => {
    const ran = await r3mes(root, 'node', 'start', '--engine', 'comet', '--cometbft', path.join(root, 'none'));
    expect(ran).toMatchObject({ code: 6, json: { code: 'COMET_MISSING', hint: expect.stringContaining('r3mes node engine install') as string } });
  });

  it('installs a copy and writes down what it is', async () => {
    const ran = await r3mes(root, 'node', 'engine', 'install', '--from', comet!);
    expect(ran).toMatchObject({ code: 0, json: { installed: true, version: expect.stringMatching(/^0\.38\./) as string, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string } });
    expect((await r3mes(root, 'node', 'engine', 'install')).json).toMatchObject({ installed: false, sha256: ran.json['sha256'] });
    expect((await r3mes(root, 'node', 'engine', 'show')).json).toMatchObject({ file: ran.json['file'] });
  });

  it('starts in the background: CometBFT serves the RPC, the application takes less than 100 MB', async () => {
    const ran = await r3mes(root, 'node', 'start', '--engine', 'comet', '--detach', '--rpc-port', '0', '--p2p-port', '0', '--block-ms', '100');
    expect(ran).toMatchObject({ code: 0, json: { chainId: 'comet-cli-1' } });
    const status = await beyond(3);
    expect(status).toMatchObject({ engine: 'comet', catchingUp: false, peers: 0, votingPower: '100000', mempoolTxs: 0 });
    expect(status['appRssBytes']).toBeLessThan(APP_LIMIT_BYTES);
    console.log(`application ${Math.round(Number(status['appRssBytes']) / 1e6)} MB, CometBFT ${Math.round(Number(status['cometRssBytes']) / 1e6)} MB, watcher ${Math.round(Number(status['rssBytes']) / 1e6)} MB`);
    expect(existsSync(home.cometLogFile)).toBe(true);
    expect(((await rpc(String(status['rpc']), 'abci_info')) as { response: Json })['response']).toMatchObject({ data: 'r3mes', app_version: '1' });
  });

  it('goes on after the watching process, all three, or the application alone are killed', async () => {
    for (const victims of [['pid'], ['pid', 'appPid', 'cometPid'], ['pid', 'appPid']] as const) {
      const { height } = await beyond(0);
      const processes = processesOf(home.pidFile);
      for (const victim of victims) process.kill(processes[victim], 'SIGKILL');
      expect(await r3mes(root, 'node', 'status')).toMatchObject({ code: 5, json: { running: false } });
      const again = await r3mes(root, 'node', 'start', '--detach', '--rpc-port', '0', '--p2p-port', '0', '--block-ms', '100');
      expect(again).toMatchObject({ code: 0, json: { chainId: 'comet-cli-1' } });
      for (const pid of Object.values(processes)) expect(isRunning(pid)).toBe(false);
      await beyond(Number(height) + 2);
    }
  });

  it('restarts with the same engine, port and block time', async () => {
    const before = await beyond(0);
    const ran = await r3mes(root, 'node', 'restart');
    expect(ran).toMatchObject({ code: 0, json: { rpc: before['rpc'] } });
    expect(await beyond(Number(before['height']) + 2)).toMatchObject({ engine: 'comet', blockMs: 100 });
  });

  it('stops with all its processes, in time', async () => {
    const processes = processesOf(home.pidFile);
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: true, forced: false } });
    for (const pid of Object.values(processes)) expect(isRunning(pid)).toBe(false);
    for (const file of [home.pidFile, home.appPidFile, home.cometPidFile]) expect(existsSync(file)).toBe(false);
  });

  it('does not go on with the other engine, but begins anew with it after a reset', async () => {
    expect(await r3mes(root, 'node', 'start', '--engine', 'solo', '--rpc-port', '0')).toMatchObject({ code: 2, json: { code: 'ENGINE_MISMATCH' } });
    expect(JSON.parse(readFileSync(home.signStateFile, 'utf8'))).not.toMatchObject({ height: '0' });
    expect(await r3mes(root, 'node', 'reset', '--yes')).toMatchObject({ code: 0, json: { removed: true } });
    expect(existsSync(home.signStateFile)).toBe(false);
    expect(await r3mes(root, 'node', 'start', '--detach', '--rpc-port', '0', '--block-ms', '50')).toMatchObject({ code: 0 });
    expect(await beyond(1)).toMatchObject({ engine: 'solo', appRssBytes: null });
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0 });
  });

  it('names what is wrong in a genesis, and in a config.toml', async () => {
    expect(await r3mes(root, 'node', 'reset', '--yes')).toMatchObject({ code: 0 });
    const good = readFileSync(home.genesisFile, 'utf8');
    const wrong = JSON.parse(good) as { consensus_params: { abci: Json } };
    wrong.consensus_params.abci = { vote_extensions_enable_height: '1' };
    writeFileSync(home.genesisFile, JSON.stringify(wrong));
    const start = ['node', 'start', '--engine', 'comet', '--rpc-port', '0', '--p2p-port', '0'];
    expect(await r3mes(root, ...start)).toMatchObject({ code: 2, json: { code: 'GENESIS_INVALID', message: expect.stringContaining('vote_extensions_enable_height: expected 0, got 1') as string } });
    writeFileSync(home.genesisFile, good);
    const config = readFileSync(home.cometConfigFile, 'utf8');
    writeFileSync(home.cometConfigFile, config.replace(/^timeout_commit.*$/m, 'timeout_commit = "soon"'));
    expect(await r3mes(root, ...start)).toMatchObject({ code: 1, json: { code: 'COMET_FAILED', message: expect.stringContaining('soon') as string } });
  });
});
