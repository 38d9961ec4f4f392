/** The built binary from nothing to a running chain: init, start, a client, restart, kill -9, reset. No terminal, stdin closed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { StargateClient } from '@cosmjs/stargate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { holderOf, isAlive } from '../../src/cli/files/pid-file.js';
import { founderStake, GENESIS_SUPPLY } from '../../src/cli/setup/supply.js';
import { UREMES_PER_REMES } from '../../src/protocol/params.js';
import { homeOf, writeChain } from '../unit/cli/commands/node/home.js';

type Json = Record<string, unknown>;

const BIN = fileURLToPath(new URL('../../bin/r3mes.js', import.meta.url));
const MEMORY_LIMIT_BYTES = 100_000_000;
/** What init leaves the founder: the rest is delegated to its validator. */
const LIQUID = GENESIS_SUPPLY - founderStake(new Map()) * UREMES_PER_REMES;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout where it is an object. */
  readonly json: Json;
}

function start(argv: readonly string[]): { child: ChildProcess; ended: Promise<Ran>; stdout: () => string } {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('R3MES_')));
  const child = spawn(process.execPath, [BIN, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (code) => {
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      resolve({ code: code ?? -1, stdout, stderr, json: last.startsWith('{') ? (JSON.parse(last) as Json) : {} });
    });
  });
  return { child, ended, stdout: () => stdout };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const homes: string[] = [];

function newHome(): string {
  const root = mkdtempSync(path.join(os.tmpdir(), 'r3mes-node-'));
  homes.push(root);
  return root;
}

const r3mes = (root: string, ...argv: string[]): Promise<Ran> => start([...argv, '--home', root, '--json']).ended;

/** Status as soon as the node has got beyond `height`. */
async function beyond(root: string, height: number): Promise<Json> {
  for (;;) {
    const { json } = await r3mes(root, 'node', 'status');
    if (json['running'] !== true) throw new Error(`the node is gone: ${JSON.stringify(json)}`);
    if (Number(json['height']) > height) return json;
  }
}

async function balanceOf(rpc: unknown, address: unknown): Promise<string> {
  const client = await StargateClient.connect(String(rpc));
  try {
    return (await client.getBalance(String(address), 'uremes')).amount;
  } finally {
    client.disconnect();
  }
}

afterAll(async () => {
  for (const root of homes) {
    const holder = await holderOf(homeOf(root).pidFile);
    if (holder !== undefined && isAlive(holder)) process.kill(holder.pid, 'SIGKILL');
    rmSync(root, { recursive: true, force: true });
  }
});

