import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { aggregateNoun } from '../../../../src/cli/commands/aggregate/index.js';
import { challengeNoun } from '../../../../src/cli/commands/challenge/index.js';
import { mineNoun } from '../../../../src/cli/commands/mine/index.js';
import { rewardsNoun } from '../../../../src/cli/commands/rewards/index.js';
import { txNoun } from '../../../../src/cli/commands/tx/index.js';
import { BALANCE, cosmjsGenesis, startNode } from '../../../e2e/cosmjs-harness.js';
import { scriptedPrompter } from '../harness.js';
import { freshAddress, PASSWORD, startTestNet, type TestNet, writeWallets } from './chain.js';
import { expectDeclaredKeys } from './golden.js';

const home = mkdtempSync(path.join(os.tmpdir(), 'r3mes-tx-'));
let net: TestNet;
beforeAll(async () => {
  net = await startTestNet(home);
  while (net.node.engine.height < 1n) await new Promise((resolve) => setTimeout(resolve, 20));
});
afterAll(async () => {
  await net.stop();
  rmSync(home, { recursive: true, force: true });
});

const balanceOf = async (address: string): Promise<bigint> => BigInt(String((await net.cli(['query', 'balance', address, '--json'])).json['balance']));

describe('tx send', () => {
  it('sends REMES and uremes, waits for the block, and can be asked for', async () => {
    const to = freshAddress();
    const ran = await net.cli(['tx', 'send', to, '1.5remes', '--json']);
    expect(ran.code).toBe(0);
    expectDeclaredKeys(txNoun, 'send', ran.json);
    expect(ran.json).toMatchObject({ code: 0, log: '', from: net.rich.address, to, amount: '1500000' });
    expect(await balanceOf(to)).toBe(1_500_000n);
    const tx = await net.cli(['query', 'tx', String(ran.json['hash']), '--json']);
    expect(tx.json).toMatchObject({ height: ran.json['height'], code: 0, gasUsed: ran.json['gasUsed'] });
    const forPeople = await net.cli(['tx', 'send', to, '7', '--memo', 'thanks']);
    expect(forPeople.stdout).toMatch(/^hash {3}[0-9A-F]{64}\nheight [0-9]+\ncode {3}0\n/);
    expect(forPeople.stdout).toContain(`sent   0.000007 REMES to ${to}`);
    expect(await balanceOf(to)).toBe(1_500_007n);
  });

  it('pays exactly the fee that was named and takes the gas that was given', async () => {
    const before = await balanceOf(net.rich.address);
    const ran = await net.cli(['tx', 'send', freshAddress(), '1', '--gas', '200000', '--fees', '777uremes', '--json']);
    expect(ran.json).toMatchObject({ code: 0, gasWanted: '200000' });
    expect(await balanceOf(net.rich.address)).toBe(before - 1n - 777n);
  });

  it('does not wait where it is told not to, and gives up with exit code 8 where no block comes', async () => {
    const ran = await net.cli(['tx', 'send', freshAddress(), '5', '--no-wait', '--json']);
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({ hash: expect.stringMatching(/^[0-9A-F]{64}$/) as string, height: null, code: null });
    expectDeclaredKeys(txNoun, 'send', ran.json);
    const slow = await startNode(cosmjsGenesis([net.rich.address], net.miner.address), { kind: 'interval', intervalMs: 8000 });
    try {
      while (slow.engine.height < 1n) await new Promise((resolve) => setTimeout(resolve, 20));
      const pending = await net.cli(['tx', 'send', freshAddress(), '5', '--timeout', '1', '--node', slow.url, '--json']);
      expect(pending.code).toBe(8);
      expect(pending.json).toMatchObject({ code: 'TX_PENDING', retryable: true, hint: expect.stringContaining('r3mes query tx ') as string });
    } finally {
      await slow.stop();
    }
  });

  it('ends with 1 where the transaction fails in its block, and prints it all the same', async () => {
    // 40,000 gas pay for the signature and not for the registration.
    const ran = await net.cli(['tx', 'register', 'verifier', '--stake', '10000remes', '--gas', '40000', '--yes', '--json']);
    expect(ran.code).toBe(1);
    expect(ran.json).toMatchObject({ code: 'INSUFFICIENT_FUNDS' });
    const failed = await net.cli(['tx', 'register', 'miner', '--gas', '40000', '--yes', '--json']);
    expect(failed.code).toBe(1);
    expect(failed.json).toMatchObject({ code: 11, codespace: 'sdk', log: expect.stringContaining('out of gas') as string, height: expect.any(String) as string });
    expectDeclaredKeys(txNoun, 'register', failed.json);
    expect((await net.cli(['tx', 'register', 'miner', '--gas', '40000', '--yes'])).stdout).toContain('code   11 (sdk): failed to execute message');
  });

  it.each([
    [['send', 'remes1x', '1'], 2, 'USAGE', 'TO: expected an address'],
    [['send', freshAddress(), '1.1234567remes'], 2, 'USAGE', 'AMOUNT: expected an amount'],
    [['send', freshAddress(), '-5'], 2, 'USAGE', 'AMOUNT: expected an amount, got "-5"'],
    [['send', freshAddress(), '0'], 2, 'USAGE', 'AMOUNT: expected an amount above 0'],
    [['send', freshAddress(), '1e6'], 2, 'USAGE', 'AMOUNT: expected an amount'],
    [['send', freshAddress(), '1', '--gas', 'much'], 2, 'USAGE', '--gas: expected auto or a gas limit'],
    [['send', freshAddress(), '1', '--fees', 'x'], 2, 'USAGE', '--fees: expected an amount'],
    [['send', freshAddress(), `${BALANCE + 1n}`], 1, 'INSUFFICIENT_FUNDS', 'expected at least 5000.000001 REMES'],
    [['send', freshAddress(), '1', '--fees', '1'], 1, 'TX_FAILED', 'insufficient fee'],
    [['send', freshAddress(), '1', '--gas', '1000'], 1, 'TX_FAILED', 'out of gas'],
    [['send', freshAddress(), '1', '--memo', 'm'.repeat(300)], 1, 'TX_REFUSED', 'the chain would refuse this transaction'],
    [['send', freshAddress(), '1', '--wallet', 'nobody'], 1, 'WALLET_NOT_FOUND', 'no wallet nobody'],
    [['send', freshAddress(), '1', '--wallet', 'poor'], 1, 'UNKNOWN_ACCOUNT', 'does not exist'],
    [['send', freshAddress(), '1', '--network', 'other'], 2, 'WRONG_NETWORK', 'expected other'],
    [['send', freshAddress(), '1', '--node', 'http://127.0.0.1:1'], 5, 'NODE_UNREACHABLE', 'cannot be reached'],
    [['unregister', 'proposer'], 1, 'NOT_REGISTERED', 'is not registered as proposer'],
    [['reactivate', 'miner', '--wallet', 'miner'], 1, 'TX_REFUSED', 'expected an inactive registration'],
    [['register', 'miner', '--wallet', 'miner', '--yes'], 1, 'ALREADY_REGISTERED', 'is registered as miner already'],
    [['register', 'miner', '--stake', '5remes', '--yes'], 1, 'STAKE_TOO_SMALL', 'expected a stake of at least 1000 REMES'],
    [['register', 'pinner'], 2, 'USAGE', 'PART: expected one of miner, proposer, verifier'],
  ])('refuses tx %j with exit code %i', async (argv, code, error, message) => {
    const ran = await net.cli(['tx', ...argv, '--json']);
    expect([ran.code, ran.json['code']]).toEqual([code, error]);
    expect(ran.json['message']).toContain(message);
    expect(ran.lines).toHaveLength(1);
  });
});

