import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { nodeNoun } from '../../../../../src/cli/commands/node/index.js';
import { startTicksOf } from '../../../../../src/cli/files/pid-file.js';
import { run } from '../../../../../src/cli/main.js';
import { taggedHash } from '../../../../../src/protocol/hash.js';
import { type FakeIo, fakeIo, runCli, scriptedPrompter, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';
import { CHAIN_ID, homeOf, OTHER_VALIDATOR, validatorJson, vrfFile, writeChain } from './home.js';

type Json = Record<string, unknown>;

const START = ['node', 'start', '--rpc-port', '0', '--block-ms', '20', '--json'];

const events = (io: FakeIo): Json[] =>
  io
    .stdout()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json);

const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 10));
};

/** Nodes of the test that still run; a test that fails must not leave one. */
const running: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

interface Foreground {
  readonly io: FakeIo;
  /** Sends the signal and gives the exit code. */
  readonly stop: (signal?: 'SIGINT' | 'SIGTERM') => Promise<number>;
}

async function startForeground(root: string, argv: readonly string[] = START): Promise<Foreground> {
  const io = fakeIo();
  const ended = run([...argv, '--home', root], io.io);
  const stop = (signal: 'SIGINT' | 'SIGTERM' = 'SIGINT'): Promise<number> => {
    io.signal(signal);
    return ended;
  };
  running.push(() => stop());
  const over = ended.then(() => true);
  while (!io.stdout().includes('started') && !io.stdout().includes('RPC')) {
    if (await Promise.race([over, new Promise<false>((resolve) => setTimeout(() => resolve(false), 10))])) throw new Error(io.stdout() + io.stderr());
  }
  return { io, stop };
}

describe('help', () => {
  it.each(['start', 'stop', 'restart', 'status', 'reset', 'logs', 'engine', 'testnet'])('of node %s is pinned', (verb) => expectGoldenHelp(nodeNoun, verb));
});

