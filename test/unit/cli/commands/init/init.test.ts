import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { initNoun } from '../../../../../src/cli/commands/init/index.js';
import { GENESIS_SUPPLY, genesisBalances, parseAccounts } from '../../../../../src/cli/setup/supply.js';
import { formatAddress, moduleAddress } from '../../../../../src/protocol/address.js';
import { operatorOfAccount } from '../../../../../src/protocol/validator-address.js';
import { openLocalStore } from '../../../../../src/storage/index.js';
import { type Given, type Ran, runCli, scriptedPrompter, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys } from '../golden.js';
import { CHAIN_ID, homeOf, OTHER_VALIDATOR, validatorJson, writeChain } from '../node/home.js';

type Json = Record<string, unknown>;

const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
/** Account 0 of the words above. */
const ADDRESS = /^remes1[0-9a-z]{38}$/;
const SECOND = formatAddress(new Uint8Array(20).fill(2));

const FOUNDER = ['init', '--role', 'founder', '--network', 'mine-1', '--wallet', 'me', '--device', 'cpu', '--unsafe-plaintext'];
const MINER = ['init', '--role', 'miner', '--network', 'mine-1', '--wallet', 'rig', '--device', 'auto', '--unsafe-plaintext'];

function cli(root: string, argv: readonly string[], given: Given = {}): Promise<Ran> {
  return runCli([...argv, '--home', root], given);
}

const config = (root: string): Json => JSON.parse(readFileSync(path.join(root, 'config', 'config.json'), 'utf8')) as Json;
const mode = (file: string): number => statSync(file).mode & 0o777;
const whats = (list: unknown): string[] => (list as { what: string }[]).map(({ what }) => what);

function wordsFile(): string {
  const file = path.join(temporaryFolder(), 'words');
  writeFileSync(file, WORDS, { mode: 0o600 });
  return file;
}

/** Every file of a folder with its content, except the store's, which is named only. */
function snapshot(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map((entry) => [path.join(entry.parentPath, entry.name), readFileSync(path.join(entry.parentPath, entry.name), 'latin1')]));
}