describe('a locked wallet', () => {
  it('opens with its password by file or variable, and with no other', { timeout: 120_000 }, async () => {
    const locked = mkdtempSync(path.join(os.tmpdir(), 'r3mes-locked-'));
    try {
      await writeWallets(locked, [net.rich], ['rich']);
      const send = ['tx', 'send', freshAddress(), '1', '--home', locked, '--json'];
      const none = await net.cli(send);
      expect([none.code, none.json['code']]).toEqual([4, 'KEY_LOCKED']);
      const wrong = await net.cli(send, { env: { R3MES_PASSWORD: 'wrong horse' } });
      expect([wrong.code, wrong.json['code']]).toEqual([4, 'WRONG_PASSWORD']);
      const file = path.join(locked, 'pw.txt');
      writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
      expect((await net.cli([...send, '--password-file', file])).code).toBe(0);
      // A node that is not there is told before a password is asked for.
      expect((await net.cli([...send, '--node', 'http://127.0.0.1:1'])).code).toBe(5);
    } finally {
      rmSync(locked, { recursive: true, force: true });
    }
  });
});

describe('registrations', () => {
  it('escrows after a yes, tops up, and ends', async () => {
    const unconfirmed = await net.cli(['tx', 'register', 'miner', '--json']);
    expect([unconfirmed.code, unconfirmed.json['code']]).toEqual([3, 'CONFIRMATION_NEEDED']);
    expect(unconfirmed.json['message']).toContain('escrow 1000 REMES');
    const prompter = scriptedPrompter(['yes']);
    const registered = await net.cli(['tx', 'register', 'miner', '--payout', net.poor.address], { tty: true, prompter });
    expect(prompter.asked[0]).toContain('escrow 1000 REMES');
    expect(registered.code).toBe(0);
    expect(registered.stdout).toContain('registered as miner with 1000 REMES; counts from height ');
    expectDeclaredKeys(txNoun, 'top-up', (await net.cli(['tx', 'top-up', 'miner', '1', '--yes', '--json'])).json);
    const topped = await net.cli(['tx', 'top-up', 'miner', '5remes', '--yes', '--json']);
    expect(topped.json).toMatchObject({ code: 0, part: 'miner', stake: '1005000001' });
    const shown = await net.cli(['query', 'registration', 'miner', '--json']);
    expect(shown.json).toMatchObject({ registration: { stake: '1005000001', payoutAddress: net.poor.address, status: 'active' } });
    const ended = await net.cli(['tx', 'unregister', 'miner', '--yes', '--json']);
    expect(ended.json).toMatchObject({ code: 0, part: 'miner', stake: '1005000001' });
    const books = await net.cli(['rewards', 'explain', '--json']);
    expect(books.json).toMatchObject({ reconciled: true, records: [], unpaid: [], flows: { equal: true }, stake: { deposited: '1005000001', genesis: '0', equal: true } });
    expect(books.code).toBe(0);
    expectDeclaredKeys(rewardsNoun, 'explain', books.json);
  });
});

