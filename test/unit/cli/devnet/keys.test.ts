import { describe, expect, it } from 'vitest';

import { devnetRoles, keysFromJson, keysToJson, makeKeys } from '../../../../src/cli/devnet/keys.js';
import { Names, remes, short } from '../../../../src/cli/devnet/names.js';
import { devnetHome, runSchema, settingsSchema, type DevnetSettings } from '../../../../src/cli/devnet/settings.js';

const SETTINGS: DevnetSettings = { rounds: 3, miners: 3, cheaters: 2, proposers: 3, verifiers: 4, chunkTokens: 256, seed: '7' };

describe('the keys of a devnet', () => {
  it('follow from its seed, each one different', () => {
    const keys = makeKeys(SETTINGS);
    expect(makeKeys(SETTINGS)).toEqual(keys);
    const secrets = [...keys.accounts, keys.treasury].map((a) => Buffer.from(a.privateKey).toString('hex'));
    secrets.push(Buffer.from(keys.validatorSeed).toString('hex'), Buffer.from(keys.vrfSecret).toString('hex'));
    expect(new Set(secrets).size).toBe(12 + 1 + 2);
    expect(new Set(keys.accounts.map((a) => a.address)).size).toBe(12);
    const other = makeKeys({ ...SETTINGS, seed: '8' });
    for (const [i, a] of keys.accounts.entries()) expect(other.accounts[i]!.address).not.toBe(a.address);
  });

  it('stay the same for those who are there, however many others are', () => {
    const few = makeKeys({ ...SETTINGS, miners: 1, cheaters: 0 });
    const many = new Map(makeKeys(SETTINGS).accounts.map((a) => [a.name, a.address]));
    for (const a of few.accounts) expect(many.get(a.name)).toBe(a.address);
  });

  it('of seed 7 are these for ever', () => {
    const keys = makeKeys(SETTINGS);
    expect(keys.accounts.map((a) => a.name)).toEqual(['miner-1', 'miner-2', 'miner-3', 'cheater-1', 'cheater-2', 'proposer-1', 'proposer-2', 'proposer-3', 'verifier-1', 'verifier-2', 'verifier-3', 'verifier-4']);
    expect(keys.accounts[0]!.address).toBe('remes17fcxupdpyr0ltdu5kgw8030lq5xflus8eud7d9');
    expect(keys.accounts.every((a) => /^remes1[02-9ac-hj-np-z]{38}$/.test(a.address))).toBe(true);
  });

  it('without a seed are new each time', () => {
    const unseeded: DevnetSettings = { rounds: 3, miners: 3, cheaters: 2, proposers: 3, verifiers: 4, chunkTokens: 256 };
    const [one, two] = [makeKeys(unseeded), makeKeys(unseeded)];
    const all = [one, two].flatMap((k) => [...k.accounts, k.treasury].map((a) => a.address));
    expect(new Set(all).size).toBe(all.length);
    expect(one.vrfSecret).not.toEqual(two.vrfSecret);
    expect(one.vrfSecret).toHaveLength(32);
  });

  it('come back from their file as they were', () => {
    const keys = makeKeys(SETTINGS);
    expect(keysFromJson(keysToJson(keys))).toEqual(keys);
    expect(keysToJson(keysFromJson(keysToJson(keys)))).toBe(keysToJson(keys));
  });

  it('are not read from a damaged file', () => {
    const good = JSON.parse(keysToJson(makeKeys(SETTINGS))) as { accounts: Record<string, unknown>[]; validatorSeed: string };
    const bad = [{ ...good, validatorSeed: good.validatorSeed.slice(1) }, { ...good, accounts: [{ ...good.accounts[0], part: 'king' }] }, { ...good, more: 1 }, { accounts: [] }];
    for (const file of bad) expect(() => keysFromJson(JSON.stringify(file))).toThrow();
    expect(() => keysFromJson('{')).toThrow();
  });
});

describe('the processes of a devnet', () => {
  it('are one a miner, honest ones first, one of all proposers, one of all verifiers', () => {
    const keys = makeKeys(SETTINGS);
    const roles = devnetRoles(keys);
    expect(roles.map((r) => [r.role, r.accounts.map((a) => a.name)])).toEqual([
      ['miner-1', ['miner-1']],
      ['miner-2', ['miner-2']],
      ['miner-3', ['miner-3']],
      ['cheater-1', ['cheater-1']],
      ['cheater-2', ['cheater-2']],
      ['proposers', ['proposer-1', 'proposer-2', 'proposer-3']],
      ['verifiers', ['verifier-1', 'verifier-2', 'verifier-3', 'verifier-4']],
    ]);
    expect(roles.flatMap((r) => r.accounts)).toEqual(keys.accounts);
  });
});

describe('names for people', () => {
  it('are those of the accounts, the treasury too; else the head of the address', () => {
    const keys = makeKeys(SETTINGS);
    const names = new Names(keys);
    for (const a of keys.accounts) expect(names.of(a.address)).toBe(a.name);
    expect(names.of(keys.treasury.address)).toBe('treasury');
    expect(names.of('remes1qqqqqqqqqqqqqqqqqqqq')).toBe('remes1qqqqqqqq…');
  });

  it.each([
    ['0', '0 REMES'],
    ['1', '0.000001 REMES'],
    ['1000000', '1 REMES'],
    ['1500000', '1.5 REMES'],
    ['12345678', '12.345678 REMES'],
    ['300000000000000', '300000000 REMES'],
    ['1000010', '1.00001 REMES'],
  ])('of %s uremes is %s', (uremes, text) => {
    expect(remes(uremes)).toBe(text);
    expect(remes(BigInt(uremes))).toBe(text);
  });

  it('are short where they are long', () => {
    expect(short('')).toBe('');
    expect(short('sixteen letters!')).toBe('sixteen letters!');
    expect(short('seventeen letters')).toBe('seventeen lett…');
  });
});

describe('the settings of a devnet', () => {
  it('are kept as they are; the run around them too', () => {
    expect(settingsSchema.parse(JSON.parse(JSON.stringify(SETTINGS)))).toEqual(SETTINGS);
    const run = { version: 1, settings: SETTINGS, chainId: 'r3mes-devnet-7', port: 0, heldOutLossBefore: 4.5, finished: false };
    expect(runSchema.parse(JSON.parse(JSON.stringify(run)))).toEqual(run);
  });

  it.each([{ rounds: 0 }, { miners: 0 }, { cheaters: -1 }, { proposers: 0 }, { verifiers: 0 }, { chunkTokens: 15 }, { rounds: 1.5 }, { seed: 7 }, { more: 1 }])('with %j are refused', (changes) => {
    expect(settingsSchema.safeParse({ ...SETTINGS, ...changes }).success).toBe(false);
  });

  it('have no run of another version', () => {
    expect(runSchema.safeParse({ version: 2, settings: SETTINGS, chainId: 'c', port: 0, heldOutLossBefore: 1, finished: true }).success).toBe(false);
  });

  it('have all their files below one folder', () => {
    const home = devnetHome('/some/devnet');
    const files = Object.values<string>({ ...home });
    expect(new Set(files).size).toBe(files.length);
    for (const file of files) expect(file.startsWith('/some/devnet')).toBe(true);
  });
});
