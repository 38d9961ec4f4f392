/** Two people found a network: homes of their own, a gentx each, the same genesis, and CometBFT. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { holderOf } from '../../src/cli/files/pid-file.js';
import { homeOf } from '../unit/cli/commands/node/home.js';
import { cometForTests, type Json, r3mes, rpc } from './comet-harness.js';

const comet = cometForTests();
const root = mkdtempSync(path.join(tmpdir(), 'r3mes-founding-'));

interface Founder {
  readonly home: string;
  readonly address: string;
  /** Consensus address in hexadecimal. */
  readonly validator: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function must(home: string, ...argv: readonly string[]): Promise<Json> {
  const ran = await r3mes(home, ...argv);
  expect(ran.stderr).not.toContain('error:');
  expect(ran.code).toBe(0);
  return ran.json;
}

describe.skipIf(comet === undefined)('a network that two people found', () => {
  const founders: Founder[] = [];
  const urls: string[] = [];

  async function join(name: string, ...from: readonly string[]): Promise<Founder> {
    const home = path.join(root, name);
    const made = await must(home, 'node', 'init', ...from, '--moniker', name, '--p2p', `127.0.0.1:${await freePort()}`, '--rpc', `127.0.0.1:${await freePort()}`, '--block-ms', '300');
    const wallet = await must(home, 'wallet', 'create', 'op', '--unsafe-plaintext');
    return { home, address: wallet['address'] as string, validator: made['validator'] as string };
  }

  afterAll(async () => {
    for (const { home } of founders) {
      const { pidFile, appPidFile, cometPidFile } = homeOf(home);
      for (const file of [pidFile, appPidFile, cometPidFile]) {
        const holder = await holderOf(file);
        if (holder !== undefined) process.kill(holder.pid, 'SIGKILL');
      }
    }
    rmSync(root, { recursive: true, force: true });
  });

  it('has one genesis, whoever collects it', { timeout: 120_000 }, async () => {
    const alice = await join('alice', '--chain-id', 'founded-1', '--profile', 'dev');
    founders.push(alice);
    const genesis = homeOf(alice.home).genesisFile;
    const bob = await join('bob', '--genesis', genesis);
    founders.push(bob);
    for (const { address } of founders) await must(alice.home, 'node', 'genesis', 'add-account', address, '5000remes');
    copyFileSync(genesis, homeOf(bob.home).genesisFile);
    const gentxs = path.join(root, 'gentxs');
    for (const [index, { home }] of founders.entries()) await must(home, 'node', 'genesis', 'add-validator', '1000remes', '--output', path.join(gentxs, `${index}.json`));
    expect(readdirSync(gentxs)).toHaveLength(2);
    const hashes = new Set<unknown>();
    for (const { home } of founders) {
      hashes.add((await must(home, 'node', 'genesis', 'collect', '--gentx-dir', gentxs))['genesisHash']);
      expect(await must(home, 'node', 'genesis', 'validate')).toMatchObject({ valid: true, totalPower: '2000', supply: '10000000000' });
    }
    expect(hashes.size).toBe(1);
    expect(readFileSync(homeOf(bob.home).genesisFile, 'utf8')).toBe(readFileSync(genesis, 'utf8'));
  });

  it('makes blocks that both propose and both sign', { timeout: 180_000 }, async () => {
    for (const { home } of founders) urls.push((await must(home, 'node', 'start', '--detach', '--cometbft', comet!))['rpc'] as string);
    const [url = ''] = urls;
    const signers = new Set<string>();
    const proposers = new Set<string>();
    // Two of two must sign, so each block that follows carries both.
    for (let height = 2; height <= 6; height++) {
      for (const one of urls) {
        while (Number(((await rpc(one, 'status')) as { sync_info: { latest_block_height: string } }).sync_info.latest_block_height) <= height) await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const { signed_header: signed } = (await rpc(url, 'commit', { height: String(height) })) as {
        signed_header: { header: { proposer_address: string }; commit: { signatures: { validator_address: string }[] } };
      };
      proposers.add(signed.header.proposer_address.toLowerCase());
      for (const { validator_address: address } of signed.commit.signatures) if (address !== '') signers.add(address.toLowerCase());
    }
    const expected = founders.map(({ validator }) => validator).sort();
    expect([...signers].sort()).toEqual(expected);
    expect([...proposers].sort()).toEqual(expected);
  });

  it('changes its genesis no more, and stops', async () => {
    const [alice] = founders;
    expect(await r3mes(alice!.home, 'node', 'genesis', 'add-account', founders[1]!.address, '1remes')).toMatchObject({ code: 2, json: { code: 'CHAIN_BEGUN' } });
    for (const { home } of founders) expect(await r3mes(home, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: true, forced: false } });
  });
});
