import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import path from 'node:path';

import { DirectSecp256k1HdWallet } from '@cosmjs/proto-signing';
import { describe, expect, it } from 'vitest';

import { layOut } from '../../../../src/cli/commands/wallet/create.js';
import { openKey, parseKeystore, plainKey, publicPart, sealKey } from '../../../../src/cli/wallet/keystore.js';
import { keyOfMnemonic, newMnemonic, parseMnemonic } from '../../../../src/cli/wallet/mnemonic.js';
import { Wallets } from '../../../../src/cli/wallet/wallets.js';
import { toHex } from '../../../../src/protocol/bytes.js';
import { runCli, scriptedPrompter, temporaryFolder } from '../harness.js';

/** BIP39's own vector for 256 bits of 0x00, and for 128 bits of 0x7f. */
const WORDS = `${'abandon '.repeat(23)}art`;
const TWELVE = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
const PASSWORD = 'correct horse';

const mode = (file: string): number => statSync(file).mode & 0o777;

async function addressOf(words: string): Promise<string> {
  return publicPart(await keyOfMnemonic(parseMnemonic(words))).address;
}

describe('recovery words', () => {
  it('lead to the account that cosmjs derives', async () => {
    for (const words of [WORDS, TWELVE, newMnemonic(), newMnemonic()]) {
      const [account] = await (await DirectSecp256k1HdWallet.fromMnemonic(words, { prefix: 'remes' })).getAccounts();
      expect(await addressOf(words)).toBe(account?.address);
    }
  });

  it('are 24 and fresh', () => {
    const first = newMnemonic();
    expect(first.split(' ')).toHaveLength(24);
    expect(parseMnemonic(first)).toBe(first);
    expect(newMnemonic()).not.toBe(first);
  });

  it('are read as people type them', () => {
    expect(parseMnemonic(`  ${TWELVE.toUpperCase().replaceAll(' ', '\n\t ')}\n`)).toBe(TWELVE);
  });

  it.each([
    ['', 'expected 24 recovery words (or 12, 15, 18, 21), got 0'],
    ['abandon art', 'got 2'],
    [TWELVE.replace('wave', 'wafe'), 'recovery word 5 is not in the English BIP39 list'],
    [TWELVE.replace('yellow', 'zoo'), 'do not fit together'],
  ])('%j is refused without repeating it', (words, message) => {
    expect(() => parseMnemonic(words)).toThrow(message);
    expect(() => parseMnemonic(words)).not.toThrow('wafe');
  });
});