describe('help', () => {
  it('is pinned', async () => {
    const ran = await runCli(['init', '--help']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    await expect(ran.stdout).toMatchFileSnapshot(fileURLToPath(new URL('../../../../golden/cli/init.txt', import.meta.url)));
  });
});

describe('init by flags, with nobody to ask', () => {
  it('a miner gets settings and a wallet, and no chain', async () => {
    const root = temporaryFolder();
    const ran = await cli(root, [...MINER, '--node', 'http://node.example:26657', '--threads', '2', '--json']);
    expect(ran.code).toBe(0);
    expectDeclaredKeys(initNoun, 'init', ran.json);
    expect(ran.json).toMatchObject({ role: 'miner', network: 'mine-1', wallet: 'rig', genesisFile: null, validator: null, serviceFile: null, there: [] });
    expect(ran.json['address']).toMatch(ADDRESS);
    expect(whats(ran.json['made'])).toEqual(['wallet', 'settings']);
    expect(ran.json['next']).toEqual([`r3mes mine start --register --home ${root}`]);
    expect(config(root)).toEqual({ role: 'miner', network: 'mine-1', node: 'http://node.example:26657', wallet: 'rig', store: 'embedded', device: 'auto', threads: 2 });
    expect(existsSync(homeOf(root).validatorKeyFile)).toBe(false);
  });

  it('a founder gets a chain with model, dataset, keys and coins', async () => {
    const root = temporaryFolder();
    const ran = await cli(root, [...FOUNDER, '--mnemonic-file', wordsFile(), '--account', `${SECOND}=5000remes`, '--yes', '--json']);
    expect(ran.code).toBe(0);
    expectDeclaredKeys(initNoun, 'init', ran.json);
    expect(whats(ran.json['made'])).toEqual(['wallet', 'validator key', 'VRF key', 'model and dataset', 'genesis', 'settings']);
    expect(ran.json['next']).toEqual([`r3mes node start --home ${root}`, `r3mes mine start --register --home ${root}`]);

    const home = homeOf(root);
    expect([mode(home.validatorKeyFile), mode(home.vrfKeyFile)]).toEqual([0o600, 0o600]);
    const genesis = JSON.parse(readFileSync(home.genesisFile, 'utf8')) as Json & { app_state: Record<string, Json>; validators: Json[] };
    expect(genesis['chain_id']).toBe('mine-1');
    expect(genesis.validators).toMatchObject([{ address: String(ran.json['validator']).toUpperCase() }]);
    const balances = genesis.app_state['bank']!['balances'] as { address: string; coins: { amount: string }[] }[];
    expect(new Map(balances.map(({ address, coins }) => [address, coins[0]!.amount]))).toEqual(
      new Map([
        [SECOND, '5000000000'],
        [String(ran.json['address']), (GENESIS_SUPPLY - 5_000_000_000n - 100_000_000_000n).toString()],
        [moduleAddress('bonded_tokens_pool'), '100000000000'],
      ]),
    );
    expect(genesis.validators).toMatchObject([{ power: '100000' }]);
    expect(genesis.app_state['staking']!['validators']).toMatchObject([{ operator_address: operatorOfAccount(String(ran.json['address'])), tokens: '100000000000' }]);
    expect((genesis.app_state['challenge']!['params'] as Json)['audit_bps']).toBe(10_000);
    const [model] = genesis.app_state['model']!['models'] as Json[];
    const [dataset] = genesis.app_state['dataset']!['datasets'] as Json[];
    const store = await openLocalStore(path.join(root, 'data', 'content'));
    for (const cid of [model!['backbone_cid'], model!['adapter_cid'], model!['tokenizer_cid'], dataset!['manifest_cid']]) expect(await store.has(String(cid))).toBe(true);
    await store.close();

    // Again: everything is there, nothing changes, not even with other answers.
    const before = snapshot(root);
    const again = await cli(root, ['init', '--json']);
    expect(again).toMatchObject({ code: 0, json: { made: [], role: 'founder', address: ran.json['address'] } });
    expect(whats(again.json['there'])).toEqual(['wallet', 'validator key', 'VRF key', 'genesis', 'settings']);
    expect(snapshot(root)).toEqual(before);
  });

  it('goes on where a run was cut off', async () => {
    const root = temporaryFolder();
    await cli(root, MINER);
    const key = homeOf(root).vrfKeyFile;
    mkdirSync(path.dirname(key), { recursive: true });
    await cli(root, ['config', 'set', 'role', 'validator']);
    writeFileSync(key, JSON.stringify({ type: 'r3mes/VrfSecret', value: '11'.repeat(32) }));
    chmodSync(key, 0o600);
    const ran = await cli(root, ['init', '--profile', 'network', '--json']);
    expect(ran.code).toBe(0);
    expect(whats(ran.json['there'])).toEqual(['wallet', 'VRF key', 'settings']);
    expect(whats(ran.json['made'])).toEqual(['validator key', 'model and dataset', 'genesis']);
    const genesis = JSON.parse(readFileSync(homeOf(root).genesisFile, 'utf8')) as { app_state: { challenge: { params: Json } } };
    expect(genesis.app_state.challenge.params['audit_bps']).toBe(1000);
  });

  it.each<[string, string[], string]>([
    ['the role', ['init'], '--role'],
    ['the network', ['init', '--role', 'miner'], '--network'],
    ['the device', ['init', '--role', 'miner', '--network', 'x-1'], '--device'],
    ['the profile', FOUNDER, '--profile'],
    ['the wallet', ['init', '--role', 'miner', '--network', 'x-1', '--device', 'cpu'], '--wallet'],
    ['the password', ['init', '--role', 'miner', '--network', 'x-1', '--device', 'cpu', '--wallet', 'w', '--yes'], '--password-file'],
  ])('names the flag for %s, and writes nothing', async (_what, argv, flag) => {
    const root = temporaryFolder();
    const ran = await cli(root, [...argv, '--json']);
    expect(ran).toMatchObject({ code: 2, json: { code: 'MISSING_ANSWER', hint: expect.stringContaining(flag) as string } });
    expect(readdirSync(root)).toEqual([]);
  });

  it.each<[string, string[], string]>([
    ['an unknown role', ['--role', 'king'], '--role: got "king"'],
    ['an account without amount', ['--account', SECOND], 'expected ADDRESS=AMOUNT'],
    ['an account that is no address', ['--account', 'cosmos1x=5'], '--account'],
    ['an amount of nothing', ['--account', `${SECOND}=0`], 'above 0'],
    ['more than there is', ['--account', `${SECOND}=300000001remes`], 'the supply at genesis'],
    ['an account named twice', ['--account', `${SECOND}=1`, '--account', `${SECOND}=2`], 'named twice'],
  ])('refuses %s, and writes nothing', async (_what, flags, message) => {
    const root = temporaryFolder();
    const ran = await cli(root, [...FOUNDER, '--yes', ...flags, '--json']);
    expect(ran).toMatchObject({ code: 2, json: { message: expect.stringContaining(message) as string } });
    expect(readdirSync(root)).toEqual([]);
  });

  it('does not change a setting that is there, and says how to', async () => {
    const root = temporaryFolder();
    await cli(root, MINER);
    const before = snapshot(root);
    const ran = await cli(root, ['init', '--role', 'aggregator', '--json']);
    expect(ran).toMatchObject({ code: 2, json: { code: 'USAGE', hint: 'change it with: r3mes config set role aggregator' } });
    expect(ran.json['message']).toContain('says miner, and init overwrites nothing');
    expect(snapshot(root)).toEqual(before);
  });

  it('keeps a wallet that is there, and says that the words were not read', async () => {
    const root = temporaryFolder();
    const first = await cli(root, [...MINER, '--json']);
    const ran = await cli(root, [...MINER, '--mnemonic-file', '/nowhere', '--json']);
    expect(ran).toMatchObject({ code: 0, json: { address: first.json['address'] } });
    expect(ran.stderr).toContain('/nowhere was not read');
  });
});

describe('init with a genesis of others', () => {
  it('copies it as it is, keeps it, and refuses another one', async () => {
    const root = temporaryFolder();
    const theirs = writeChain(temporaryFolder(), (genesis) => (genesis['validators'] as Json[]).push(validatorJson(OTHER_VALIDATOR))).genesisFile;
    const argv = ['init', '--role', 'validator', '--wallet', 'v', '--device', 'cpu', '--unsafe-plaintext', '--json', '--genesis'];
    const ran = await cli(root, [...argv, theirs]);
    expect(ran).toMatchObject({ code: 0, json: { network: CHAIN_ID } });
    const { genesisFile } = homeOf(root);
    expect(readFileSync(genesisFile)).toEqual(readFileSync(theirs));
    expect(whats((await cli(root, [...argv, theirs])).json['there'])).toContain('genesis');
    const other = writeChain(temporaryFolder()).genesisFile;
    expect(await cli(root, [...argv, other])).toMatchObject({ code: 1, json: { code: 'FILE_EXISTS' } });
    expect(readFileSync(genesisFile)).toEqual(readFileSync(theirs));
  });

  it.each<[string, (genesis: Json) => void, string[], string]>([
    ['of another network', () => undefined, ['--network', 'other-1'], 'WRONG_NETWORK'],
    ['under which cheating pays', (genesis) => (((genesis['app_state'] as Record<string, Json>)['challenge']!['params'] as Json)['audit_floor_bps'] = 0), [], 'GENESIS_INVALID'],
  ])('refuses one %s', async (_what, edit, flags, code) => {
    const root = temporaryFolder();
    const file = writeChain(temporaryFolder(), edit).genesisFile;
    const ran = await cli(root, ['init', '--role', 'miner', '--wallet', 'v', '--device', 'cpu', '--unsafe-plaintext', '--genesis', file, ...flags, '--json']);
    expect(ran).toMatchObject({ code: 2, json: { code, message: expect.stringContaining(file) as string } });
    expect(existsSync(homeOf(root).genesisFile)).toBe(false);
  });
});

describe('the wizard', () => {
  it('asks what no flag says, and shows the recovery phrase only there', async () => {
    const root = temporaryFolder();
    const prompter = scriptedPrompter(['miner', 'no spaces allowed', 'mine-1', 'cpu', 'ftp://x', 'http://127.0.0.1:9', 'Rig!', 'rig', 'import', WORDS]);
    const ran = await cli(root, ['init', '--unsafe-plaintext'], { tty: true, prompter });
    expect(ran.code).toBe(0);
    expect(prompter.asked.filter((what) => !what.startsWith('refused'))).toEqual([
      'what does this machine do',
      'chain id of the network',
      'what computes',
      'RPC address of a node of that network',
      'name of the wallet',
      'the wallet',
      'recovery phrase',
    ]);
    expect(prompter.asked.filter((what) => what.startsWith('refused'))).toHaveLength(3);
    expect(config(root)).toMatchObject({ role: 'miner', network: 'mine-1', node: 'http://127.0.0.1:9', wallet: 'rig', device: 'cpu' });
    expect(ran.stdout).toContain('next:\n  r3mes mine start');
    expect(ran.stdout + ran.stderr).not.toContain('sausage');
  });

  it('takes the only wallet, and asks which of several', async () => {
    const root = temporaryFolder();
    await cli(root, ['wallet', 'create', 'one', '--unsafe-plaintext']);
    const rest = ['init', '--role', 'miner', '--network', 'x-1', '--device', 'cpu', '--node', 'http://127.0.0.1:9'];
    expect((await cli(root, [...rest, '--json'])).json['wallet']).toBe('one');
    const other = temporaryFolder();
    for (const name of ['one', 'two']) await cli(other, ['wallet', 'create', name, '--unsafe-plaintext']);
    const prompter = scriptedPrompter(['two']);
    expect((await cli(other, rest, { tty: true, prompter })).code).toBe(0);
    expect(prompter.asked).toEqual(['which wallet']);
    expect(config(other)['wallet']).toBe('two');
  });
});

describe('accounts', () => {
  it('add up to the supply, also where the founder is among them', () => {
    const accounts = parseAccounts([`${SECOND}=2.5remes`]);
    expect(accounts).toEqual(new Map([[SECOND, 2_500_000n]]));
    expect(genesisBalances('f', accounts)).toEqual(new Map([[SECOND, 2_500_000n], ['f', GENESIS_SUPPLY - 2_500_000n]]));
    expect(genesisBalances(SECOND, accounts)).toEqual(new Map([[SECOND, GENESIS_SUPPLY]]));
  });
});
