import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { nodeNoun } from '../../../../../src/cli/commands/node/index.js';
import { run } from '../../../../../src/cli/main.js';
import { parseListenAddress } from '../../../../../src/cli/node/listen-address.js';
import { fakeIo, runCli, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';
import { writeChain } from './home.js';

const NOBODY = 'http://127.0.0.1:1';

describe('node api', () => {
  it('has help that is pinned', () => expectGoldenHelp(nodeNoun, 'api'));

  it('serves until Ctrl-C and says where; without its node it answers 503', async () => {
    const io = fakeIo();
    const ended = run(['node', 'api', '--api', '0', '--grpc', '0', '--node', NOBODY, '--json', '--home', temporaryFolder()], io.io);
    while (!io.stdout().includes('started')) await new Promise((resolve) => setTimeout(resolve, 10));
    const started = JSON.parse(io.stdout()) as { api: string; grpc: string };
    expect(started).toMatchObject({ node: NOBODY, grpc: expect.stringMatching(/^127\.0\.0\.1:[0-9]+$/) as string });
    const answer = await fetch(`${started.api}/cosmos/bank/v1beta1/supply`);
    expect([answer.status, await answer.json()]).toEqual([503, { code: 14, message: 'the node behind this gateway does not answer', details: [] }]);
    expect((await fetch(`${started.api}/openapi.json`)).status).toBe(200);
    io.signal('SIGINT');
    await ended;
    const { type, ...result } = JSON.parse(io.stdout().trim().split('\n').at(-1)!) as Record<string, unknown>;
    expect(type).toBe('result');
    expectDeclaredKeys(nodeNoun, 'api', result);
    await expect(fetch(started.api)).rejects.toThrow();
  });

  it('refuses to serve nothing, and a port that is taken', async () => {
    const nothing = await runCli(['node', 'api', '--api', 'off', '--grpc', 'off', '--home', temporaryFolder()]);
    expect([nothing.code, nothing.stderr]).toEqual([expect.any(Number), expect.stringContaining('nothing is left to serve')]);
    expect(nothing.code).not.toBe(0);
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const flags of [['--api', taken, '--grpc', 'off'], ['--api', '0', '--grpc', taken]]) {
      const refused = await runCli(['node', 'api', ...flags, '--json', '--home', temporaryFolder()]);
      expect(refused.code).not.toBe(0);
      expect(refused.stdout + refused.stderr).toContain('PORT_IN_USE');
    }
    other.close();
  });
});

describe('node start --api --grpc', () => {
  it('serves both beside the RPC, tells where, and closes them with the node', async () => {
    const root = temporaryFolder();
    writeChain(root);
    const io = fakeIo();
    const ended = run(['node', 'start', '--rpc-port', '0', '--block-ms', '20', '--api', '0', '--grpc', '0', '--json', '--home', root], io.io);
    while (!io.stdout().includes('started')) await new Promise((resolve) => setTimeout(resolve, 10));
    const started = JSON.parse(io.stdout().split('\n')[0]!) as { api: string; grpc: string };
    const status = await runCli(['node', 'status', '--json', '--home', root]);
    expect(JSON.parse(status.stdout)).toMatchObject({ api: started.api, grpc: started.grpc });
    while (!io.stdout().includes('"block"')) await new Promise((resolve) => setTimeout(resolve, 10));
    const supply = await fetch(`${started.api}/cosmos/bank/v1beta1/supply`);
    expect([supply.status, await supply.json()]).toEqual([200, { supply: [], pagination: { next_key: null, total: '0' } }]);
    io.signal('SIGINT');
    await ended;
    await expect(fetch(started.api)).rejects.toThrow();
  });

  it('gives the node back where a port is taken', async () => {
    const root = temporaryFolder();
    writeChain(root);
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const refused = await runCli(['node', 'start', '--rpc-port', '0', '--grpc', taken, '--json', '--home', root]);
    expect(refused.stdout + refused.stderr).toContain('PORT_IN_USE');
    expect(JSON.parse((await runCli(['node', 'status', '--json', '--home', root])).stdout)).toMatchObject({ running: false });
    other.close();
  });
});

describe('the address of a server', () => {
  it('is host and port, or a port alone', () => {
    expect(['127.0.0.1:1317', '[::1]:9090', 'example.org:80', '0', 'off'].map(parseListenAddress)).toEqual([
      { host: '127.0.0.1', port: 1317 },
      { host: '::1', port: 9090 },
      { host: 'example.org', port: 80 },
      { host: '127.0.0.1', port: 0 },
      'off',
    ]);
  });

  it.each(['', ':', '127.0.0.1', '127.0.0.1:65536', '::1:80', 'http://127.0.0.1:1', '-1', 'a b:1'])('is not %j', (text) => {
    expect(() => parseListenAddress(text)).toThrow('expected an address');
  });
});
