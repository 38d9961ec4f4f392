/** A network that two people found: homes, accounts, gentxs, one genesis; and each wrong step by its name. */
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { FOUNDING_COMMANDS } from '../../../../../src/cli/commands/node/founding.js';
import { nodeNoun } from '../../../../../src/cli/commands/node/index.js';
import { formatAddress } from '../../../../../src/protocol/address.js';
import { type Ran, runCli, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';
import { homeOf } from './home.js';

type Json = Record<string, unknown>;

const STRANGER = formatAddress(new Uint8Array(20).fill(7));

const cli = (root: string, ...argv: string[]): Promise<Ran> => runCli([...argv, '--home', root, '--json']);
const read = (file: string): Json => JSON.parse(readFileSync(file, 'utf8')) as Json;

interface Founder {
  readonly root: string;
  readonly address: string;
  readonly port: number;
}

async function founder(port: number, ...init: string[]): Promise<Founder> {
  const root = temporaryFolder();
  const ran = await cli(root, 'node', 'init', ...init, '--moniker', `n${port}`, '--p2p', `127.0.0.1:${port}`);
  expect(ran.stderr).not.toContain('error:');
  expectDeclaredKeys(nodeNoun, 'init', ran.json);
  const wallet = await cli(root, 'wallet', 'create', 'op', '--unsafe-plaintext');
  expect(wallet.code).toBe(0);
  return { root, address: wallet.json['address'] as string, port };
}

describe('help', () => {
  it.each(FOUNDING_COMMANDS.map(({ name }) => name))('of node %s is pinned', (name) => expectGoldenHelp(nodeNoun, name));
});

describe('node init', () => {
  it('makes keys for their owner only, configuration and a genesis, and overwrites nothing', async () => {
    const { root } = await founder(26_756, '--chain-id', 'ours-1');
    const home = homeOf(root);
    for (const file of [home.validatorKeyFile, home.nodeKeyFile, home.vrfKeyFile, home.signStateFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(home.cometConfigFile, 'utf8')).toContain('laddr = "tcp://127.0.0.1:26756"');
    const before = readFileSync(home.validatorKeyFile, 'utf8');
    const again = await cli(root, 'node', 'init', '--chain-id', 'ours-1');
    expect(again).toMatchObject({ code: 1, json: { code: 'FILE_EXISTS' } });
    expect(readFileSync(home.validatorKeyFile, 'utf8')).toBe(before);
  });

  it('needs a chain id or a genesis, and refuses what is none', async () => {
    const root = temporaryFolder();
    expect(await cli(root, 'node', 'init')).toMatchObject({ code: 2, json: { code: 'MISSING_ANSWER' } });
    expect(await cli(root, 'node', 'init', '--chain-id', 'no blanks')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(await cli(root, 'node', 'init', '--chain-id', 'x-1', '--peer', 'nobody')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
  });
});

describe('node genesis', () => {
  let first: Founder;
  let second: Founder;
  let gentxs: string[];

  /** Two homes with the same genesis, which gives both their coins, and a gentx of each. */
  beforeEach(async () => {
    first = await founder(26_756, '--chain-id', 'ours-1');
    const genesisFile = homeOf(first.root).genesisFile;
    second = await founder(26_766, '--genesis', genesisFile);
    for (const { address } of [first, second]) {
      const ran = await cli(first.root, 'node', 'genesis', 'add-account', address, '5000remes');
      expect(ran.code).toBe(0);
      expectDeclaredKeys(nodeNoun, 'genesis add-account', ran.json);
    }
    copyFileSync(genesisFile, homeOf(second.root).genesisFile);
    gentxs = [];
    for (const { root } of [first, second]) {
      const ran = await cli(root, 'node', 'genesis', 'add-validator', '1000remes');
      expect(ran.json).toMatchObject({ stake: '1000000000', chainId: 'ours-1' });
      expectDeclaredKeys(nodeNoun, 'genesis add-validator', ran.json);
      gentxs.push(ran.json['file'] as string);
    }
    copyFileSync(gentxs[1]!, path.join(path.dirname(gentxs[0]!), path.basename(gentxs[1]!)));
    copyFileSync(gentxs[0]!, path.join(path.dirname(gentxs[1]!), path.basename(gentxs[0]!)));
  });

  it('is the same for everybody who collects the same gentxs, once or twice', async () => {
    const hashes: unknown[] = [];
    for (const { root } of [first, second]) {
      const ran = await cli(root, 'node', 'genesis', 'collect');
      expect(ran.json).toMatchObject({ collected: 2, chainId: 'ours-1' });
      expectDeclaredKeys(nodeNoun, 'genesis collect', ran.json);
      hashes.push(ran.json['genesisHash']);
    }
    const again = await cli(first.root, 'node', 'genesis', 'collect');
    expect(again.json).toMatchObject({ collected: 0 });
    expect(new Set([...hashes, again.json['genesisHash']]).size).toBe(1);
    const valid = await cli(first.root, 'node', 'genesis', 'validate');
    expectDeclaredKeys(nodeNoun, 'genesis validate', valid.json);
    const shown = await cli(second.root, 'node', 'genesis', 'show');
    expectDeclaredKeys(nodeNoun, 'genesis show', shown.json);
    expect(shown.json).toMatchObject({ sha256: hashes[0], chainId: 'ours-1', supply: '10000000000', totalPower: '2000', accounts: 3 });
    const config = readFileSync(homeOf(first.root).cometConfigFile, 'utf8');
    expect(config).toMatch(/persistent_peers = "[0-9a-f]{40}@127\.0\.0\.1:26766"/);
  });

  /** Changes the second founder's gentx as it lies with the first. */
  const forge = (edit: (tx: { body: { messages: Json[]; memo: string }; signatures: string[] }) => void): void => {
    const file = path.join(path.dirname(gentxs[0]!), path.basename(gentxs[1]!));
    const tx = read(file) as never;
    edit(tx);
    writeFileSync(file, JSON.stringify(tx));
  };

  it.each<[string, Parameters<typeof forge>[0], string]>([
    ['a changed amount', (tx) => ((tx.body.messages[0]!['value'] as Json)['amount'] = '2000000000'), 'signatures[0]'],
    ['a changed memo', (tx) => (tx.body.memo = tx.body.memo.replace('127.0.0.1', '127.0.0.2')), 'signatures[0]'],
    ['a memo without its VRF key', (tx) => (tx.body.memo = 'hello'), 'body.memo'],
    ['no message', (tx) => (tx.body.messages = []), 'body.messages'],
    ['a commission above its maximum', (tx) => ((tx.body.messages[0]!['commission'] as Json)['rate'] = '0.900000000000000000'), 'body.messages[0]'],
  ])('refuses a gentx with %s, and leaves the genesis as it is', async (_, edit, field) => {
    const before = readFileSync(homeOf(first.root).genesisFile, 'utf8');
    forge(edit);
    const ran = await cli(first.root, 'node', 'genesis', 'collect');
    expect(ran).toMatchObject({ code: 2, json: { code: 'GENTX_INVALID' } });
    expect(ran.json['message']).toContain(`${path.basename(gentxs[1]!)}: ${field}`);
    expect(readFileSync(homeOf(first.root).genesisFile, 'utf8')).toBe(before);
  });

  it('refuses a second gentx of one operator, and one whose coins the genesis does not give', async () => {
    copyFileSync(gentxs[0]!, path.join(path.dirname(gentxs[0]!), 'twice.json'));
    const twice = await cli(first.root, 'node', 'genesis', 'collect');
    expect(twice.json['message']).toContain('its operator');
    const poor = temporaryFolder();
    const genesis = read(homeOf(first.root).genesisFile) as { app_state: { bank: { balances: Json[] } } };
    genesis.app_state.bank.balances = genesis.app_state.bank.balances.filter(({ address }) => address !== second.address);
    mkdirSync(path.dirname(homeOf(poor).genesisFile), { recursive: true });
    writeFileSync(homeOf(poor).genesisFile, JSON.stringify(genesis));
    const ran = await cli(poor, 'node', 'genesis', 'collect', '--gentx-dir', path.dirname(gentxs[1]!));
    expect(ran).toMatchObject({ code: 2, json: { code: 'GENTX_INVALID' } });
    expect(ran.json['message']).toContain(`${second.address} delegates 1000000000 uremes, but the genesis gives it 0`);
  });

  it('refuses an account twice, more coins than there are, and a stake without coins', async () => {
    expect(await cli(first.root, 'node', 'genesis', 'add-account', first.address, '1remes')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(await cli(first.root, 'node', 'genesis', 'add-account', STRANGER, '299995000remes')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(await cli(first.root, 'node', 'genesis', 'add-validator', '6000remes')).toMatchObject({ code: 1, json: { code: 'INSUFFICIENT_FUNDS' } });
  });

  it('names the wrong field, and the lack of validators', async () => {
    const { genesisFile } = homeOf(first.root);
    const none = await cli(first.root, 'node', 'genesis', 'validate');
    expect(none).toMatchObject({ code: 2, json: { code: 'GENESIS_INVALID' } });
    expect(none.json['message']).toContain('validators: expected at least one');
    await cli(first.root, 'node', 'genesis', 'collect');
    const genesis = read(genesisFile) as { validators: Json[]; app_state: { bank: { balances: Json[] } } };
    const wrong = path.join(first.root, 'wrong.json');
    const messageOf = async (edit: (copy: typeof genesis) => void): Promise<unknown> => {
      const copy = structuredClone(genesis);
      edit(copy);
      writeFileSync(wrong, JSON.stringify(copy));
      const ran = await cli(first.root, 'node', 'genesis', 'validate', wrong);
      expect(ran).toMatchObject({ code: 2, json: { code: 'GENESIS_INVALID' } });
      return ran.json['message'];
    };
    expect(await messageOf((copy) => (copy.app_state.bank.balances[1]!['address'] = 'nobody'))).toContain('app_state.bank.balances[1].address');
    expect(await messageOf((copy) => (copy.validators[0]!['power'] = '5'))).toContain('has power 5 in the genesis document, but 1000');
    expect(await messageOf((copy) => (copy.app_state.bank.balances = copy.app_state.bank.balances.slice(0, 2)))).toContain('app_state.staking');
  });

  it('does not change once the chain has begun', async () => {
    mkdirSync(homeOf(first.root).chain, { recursive: true });
    expect(await cli(first.root, 'node', 'genesis', 'collect')).toMatchObject({ code: 2, json: { code: 'CHAIN_BEGUN' } });
  });
});