describe('challenge, where there is nothing to compute', () => {
  it.each([
    [['challenge', 'open', 'gradient'], 2, 'USAGE'],
    [['challenge', 'open', 'gradient/9'], 1, 'NOT_FOUND'],
    [['challenge', 'open', 'aggregation/1'], 1, 'NOTHING_ACCEPTED'],
    [['challenge', 'respond', '4'], 1, 'NOT_FOUND'],
    [['challenge', 'replay', '4'], 1, 'NOT_FOUND'],
    [['aggregate', 'verify'], 1, 'NOTHING_ACCEPTED'],
    [['aggregate', 'verify', '8'], 1, 'NOT_FOUND'],
    [['mine', 'start', '--device', 'cuda', '--wallet', 'miner'], 6, 'DEVICE_UNAVAILABLE'],
  ])('answers %j with exit code %i', async (argv, code, error) => {
    const ran = await net.cli([...argv, '--json']);
    expect([ran.code, ran.json['code']]).toEqual([code, error]);
  });

  it.each([mineNoun, aggregateNoun, challengeNoun])('shows the $name status of any account, registered or not', async (noun) => {
    for (const address of [net.miner.address, freshAddress()]) {
      const ran = await net.cli([noun.name, 'status', address, '--json']);
      expect(ran.code).toBe(0);
      expectDeclaredKeys(noun, 'status', ran.json);
      expect((await net.cli([noun.name, 'status', address])).stdout).toContain(`account       ${address}`);
    }
  });
});
