/** What an operator does to a node, with real processes: metrics, signals, what kill -9 leaves, rollback, prune. Both engines. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { holderOf, isAlive } from '../../src/cli/files/pid-file.js';
import { homeOf } from '../unit/cli/commands/node/home.js';
import { cometForTests, Foreground, type Json, processesOf, r3mes, rpc } from './comet-harness.js';

const GRACE_MS = 5000;
const comet = cometForTests();
const isBuilt = existsSync('dist/cli/commands/node/rollback.js');
if (!isBuilt) console.warn('skipped: dist/ is missing; build it with node scripts/prepare.js');

const isRunning = (pid: number): boolean => isAlive({ pid, startTicks: 0, info: {} });

/** Samples by name with labels, without histograms' buckets. */
async function samples(url: unknown): Promise<Map<string, number>> {
  const text = await (await fetch(String(url))).text();
  const lines = text.split('\n').filter((line) => line.startsWith('r3mes_'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

async function blockHash(url: unknown, height: bigint): Promise<string> {
  return ((await rpc(String(url), 'block', { height: height.toString() })) as { block_id: { hash: string } }).block_id.hash;
}

describe.each([
  ['solo', isBuilt, [] as string[]],
  ['comet', comet !== undefined, comet === undefined ? [] : ['--cometbft', comet, '--p2p-port', '0']],
])('operating a node with %s', (engine, canRun, argv) => {
  const root = mkdtempSync(path.join(tmpdir(), `r3mes-ops-${engine}-`));
  const home = homeOf(root);
  const start = ['--engine', engine, '--rpc-port', '0', '--block-ms', '100', ...argv];

  async function beyond(height: number): Promise<Json> {
    for (;;) {
      const { json } = await r3mes(root, 'node', 'status');
      if (json['running'] !== true) throw new Error(`the node is gone: ${JSON.stringify(json)}`);
      if (Number(json['height']) > height) return json;
    }
  }

  beforeAll(async () => {
    if (!canRun) return;
    expect(await r3mes(root, 'init', '--role', 'founder', '--network', 'ops-1', '--wallet', 'me', '--device', 'cpu', '--unsafe-plaintext', '--yes')).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    for (const file of [home.pidFile, home.appPidFile, home.cometPidFile]) {
      const holder = await holderOf(file);
      if (holder !== undefined) process.kill(holder.pid, 'SIGKILL');
    }
    rmSync(root, { recursive: true, force: true });
  });

  it.skipIf(!canRun)('serves metrics, keeps them over a restart, and tells all of itself in its status', async () => {
    const ran = await r3mes(root, 'node', 'start', '--detach', ...start, '--metrics', '127.0.0.1:0', ...(engine === 'comet' ? ['--comet-metrics', '0'] : []));
    expect(ran).toMatchObject({ code: 0, json: { metrics: expect.stringMatching(/^http:\/\/127\.0\.0\.1:[0-9]+\/metrics$/) as string } });
    const status = await beyond(4);
    expect(status).toMatchObject({ engine, catchingUp: false, peers: engine === 'comet' ? 0 : null, mempoolTxs: 0, mempoolBytes: 0, votingPower: expect.stringMatching(/^[1-9]/) as string, missedBlocks: '0', metrics: ran.json['metrics'] });
    expect(status['totalRssBytes']).toBe(Number(status['rssBytes']) + Number(status['appRssBytes']) + Number(status['cometRssBytes']));
    const seen = await samples(ran.json['metrics']);
    expect(seen.get('r3mes_height')).toBeGreaterThanOrEqual(Number(status['height']));
    for (const name of ['finalize_block', 'commit']) expect(seen.get(`r3mes_abci_duration_seconds_count{call="${name}"}`)).toBeGreaterThanOrEqual(4);
    for (const [name, value] of [['r3mes_rpc_up', 1], ['r3mes_application_up', 1], ['r3mes_peers', engine === 'comet' ? 0 : undefined], ['r3mes_validator_power', Number(status['votingPower'])], ['r3mes_validator_missed_blocks', 0], ['r3mes_mempool_transactions', 0], ['r3mes_cases{state="open"}', 0], ['r3mes_windows_open', 0]] as const) {
      expect([name, seen.get(name)]).toEqual([name, value]);
    }
    expect(seen.get('r3mes_database_bytes{database="state"}')).toBeGreaterThan(0);
    const processes = engine === 'comet' ? ['node', 'application', 'cometbft'] : ['node'];
    for (const process of processes) expect(seen.get(`r3mes_resident_memory_bytes{process="${process}"}`)).toBeGreaterThan(1e6);
    if (engine === 'comet') expect(await (await fetch(String(status['cometMetrics']))).text()).toContain('cometbft_consensus_height');
    const again = await r3mes(root, 'node', 'restart', '--log-format', 'json');
    expect(again.json['metrics']).toBe(ran.json['metrics']);
    expect((await samples(again.json['metrics'])).get('r3mes_rpc_up')).toBe(1);
    const { height } = await beyond(Number(status['height']) + 1);
    const lines = readFileSync(home.logFile, 'utf8').split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Json);
    expect(lines).toContainEqual({ time: expect.any(String) as string, level: 'info', module: 'chain', message: expect.stringContaining(`block ${String(height)} `) as string, fields: expect.objectContaining({ height }) as Json });
    if (engine === 'comet') {
      const cometLines = readFileSync(home.cometLogFile, 'utf8').split('\n').filter((line) => line.startsWith('{'));
      expect(cometLines.map((line) => (JSON.parse(line) as Json)['module'])).toContain('consensus');
    }
  });

  const itOfChildren = engine === 'comet' ? it.skipIf(!canRun) : undefined; // solo has one process
  itOfChildren?.('counts a restart of the application, and serves the rest meanwhile', async () => {
    const { metrics } = await beyond(0);
    process.kill(processesOf(home.pidFile).appPid, 'SIGKILL');
    for (;;) {
      const seen = await samples(metrics);
      expect(seen.get('r3mes_build_info{version="0.1.0",engine="comet",chain_id="ops-1"}')).toBe(1);
      if (seen.get('r3mes_process_restarts_total{process="application"}') === 1 && seen.get('r3mes_application_up') === 1) break;
    }
  });

  it.skipIf(!canRun)('refuses rollback and prune while it runs', async () => {
    for (const verb of [['rollback', '--yes'], ['prune']]) expect(await r3mes(root, 'node', ...verb)).toMatchObject({ code: 1, json: { code: 'ALREADY_RUNNING' } });
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: true, forced: false } });
  });

  it.skipIf(!canRun)('ends within 5 s of SIGTERM and of SIGINT, with nothing left', async () => {
    for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130]] as const) {
      const node = new Foreground(root, start);
      await node.started();
      await node.beyond(0);
      const processes = Object.values(processesOf(home.pidFile)).filter((pid) => pid > 0);
      // The product's own limit, behind which `node stop` gives up; not a measurement.
      const timer = setTimeout(() => node.child.kill('SIGKILL'), GRACE_MS);
      expect([signal, await node.stop(signal)]).toEqual([signal, code]);
      clearTimeout(timer);
      for (const pid of processes) expect(isRunning(pid)).toBe(false);
      for (const file of [home.pidFile, home.appPidFile, home.cometPidFile]) expect(existsSync(file)).toBe(false);
    }
  });

  it.skipIf(!canRun)('takes over what kill -9 left: pid files, locks and processes', async () => {
    const node = new Foreground(root, start);
    await node.started();
    const { height } = await node.beyond(0);
    const processes = Object.values(processesOf(home.pidFile)).filter((pid) => pid > 0);
    await node.stop('SIGKILL');
    expect(existsSync(home.pidFile)).toBe(true);
    expect(await r3mes(root, 'node', 'status')).toMatchObject({ code: 5, json: { running: false } });
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: false } });
    // Works on a home whose lock is stale, and ends the children that are still there.
    expect(await r3mes(root, 'node', 'prune')).toMatchObject({ code: 0 });
    for (const pid of processes) expect(isRunning(pid)).toBe(false);
    expect(await r3mes(root, 'node', 'start', '--detach', ...start)).toMatchObject({ code: 0 });
    await beyond(Number(height) + 1);
  });

  it.skipIf(!canRun)('goes back one block, and both heights match', async () => {
    const { rpc: url, height } = await beyond(12);
    const hashes = new Map<bigint, string>();
    for (let at = 1n; at <= BigInt(String(height)); at++) hashes.set(at, await blockHash(url, at));
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0 });
    expect(await r3mes(root, 'node', 'rollback')).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
    const { code, json } = await r3mes(root, 'node', 'rollback', '--yes', ...argv.slice(0, 2));
    expect([code, json['engine']]).toEqual([0, engine]);
    expect(json['height']).toBe((BigInt(String(json['from'])) - 1n).toString());
    expect(json['engineHeight']).toBe(json['height']);
    expect(await r3mes(root, 'node', 'start', '--detach', ...start)).toMatchObject({ code: 0 });
    const again = await beyond(Number(json['from']) + 2);
    for (const [at, hash] of hashes) if (at <= BigInt(String(json['height']))) expect([at, await blockHash(again['rpc'], at)]).toEqual([at, hash]);
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0 });
  });

  it.skipIf(!canRun)('goes back many blocks and goes on from there, and refuses heights that it does not have', async () => {
    expect(await r3mes(root, 'node', 'rollback', '--height', '1000000', '--yes', ...argv.slice(0, 2))).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: expect.stringMatching(/expected a height from [0-9]+ to [0-9]+, got 1000000/) as string } });
    const refused = await r3mes(root, 'node', 'rollback', '--height', '0', '--yes', ...argv.slice(0, 2));
    const newest = /to ([0-9]+), got 0/.exec(String(refused.json['message']))![1]!;
    const to = BigInt(newest) - 6n;
    const { code, json } = await r3mes(root, 'node', 'rollback', '--height', to.toString(), '--forget-signed', '--yes', ...argv.slice(0, 2));
    expect(code).toBe(0);
    expect(json).toMatchObject({ height: to.toString(), engineHeight: to.toString() });
    expect(await r3mes(root, 'node', 'start', '--detach', ...start)).toMatchObject({ code: 0 });
    const status = await beyond(Number(to) + 2);
    const { block } = (await rpc(String(status['rpc']), 'block', { height: (to + 1n).toString() })) as { block: { header: { app_hash: string } } };
    expect(block.header.app_hash.toLowerCase()).toBe(json['appHash']);
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0 });
  });

  it.skipIf(!canRun)('prunes to the last states, and goes on', async () => {
    const { json } = await r3mes(root, 'node', 'prune', '--keep', '3');
    expect(json['dropped']).toBeGreaterThan(0);
    expect(BigInt(String(json['oldestHeight']))).toBe(BigInt(String(json['height'])) - 2n);
    expect((await r3mes(root, 'node', 'prune', '--keep', '3')).json['dropped']).toBe(0);
    expect(await r3mes(root, 'node', 'rollback', '--height', '1', '--yes', ...argv.slice(0, 2))).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT' } });
    expect(await r3mes(root, 'node', 'start', '--detach', ...start)).toMatchObject({ code: 0 });
    await beyond(Number(json['height']) + 1);
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0 });
    expect(readFileSync(home.logFile, 'utf8')).toContain('stopped at height');
  });
});