describe('a chain of one’s own', () => {
  const root = newHome();
  let address: unknown;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    const ran = await r3mes(root, 'init', '--role', 'founder', '--network', 'e2e-1', '--wallet', 'me', '--device', 'cpu', '--unsafe-plaintext', '--yes');
    expect(ran).toMatchObject({ code: 0, json: { role: 'founder', network: 'e2e-1' } });
    ({ address } = ran.json);
  });

  it('starts in the background, answers an unmodified client, and takes less than 100 MB', async () => {
    const ran = await r3mes(root, 'node', 'start', '--detach', '--rpc-port', String(port), '--block-ms', '100');
    expect(ran).toMatchObject({ code: 0, json: { type: 'result', chainId: 'e2e-1', rpc: `http://127.0.0.1:${port}` } });
    const status = await beyond(root, 5);
    expect(status).toMatchObject({ running: true, pid: ran.json['pid'], chainId: 'e2e-1', mode: 'background', rpc: `http://127.0.0.1:${port}` });
    expect(status['appHash']).toMatch(/^[0-9a-f]{64}$/);
    expect(await balanceOf(status['rpc'], address)).toBe(LIQUID.toString());
    const { rssBytes } = (await r3mes(root, 'node', 'status')).json;
    console.log(`node: ${Math.round(Number(rssBytes) / 1e6)} MB resident`);
    expect(rssBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
  });

  it('refuses a second node and a reset while it runs', async () => {
    for (const argv of [['start', '--rpc-port', '0'], ['start', '--detach'], ['reset', '--yes']]) {
      expect(await r3mes(root, 'node', ...argv)).toMatchObject({ code: 1, json: { code: 'ALREADY_RUNNING' } });
    }
    expect((await r3mes(root, 'node', 'status')).code).toBe(0);
  });

  it('restarts with the same port and goes on', async () => {
    const before = (await r3mes(root, 'node', 'status')).json;
    const ran = await r3mes(root, 'node', 'restart');
    expect(ran).toMatchObject({ code: 0, json: { rpc: before['rpc'] } });
    expect(ran.json['pid']).not.toBe(before['pid']);
    expect(Number(ran.json['height'])).toBeGreaterThanOrEqual(Number(before['height']));
    await beyond(root, Number(before['height']));
  });

  it('survives kill -9 at any time', async () => {
    let last = 0;
    for (let round = 0; round < 4; round++) {
      const { height, pid } = await beyond(root, last);
      last = Number(height);
      process.kill(Number(pid), 'SIGKILL');
      const dead = await r3mes(root, 'node', 'status');
      expect(dead).toMatchObject({ code: 5, json: { running: false, pid: null } });
      const again = await r3mes(root, 'node', 'start', '--detach', '--rpc-port', '0', '--block-ms', '20');
      expect(again.code).toBe(0);
      expect(Number(again.json['height'])).toBeGreaterThanOrEqual(last);
    }
  });

  it('writes a log, and stops', async () => {
    const all = await start(['node', 'logs', '--lines', '100000', '--home', root]).ended;
    expect(all.stdout.match(/info {2}chain e2e-1 at height [0-9]+, RPC http/g)?.length).toBeGreaterThanOrEqual(5);
    const few = await start(['node', 'logs', '--lines', '3', '--home', root]).ended;
    expect(few.stdout.trimEnd().split('\n')).toEqual([1, 2, 3].map(() => expect.stringMatching(/info {2}block [0-9]+ {2}1 tx/) as string));
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: true, forced: false } });
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: false } });
    expect((await r3mes(root, 'node', 'status')).code).toBe(5);
  });

  it('begins anew after a reset, with the same keys and coins', async () => {
    expect(await r3mes(root, 'node', 'reset')).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
    expect(await r3mes(root, 'node', 'reset', '--yes')).toMatchObject({ code: 0, json: { removed: true } });
    const ran = await r3mes(root, 'node', 'restart', '--rpc-port', '0', '--block-ms', '50');
    expect(ran.code).toBe(0);
    const status = await beyond(root, 0);
    expect(Number(status['height'])).toBeLessThan(1000);
    expect(await balanceOf(status['rpc'], address)).toBe(LIQUID.toString());
    expect((await r3mes(root, 'node', 'stop')).code).toBe(0);
  });

  it('keeps all of init when init runs again', async () => {
    expect(await r3mes(root, 'init')).toMatchObject({ code: 0, json: { made: [], address } });
  });
});

describe('a node in the foreground', () => {
  it('tells a line a block, ends at one Ctrl-C, and leaves nothing behind', async () => {
    const root = newHome();
    writeChain(root);
    const node = start(['node', 'start', '--home', root, '--rpc-port', '0', '--block-ms', '50']);
    while (!/block 3 .* MB/.test(node.stdout())) {
      if (node.child.exitCode !== null) throw new Error((await node.ended).stderr);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { json } = await r3mes(root, 'node', 'status');
    expect(json).toMatchObject({ mode: 'foreground', pid: node.child.pid });
    console.log(`node: ${Math.round(Number(json['rssBytes']) / 1e6)} MB resident in the foreground`);
    expect(json['rssBytes']).toBeLessThan(MEMORY_LIMIT_BYTES);
    node.child.kill('SIGINT');
    const ran = await node.ended;
    expect(ran.code).toBe(130);
    expect(ran.stdout).toMatch(/stopped at height [0-9]+ after [0-9]+ blocks, [0-9]+ MB\n$/);
    expect(await holderOf(homeOf(root).pidFile)).toBeUndefined();
  });

  it('is stopped by node stop', async () => {
    const root = newHome();
    writeChain(root);
    const node = start(['node', 'start', '--home', root, '--rpc-port', '0', '--block-ms', '50', '--json']);
    while (!node.stdout().includes('"block"')) {
      if (node.child.exitCode !== null) throw new Error((await node.ended).stderr);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await r3mes(root, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: true, pid: node.child.pid } });
    expect(await node.ended).toMatchObject({ code: 143, json: { type: 'result' } });
  });
});

describe('a node in the background that cannot start', () => {
  it('says why, by the exit code of the error, and leaves no process', async () => {
    const root = newHome();
    expect(await r3mes(root, 'node', 'start', '--detach')).toMatchObject({ code: 2, json: { type: 'error', code: 'GENESIS_MISSING' } });
    writeChain(root, (genesis) => (genesis['chain_id'] = 'bad id'));
    expect(await r3mes(root, 'node', 'start', '--detach')).toMatchObject({ code: 2, json: { type: 'error', code: 'GENESIS_INVALID' } });
    writeChain(root);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const ran = await start(['node', 'start', '--detach', '--rpc-port', String(port), '--home', root]).ended;
    await new Promise((resolve) => server.close(resolve));
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain(`port ${port} of 127.0.0.1 is in use`);
    expect(await holderOf(homeOf(root).pidFile)).toBeUndefined();
  });
});
