import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { queryNoun } from '../../../../src/cli/commands/query/index.js';
import { BALANCE, CHAIN_ID } from '../../../e2e/cosmjs-harness.js';
import { freshAddress, startTestNet, type TestNet } from './chain.js';

const home = mkdtempSync(path.join(os.tmpdir(), 'r3mes-query-'));
let net: TestNet;
beforeAll(async () => {
  net = await startTestNet(home);
  // A window opens with the first block.
  while (net.node.engine.height < 3n) await new Promise((resolve) => setTimeout(resolve, 20));
});
afterAll(async () => {
  await net.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('query', () => {
  it.each<[string[], Record<string, unknown>]>([
    [['balance'], { balance: BALANCE.toString(), denom: 'uremes' }],
    [['account'], { accountNumber: expect.stringMatching(/^[0-9]+$/) as string, sequence: '0', balance: BALANCE.toString() }],
    [['block', '1'], { height: '1', hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string, timeSeconds: expect.any(String) as string, appHash: expect.any(String) as string }],
    [['block'], { height: expect.any(String) as string }],
    [['params'], { node: expect.objectContaining({ minStakeMiner: '1000000000' }) as object, reward: expect.any(Object) as object }],
    [['model'], { model: expect.objectContaining({ id: '1', layerCount: 4, optimizer: expect.objectContaining({ clipNorm: 1 }) as object }) as object }],
    [['dataset', '1'], { dataset: expect.objectContaining({ name: 'test', status: 'approved' }) as object }],
    [['datasets'], { datasets: [expect.objectContaining({ trainingChunks: 100 })] }],
    [['window'], { window: expect.objectContaining({ id: '1', phase: 'collecting', outcome: null, settled: false }) as object }],
    [['jobs'], { windowId: '1', jobs: [expect.objectContaining({ status: 'assigned', index: 0 })] }],
    [['gradients', '1'], { windowId: '1', gradients: [] }],
    [['aggregation'], { windowId: '1', accepted: null, proposers: [] }],
    [['duties'], { windowId: '1', duties: [] }],
    [['cases'], { cases: [] }],
    [['registrations', 'miner'], { registrations: [expect.objectContaining({ part: 'miner', status: 'active', stake: '1000000000' })] }],
    [['slashes'], { slashes: [] }],
    [['rewards'], { rewards: [] }],
    [['rewards', '--window', '1'], { rewards: [] }],
    [['emission'], { minted: '0' }],
    [['supply'], { supply: (2n * BALANCE + 1_000_000_000n).toString(), denom: 'uremes' }],
    [['beacon'], { height: expect.any(String) as string, value: expect.stringMatching(/^[0-9a-f]{64}$/) as string }],
  ])('answers %j', async (argv, expected) => {
    const ran = await net.cli(['query', ...argv, '--json']);
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject(expected);
    const forPeople = await net.cli(['query', ...argv]);
    expect(forPeople.code).toBe(0);
    expect(forPeople.stdout.length).toBeGreaterThan(1);
  });

  it('names the keys of --json as they come', async () => {
    const argvOf: Record<string, string[]> = {
      tx: [],
      dataset: ['1'],
      gradient: [],
      case: [],
      registration: ['miner', net.miner.address],
      registrations: ['miner'],
    };
    for (const { name, json } of queryNoun.commands) {
      const args = argvOf[name] ?? [];
      if (args.length === 0 && ['tx', 'gradient', 'case'].includes(name)) continue; // nothing is there yet
      const { json: answer } = await net.cli(['query', name, ...args, '--json']);
      expect([name, Object.keys(answer)]).toEqual([name, Object.keys(json)]);
    }
  });

  it.each([
    [['tx', '00'.repeat(32)], 'transaction'],
    [['window', '7'], 'window 7'],
    [['window', '0'], 'window 0'],
    [['jobs', '99'], 'window 99'],
    [['gradient', '5'], 'gradient 5'],
    [['gradients', '5'], 'window 5'],
    [['aggregation', '5'], 'window 5'],
    [['duties', '5'], 'window 5'],
    [['cases', '5'], 'window 5'],
    [['case', '3'], 'case 3'],
    [['dataset', '9'], 'dataset 9'],
    [['model', '9'], 'model 9'],
    [['block', '999999999'], 'block 999999999'],
    [['registration', 'verifier'], 'as verifier'],
    [['account', freshAddress()], 'account remes1'],
  ])('says that there is no %j, with exit code 1', async (argv, what) => {
    const ran = await net.cli(['query', ...argv, '--json']);
    expect(ran.code).toBe(1);
    expect(ran.json).toMatchObject({ type: 'error', code: 'NOT_FOUND', retryable: false });
    expect(ran.json['message']).toContain(what);
  });

  it.each([
    [['balance', 'remes1abc'], 'ADDRESS: expected an address of 44 characters, got 9'],
    [['balance', 'cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu'], 'ADDRESS: expected an address of 44 characters'],
    [['slashes', 'x'.repeat(44)], 'ADDRESS: address'],
    [['tx', 'abc'], 'HASH: expected a hash of 64 hexadecimal digits'],
    [['window', 'two'], 'WINDOW: expected an id'],
    [['registration', 'king'], 'PART: expected one of miner, proposer, verifier'],
    [['balance', '--node', 'ftp://x'], 'expected a URL'],
  ])('refuses %j as wrong use', async (argv, message) => {
    const ran = await net.cli(['query', ...argv, '--json']);
    expect(ran.code).toBe(2);
    expect(ran.json['message']).toContain(message);
  });

  it('refuses a node of another network and tells an unreachable one', async () => {
    const other = await net.cli(['query', 'supply', '--network', 'other-1', '--json']);
    expect(other.code).toBe(2);
    expect(other.json).toMatchObject({ code: 'WRONG_NETWORK', message: expect.stringContaining(`is of network ${CHAIN_ID}, expected other-1`) as string });
    expect((await net.cli(['query', 'supply', '--network', CHAIN_ID])).code).toBe(0);
    const gone = await net.cli(['query', 'supply', '--node', 'http://127.0.0.1:1', '--json']);
    expect(gone.code).toBe(5);
    expect(gone.json).toMatchObject({ code: 'NODE_UNREACHABLE', retryable: true });
  });
});