describe('node start', () => {
  it('seals blocks, a line each, until the first Ctrl-C, and gives everything back', async () => {
    const root = temporaryFolder();
    const home = writeChain(root);
    const { io, stop } = await startForeground(root);
    await until(() => events(io).filter(({ type }) => type === 'block').length >= 3);

    const status = await runCli(['node', 'status', '--json', '--home', root]);
    expect(status.code).toBe(0);
    expectDeclaredKeys(nodeNoun, 'status', status.json);
    expect(status.json).toMatchObject({ running: true, pid: process.pid, chainId: CHAIN_ID, mode: 'foreground', height: expect.stringMatching(/^[0-9]+$/) as string, appHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(status.json['rssBytes']).toBeGreaterThan(1_000_000);
    expect((await runCli(['node', 'status', '--home', root])).stdout).toContain('in the foreground');
    for (const argv of [START, ['node', 'start', '--detach'], ['node', 'reset', '--yes']]) {
      const second = await runCli([...argv, '--home', root]);
      expect(second.code).toBe(1);
      expect(second.stderr).toContain(`a node of this home runs already as process ${process.pid}`);
    }

    expect(await stop()).toBe(130);
    expect(io.stderr()).not.toContain('error');
    const lines = events(io);
    const blocks = lines.filter(({ type }) => type === 'block');
    expect(blocks.map(({ height }) => height)).toEqual(blocks.map((_, i) => String(i + 1)));
    expect(lines[0]).toMatchObject({ type: 'started', chainId: CHAIN_ID, height: '0' });
    const result = lines.at(-1)!;
    expect(result).toMatchObject({ type: 'result', height: blocks.at(-1)!['height'], appHash: blocks.at(-1)!['appHash'], blocks: blocks.length });
    expectDeclaredKeys(nodeNoun, 'start', result);
    expect(existsSync(home.pidFile)).toBe(false);

    // The same chain goes on.
    const again = await startForeground(root);
    expect(events(again.io)[0]).toMatchObject({ height: result['height'] });
    expect(await again.stop('SIGTERM')).toBe(143);
  });

  it('tells people a line a block, or one in so many seconds', async () => {
    const root = temporaryFolder();
    writeChain(root);
    const { io, stop } = await startForeground(root, ['node', 'start', '--rpc-port', '0', '--block-ms', '20', '--every', '3600']);
    await until(async () => Number((await runCli(['node', 'status', '--json', '--home', root])).json['height']) >= 3);
    await stop();
    expect(io.stdout()).toMatch(new RegExp(`^chain ${CHAIN_ID} at height 0, RPC http://127\\.0\\.0\\.1:[0-9]+, process ${process.pid}, [0-9]+ MB; log .*node\\.log$`, 'm'));
    expect(io.stdout().match(/^block 1 {2}1 tx {2}app hash [0-9a-f]{16}… {2}[0-9]+ MB$/gm)).toHaveLength(1);
    expect(io.stdout()).not.toContain('block 2 ');
    expect(io.stdout()).toMatch(/^stopped at height [0-9]+ after [0-9]+ blocks, [0-9]+ MB$/m);
    expect(io.stderr()).toContain('waiting for the block at hand');
  });

  const appState = (genesis: Json): Record<string, Json> => genesis['app_state'] as Record<string, Json>;

  it.each<[string, string, number, RegExp, (root: string) => void, string[]]>([
    ['no genesis', 'GENESIS_MISSING', 2, /no genesis file .*genesis\.json/, () => undefined, []],
    ['a genesis that is no JSON', 'GENESIS_INVALID', 2, /genesis\.json: the genesis document is not JSON/, (root) => writeFileSync(writeChain(root).genesisFile, '{"chain_id"'), []],
    ['a genesis with a wrong field', 'GENESIS_INVALID', 2, /genesis\.json: app_state\.bank\.balances/, (root) => void writeChain(root, (g) => (appState(g)['bank'] = { balances: [{ address: 'cosmos1', coins: [] }] })), []],
    ['a genesis under which cheating pays', 'GENESIS_INVALID', 2, /genesis\.json: cheating would pay: expected .* above/, (root) => void writeChain(root, (g) => ((appState(g)['challenge']!['params'] as Json)['audit_floor_bps'] = 0)), []],
    ['two validators', 'SOLO_VALIDATORS', 2, /names 2 validators .* expects exactly one/, (root) => void writeChain(root, (g) => (g['validators'] as Json[]).push(validatorJson(OTHER_VALIDATOR))), ['--engine', 'solo']],
    ['another chain than the settings say', 'WRONG_NETWORK', 2, /genesis of chain node-test-1, but the setting network says other-1/, (root) => void writeChain(root), ['--network', 'other-1']],
    ['no validator key', 'VALIDATOR_KEY_MISSING', 2, /no validator key .*priv_validator_key\.json/, (root) => rmSync(writeChain(root).validatorKeyFile), []],
    ["another validator's key", 'SOLO_VALIDATORS', 2, /expected the genesis of node-test-1 to name validator/, (root) => writeFileSync(writeChain(root).validatorKeyFile, OTHER_VALIDATOR.toFile(), { mode: 0o600 }), []],
    ['a key that others may read', 'KEY_FILE_PERMISSIONS', 1, /mode is 644, expected 600/, (root) => chmodSync(writeChain(root).validatorKeyFile, 0o644), []],
    ['no VRF key', 'VRF_KEY_MISMATCH', 2, /vrf_key\.json to hold the key of [0-9a-f]{64}, .* got no file/, (root) => rmSync(writeChain(root).vrfKeyFile), []],
    ['another VRF key', 'VRF_KEY_MISMATCH', 2, /got [0-9a-f]{64}$/, (root) => writeFileSync(writeChain(root).vrfKeyFile, vrfFile(taggedHash('other')), { mode: 0o600 }), []],
    ['a VRF key that others may read', 'KEY_FILE_PERMISSIONS', 1, /vrf_key\.json .* mode is 640/, (root) => chmodSync(writeChain(root).vrfKeyFile, 0o640), []],
    ['a damaged VRF key', 'INVALID_INPUT', 1, /vrf_key\.json: value: expected 32 bytes/, (root) => writeFileSync(writeChain(root).vrfKeyFile, '{"type":"r3mes/VrfSecret","value":"00"}', { mode: 0o600 }), []],
    ['an address that is not ours', 'CANNOT_LISTEN', 1, /cannot listen on port 0 of 192\.0\.2\.1/, (root) => void writeChain(root), ['--rpc-host', '192.0.2.1']],
  ])('refuses %s', async (_what, code, exit, message, prepare, flags) => {
    const root = temporaryFolder();
    prepare(root);
    const ran = await runCli([...START, ...flags, '--home', root]);
    expect(ran.json).toMatchObject({ type: 'error', code, message: expect.stringMatching(message) as string, hint: expect.stringMatching(/.{10}/) as string });
    expect(ran.code).toBe(exit);
    const home = homeOf(root);
    expect(existsSync(home.pidFile)).toBe(false);
    // Whatever was wrong, nothing of it stays: with sound files the chain begins.
    writeChain(root);
    const { stop } = await startForeground(root);
    await stop();
  });

  it('names CometBFT where there are two validators, and a way out where the port is taken', async () => {
    const root = temporaryFolder();
    writeChain(root, (genesis) => (genesis['validators'] as Json[]).push(validatorJson(OTHER_VALIDATOR)));
    const none = await runCli([...START, '--cometbft', path.join(root, 'none'), '--home', root]);
    expect(none.json).toMatchObject({ code: 'COMET_MISSING', message: expect.stringMatching(/^there is no CometBFT to run at .*none$/) as string, hint: expect.stringContaining('r3mes node engine install') as string });
    writeChain(root);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const ran = await runCli(['node', 'start', '--rpc-port', String(port), '--json', '--home', root]);
    expect(ran).toMatchObject({ code: 1, json: { code: 'PORT_IN_USE', message: `port ${port} of 127.0.0.1 is in use by another process` } });
    expect(ran.json['hint']).toContain('choose another port');
    await new Promise((resolve) => other.close(resolve));
  });

  it.each(['state', 'blocks'] as const)('names the damaged folder of %s and what to do', async (part) => {
    const root = temporaryFolder();
    const home = writeChain(root);
    const { io, stop } = await startForeground(root);
    await until(() => events(io).some(({ type }) => type === 'block'));
    await stop();
    const folder = home[part];
    for (const name of readdirSync(folder).filter((file) => /MANIFEST/.test(file))) writeFileSync(path.join(folder, name), 'rubbish');
    const ran = await runCli([...START, '--home', root]);
    expect(ran).toMatchObject({ code: 1, json: { code: 'DATABASE_CORRUPT', message: expect.stringContaining(folder) as string } });
    expect(ran.json['hint']).toMatch(part === 'state' ? /delete it and let the node rebuild it/ : /r3mes node reset/);
    expect(existsSync(home.pidFile)).toBe(false);
    // What the hint says helps.
    if (part === 'state') rmSync(folder, { recursive: true });
    else expect((await runCli(['node', 'reset', '--yes', '--home', root])).code).toBe(0);
    const again = await startForeground(root);
    expect(events(again.io)[0]!['height'] === '0').toBe(part === 'blocks');
    await again.stop();
  });

  it('refuses blocks of another genesis', async () => {
    const root = temporaryFolder();
    writeChain(root);
    const { io, stop } = await startForeground(root);
    await until(() => events(io).some(({ type }) => type === 'block'));
    await stop();
    writeChain(root, (genesis) => (genesis['chain_id'] = 'node-test-2'));
    const ran = await runCli([...START, '--home', root]);
    expect(ran).toMatchObject({ code: 2, json: { code: 'GENESIS_MISMATCH', hint: expect.stringContaining('r3mes node reset') as string } });
  });
});

describe('where no node runs', () => {
  it('status says so by exit code 5 and the same keys', async () => {
    const root = temporaryFolder();
    const ran = await runCli(['node', 'status', '--json', '--home', root]);
    expect(ran).toMatchObject({ code: 5, json: { running: false, pid: null, height: null, rpc: null, rssBytes: null } });
    expectDeclaredKeys(nodeNoun, 'status', ran.json);
    expect(await runCli(['node', 'status', '--home', root])).toMatchObject({ code: 5, stdout: 'no node runs in this home\n' });
    expect(readdirSync(root)).toEqual([]);
  });

  it('stop has nothing to do', async () => {
    const root = temporaryFolder();
    const ran = await runCli(['node', 'stop', '--json', '--home', root]);
    expect(ran).toMatchObject({ code: 0, json: { stopped: false, pid: null, forced: false } });
    expectDeclaredKeys(nodeNoun, 'stop', ran.json);
    expect((await runCli(['node', 'stop', '--home', root])).stdout).toBe('no node runs in this home\n');
  });

  it('a pid file without an answering process is told as it is', async () => {
    const root = temporaryFolder();
    const { pidFile } = homeOf(root);
    mkdirSync(path.dirname(pidFile), { recursive: true });
    const write = (pid: number, info: Json): void => writeFileSync(pidFile, JSON.stringify({ pid, startTicks: startTicksOf(pid), info }));
    write(process.pid, {});
    expect(await runCli(['node', 'status', '--json', '--home', root])).toMatchObject({ code: 0, json: { running: true, pid: process.pid, chainId: null, height: null } });
    expect((await runCli(['node', 'status', '--home', root])).stdout).toContain('starting');
    write(process.pid, { rpc: 'http://127.0.0.1:1', chainId: 'x', rpcHost: '127.0.0.1', rpcPort: '1', blockMs: '20', mode: 'foreground', startedAt: 'now' });
    expect((await runCli(['node', 'status', '--home', root])).stdout).toContain('no answer');
  });
});

describe('node reset', () => {
  it('deletes state and blocks after a yes, and keeps keys and genesis', async () => {
    const root = temporaryFolder();
    const home = writeChain(root);
    const kept = [home.genesisFile, home.validatorKeyFile, home.vrfKeyFile];
    const nothing = await runCli(['node', 'reset', '--json', '--home', root]);
    expect(nothing).toMatchObject({ code: 0, json: { removed: false, folder: home.chain, kept } });
    const { io, stop } = await startForeground(root);
    await until(() => events(io).some(({ type }) => type === 'block'));
    await stop();
    // Left by an earlier reset that was killed.
    mkdirSync(path.join(path.dirname(home.chain), 'chain.deleted-12345678'));

    expect(await runCli(['node', 'reset', '--json', '--home', root])).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
    expect(existsSync(home.state)).toBe(true);
    const ran = await runCli(['node', 'reset', '--home', root], { tty: true, prompter: scriptedPrompter(['yes']) });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain(`deleted ${home.chain}; kept ${kept.join(', ')}`);
    for (const file of kept) expect(existsSync(file)).toBe(true);
    expect(readdirSync(path.dirname(home.chain))).toEqual(['validator']);
    expectDeclaredKeys(nodeNoun, 'reset', nothing.json);
    expect(existsSync(home.pidFile)).toBe(false);
  });
});

describe('node logs', () => {
  it('prints the last lines, and follows', async () => {
    const root = temporaryFolder();
    const home = homeOf(root);
    expect(await runCli(['node', 'logs', '--json', '--home', root])).toMatchObject({ code: 1, json: { code: 'FILE_NOT_FOUND', message: `there is no log ${home.logFile}` } });
    mkdirSync(home.logs, { recursive: true });
    writeFileSync(home.logFile, 'one\ntwo\nthree\n');
    expect(await runCli(['node', 'logs', '-n', '2', '--home', root])).toMatchObject({ code: 0, stdout: 'two\nthree\n' });
    const ran = await runCli(['node', 'logs', '--lines', '1', '--json', '--home', root]);
    expect(ran.lines).toEqual([
      { type: 'line', text: 'three' },
      { type: 'result', file: home.logFile, lines: 1 },
    ]);
    expectDeclaredKeys(nodeNoun, 'logs', ran.json);

    const io = fakeIo();
    const ended = run(['node', 'logs', '--follow', '--lines', '0', '--home', root], io.io);
    await until(() => {
      writeFileSync(home.logFile, 'four\n', { flag: 'a' });
      return io.stdout().includes('four');
    });
    io.signal('SIGINT');
    expect(await ended).toBe(130);
    expect(io.stdout()).not.toContain('three');
  });
});