describe('keystore', () => {
  it('opens with its password only, and holds nothing in the clear', async () => {
    const key = await keyOfMnemonic(WORDS);
    const keystore = await sealKey(key, PASSWORD);
    expect(JSON.stringify(keystore)).not.toContain(toHex(key));
    expect(await openKey(keystore, PASSWORD, 'f')).toEqual(key);
    await expect(openKey(keystore, 'wrong horse', 'f')).rejects.toMatchObject({ code: 'WRONG_PASSWORD' });
    await expect(openKey(keystore, undefined, 'f')).rejects.toMatchObject({ code: 'KEY_LOCKED' });
    const again = await sealKey(key, PASSWORD);
    expect(again.box).not.toEqual(keystore.box);
  });

  it('takes a password for the same however its letters were composed', async () => {
    const keystore = await sealKey(await keyOfMnemonic(WORDS), 'caf\u00e9 caf\u00e9');
    expect(await openKey(keystore, 'cafe\u0301 cafe\u0301', 'f')).toHaveLength(32);
  });

  it('says that a damaged file is damaged', async () => {
    const text = JSON.stringify(await sealKey(await keyOfMnemonic(WORDS), PASSWORD));
    expect(() => parseKeystore(text.slice(0, -20), 'f')).toThrow('f is no sound keystore: not JSON, perhaps cut off');
    expect(() => parseKeystore('{}', 'f')).toThrow('f is no sound keystore: format');
    const damaged = text.replace(/"ciphertext":"(.)/, (_all, digit: string) => `"ciphertext":"${digit === '0' ? '1' : '0'}`);
    expect(() => parseKeystore(damaged, 'f')).toThrow('its checksum does not match its content');
    expect(() => parseKeystore(text.replace('"version":1', '"version":2'), 'f')).toThrow('f has version 2, expected 1');
  });

  it.each([
    ['n', 2 ** 30],
    ['n', 2 ** 16 + 1],
    ['n', 1024],
    ['r', 1024],
    ['p', 0],
    ['salt', 'ab'],
    ['kdf', 'argon3'],
  ])('refuses %s = %j before any work', async (field, value) => {
    const keystore = await sealKey(await keyOfMnemonic(WORDS), PASSWORD);
    const changed = { ...keystore, box: { ...keystore.box, [field]: value } };
    expect(() => parseKeystore(JSON.stringify(changed), 'f')).toThrow('is no sound keystore: box');
  });

  it('does not open where somebody changed what it names, checksum included', async () => {
    const mine = await sealKey(await keyOfMnemonic(WORDS), PASSWORD);
    const other = publicPart(await keyOfMnemonic(TWELVE));
    await expect(openKey({ ...mine, address: other.address }, PASSWORD, 'f')).rejects.toMatchObject({ code: 'WRONG_PASSWORD' });
    const plain = plainKey(await keyOfMnemonic(WORDS));
    await expect(openKey({ ...plain, address: other.address }, undefined, 'f')).rejects.toMatchObject({ code: 'KEYSTORE_CORRUPT' });
    await expect(openKey({ ...plain, box: { kdf: 'none', privateKey: '00'.repeat(32) } }, undefined, 'f')).rejects.toMatchObject({ code: 'KEYSTORE_CORRUPT' });
  });
});

describe('wallets', () => {
  it('are files of mode 0600 in a folder of mode 0700, even if the folder was open', async () => {
    const folder = path.join(temporaryFolder(), 'wallets');
    mkdirSync(folder, { mode: 0o755 });
    chmodSync(folder, 0o755);
    const wallets = new Wallets(folder);
    const info = await wallets.add('a', plainKey(await keyOfMnemonic(WORDS)));
    expect(mode(info.file)).toBe(0o600);
    expect(mode(folder)).toBe(0o700);
  });

  it('are never overwritten', async () => {
    const wallets = new Wallets(temporaryFolder());
    const first = await wallets.add('a', plainKey(await keyOfMnemonic(WORDS)));
    const before = readFileSync(first.file, 'utf8');
    await expect(wallets.add('a', plainKey(await keyOfMnemonic(TWELVE)))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(readFileSync(first.file, 'utf8')).toBe(before);
    expect(readdirSync(path.dirname(first.file))).toEqual(['a.json']);
  });

  it('unlock through a password source that is asked only if needed', async () => {
    const wallets = new Wallets(temporaryFolder());
    const key = await keyOfMnemonic(WORDS);
    await wallets.add('plain', plainKey(key));
    await wallets.add('locked', await sealKey(key, PASSWORD));
    expect((await wallets.unlock('plain', () => Promise.reject(new Error('asked')))).privateKey).toEqual(key);
    expect((await wallets.unlock('locked', ({ name }) => Promise.resolve(name === 'locked' ? PASSWORD : undefined))).privateKey).toEqual(key);
    await expect(wallets.unlock('locked', () => Promise.resolve(undefined))).rejects.toMatchObject({ code: 'KEY_LOCKED' });
  });

  it('are chosen by name, or by being the only one', async () => {
    const folder = path.join(temporaryFolder(), 'none');
    const wallets = new Wallets(folder);
    await expect(wallets.choose(undefined)).rejects.toMatchObject({ code: 'WALLET_NOT_FOUND', hint: 'make one with r3mes wallet create' });
    expect(await wallets.choose('named')).toBe('named');
    const key = plainKey(await keyOfMnemonic(WORDS));
    await wallets.add('a', key);
    writeFileSync(path.join(folder, 'README.txt'), 'not a wallet');
    writeFileSync(path.join(folder, '.hidden.json'), '');
    expect(await wallets.choose(undefined)).toBe('a');
    await wallets.add('b', key);
    await expect(wallets.choose(undefined)).rejects.toMatchObject({ code: 'MISSING_ANSWER', message: 'which wallet? there are 2: a, b', hint: 'name one with --wallet NAME' });
    await expect(wallets.info('c')).rejects.toMatchObject({ code: 'WALLET_NOT_FOUND', message: expect.stringContaining('there are: a, b') as string });
    await expect(wallets.remove('c')).rejects.toMatchObject({ code: 'WALLET_NOT_FOUND' });
    expect(() => wallets.fileOf('../a')).toThrow('expected a wallet name');
  });

  it('of absurd size are not read', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'big.json'), ' '.repeat(20_000));
    await expect(new Wallets(folder).info('big')).rejects.toMatchObject({ code: 'KEYSTORE_CORRUPT' });
  });
});

describe('wallet commands', () => {
  const env = { R3MES_PASSWORD: PASSWORD };

  it('create makes a locked key for a script and never shows words', async () => {
    const home = temporaryFolder();
    const ran = await runCli(['wallet', 'create', 'ci', '--home', home, '--json'], { env });
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({ name: 'ci', encrypted: true });
    expect(ran.stderr).toContain('the recovery phrase was not shown');
    expect(mode(ran.json['file'] as string)).toBe(0o600);
    const again = await runCli(['wallet', 'create', 'ci', '--home', home, '--json'], { env });
    expect(again).toMatchObject({ code: 1, json: { code: 'FILE_EXISTS' } });
  });

  it('create shows the words once to a person, who confirms three of them', async () => {
    const home = temporaryFolder();
    const asked: string[] = [];
    const chunks: string[] = [];
    const prompter = scriptedPrompter([]);
    const ran = await runCli(['wallet', 'create', '--home', home, '--quiet'], {
      tty: true,
      prompter: {
        ...prompter,
        password: ({ message, check }) => {
          asked.push(message);
          if (message.includes('new wallet')) expect(check?.('short')).toBe('expected at least 8 characters, got 5');
          else expect(check?.('another one')).toBe('the two passwords differ');
          return Promise.resolve(PASSWORD);
        },
        text: ({ message, check }) => {
          asked.push(message);
          // the words are not known before they are shown: find the one that is accepted
          const position = Number(message.replace('word ', ''));
          expect(check?.('surely-not')).toBe(`this is not word ${position} of the phrase above`);
          chunks.push(String(position));
          return Promise.resolve('');
        },
      },
    });
    expect(ran.code).toBe(0);
    const shown = [...stripVTControlCharacters(ran.stderr).matchAll(/^ +\d+ [a-z ]+\d.*$/gm)].map(([line]) => line);
    expect(shown).toHaveLength(6);
    expect(new Set(chunks).size).toBe(3);
    expect(asked.slice(0, 2)).toEqual(['password for the new wallet', 'the same password again']);
    const words = [...shown.join(' ').matchAll(/\d+ ([a-z]+)/g)].map(([, word]) => word).join(' ');
    expect(ran.stdout).toContain(await addressOf(words));
    expect(ran.stdout).not.toContain(words.split(' ').slice(0, 3).join(' '));
    expect(readFileSync(path.join(home, 'data', 'wallets', 'default.json'), 'utf8')).not.toContain(words);
  });

  it('lays words out in numbered columns', () => {
    expect(layOut('a b c d e')).toBe('   1 a            2 b            3 c            4 d\n   5 e');
  });

  it('create needs a password, and a long one', async () => {
    const home = temporaryFolder();
    expect(await runCli(['wallet', 'create', '--home', home, '--json'])).toMatchObject({
      code: 2,
      json: { code: 'MISSING_ANSWER', hint: 'give it with --password-file FILE or R3MES_PASSWORD' },
    });
    expect(await runCli(['wallet', 'create', '--home', home, '--json'], { env: { R3MES_PASSWORD: 'short' } })).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    expect(existsSync(path.join(home, 'data'))).toBe(false);
    expect(await runCli(['wallet', 'create', 'A/B', '--json'], { env })).toMatchObject({ code: 2, json: { code: 'USAGE' } });
  });

  it('create stores a key in the clear only if told so by an unsafe flag', async () => {
    const ran = await runCli(['wallet', 'create', '--unsafe-plaintext', '--home', temporaryFolder(), '--json']);
    expect(ran).toMatchObject({ code: 0, json: { encrypted: false } });
    expect(ran.stderr).toContain('is not encrypted');
  });

  it('import takes words from a file, from stdin or from a person', async () => {
    const home = temporaryFolder();
    const file = path.join(home, 'words');
    writeFileSync(file, `${WORDS}\n`, { mode: 0o644 });
    const passwordFile = path.join(home, 'password');
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    const base = ['--home', home, '--json', '--password-file', passwordFile];
    const address = await addressOf(WORDS);
    const byFile = await runCli(['wallet', 'import', 'a', '--mnemonic-file', file, ...base]);
    expect(byFile).toMatchObject({ code: 0, json: { address } });
    expect(byFile.stderr).toContain('can be read by others (mode 644)');
    expect(byFile.stderr).not.toContain('password can be read');
    expect(await runCli(['wallet', 'import', 'b', '--mnemonic-file', '-', ...base], { stdin: WORDS })).toMatchObject({ code: 0, json: { address } });
    const prompter = scriptedPrompter(['not words', WORDS]);
    expect((await runCli(['wallet', 'import', 'c', '--home', home, '--password-file', passwordFile], { prompter, tty: true })).stdout).toContain(address);
    expect(prompter.asked).toEqual(['recovery phrase', 'refused: expected 24 recovery words (or 12, 15, 18, 21), got 2']);
    const wallets = new Wallets(path.join(home, 'data', 'wallets'));
    expect((await wallets.unlock('a', () => Promise.resolve(PASSWORD))).address).toBe(address);
  });

  it('import refuses what is no phrase', async () => {
    const base = ['wallet', 'import', '--json', '--mnemonic-file', '-'];
    expect(await runCli(base, { env, stdin: '' })).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT' } });
    expect(await runCli(base, { env, stdin: 'x'.repeat(5000) })).toMatchObject({ code: 1, json: { message: 'stdin: longer than 4096 bytes, expected a recovery phrase' } });
    expect(await runCli(['wallet', 'import', '--json'], { env })).toMatchObject({ code: 2, json: { code: 'MISSING_ANSWER', hint: 'give it with --mnemonic-file FILE' } });
    expect(await runCli(['wallet', 'import', '--json', '--mnemonic-file', '/nowhere/x'], { env })).toMatchObject({ code: 1, json: { code: 'FILE_NOT_FOUND' } });
    const big = path.join(temporaryFolder(), 'big');
    writeFileSync(big, 'x'.repeat(5000));
    expect(await runCli(['wallet', 'import', '--json', '--mnemonic-file', big], { env })).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT' } });
  });

  it('show and list know every wallet', async () => {
    const home = temporaryFolder();
    expect((await runCli(['wallet', 'list', '--home', home])).stderr).toContain('make one with r3mes wallet create');
    expect((await runCli(['wallet', 'list', '--home', home, '--json'])).json).toEqual({ wallets: [] });
    const { json } = await runCli(['wallet', 'create', '--unsafe-plaintext', '--home', home, '--json']);
    expect((await runCli(['wallet', 'show', '--home', home, '--json'])).json).toEqual(json);
    expect((await runCli(['wallet', 'list', '--home', home, '--json'])).json).toEqual({ wallets: [json] });
    expect((await runCli(['wallet', 'list', '--home', home])).stdout).toMatch(/^name +address +encrypted\ndefault +remes1[a-z0-9]{38} +no\n$/);
    expect(await runCli(['wallet', 'show', 'other', '--home', home, '--json'])).toMatchObject({ code: 1, json: { code: 'WALLET_NOT_FOUND' } });
  });

  it('delete wants a yes', async () => {
    const home = temporaryFolder();
    const make = (name: string) => runCli(['wallet', 'create', name, '--unsafe-plaintext', '--home', home, '--json']);
    await make('a');
    expect(await runCli(['wallet', 'delete', 'a', '--home', home, '--json'])).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED', hint: 'add --yes to confirm' } });
    expect(await runCli(['wallet', 'delete', 'a', '--home', home, '--json', '--yes'])).toMatchObject({ code: 0, json: { name: 'a', deleted: true } });
    await make('b');
    const prompter = scriptedPrompter(['a', 'b']);
    expect((await runCli(['wallet', 'delete', 'b', '--home', home], { tty: true, prompter })).code).toBe(0);
    expect(prompter.asked[1]).toBe('refused: expected b; Ctrl-C keeps the wallet');
    expect((await runCli(['wallet', 'list', '--home', home, '--json'])).json).toEqual({ wallets: [] });
  });
});
