import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';

import { ValidatorKey, loadOrCreateValidatorKey } from '../../../../src/chain/solo/validator-key.js';
import { fromHex, toHex, utf8 } from '../../../../src/protocol/bytes.js';
import { temporaryFolder } from './harness.js';

describe('ValidatorKey', () => {
  it('is ed25519 as another implementation has it', () => {
    const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    const key = ValidatorKey.fromSeed(seed);
    expect(toHex(key.publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    const message = utf8('a message');
    expect(key.sign(message)).toEqual(ed25519.sign(message, seed));
    expect(() => ValidatorKey.fromSeed(new Uint8Array(31))).toThrow(/32 bytes, got 31/);
  });

  it('reads a file of CometBFT and writes the same', () => {
    const recorded = (JSON.parse(readFileSync('test/vectors/cometbft/blocks.json', 'utf8')) as { key: { address: string } }).key;
    const key = ValidatorKey.fromFile(JSON.stringify(recorded), 'file');
    expect(toHex(key.address).toUpperCase()).toBe(recorded.address);
    expect(JSON.parse(key.toFile())).toEqual(recorded);
  });

  it('is made once, for its owner only', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'priv_validator_key.json');
    const made = await loadOrCreateValidatorKey(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['priv_validator_key.json']);
    expect((await loadOrCreateValidatorKey(file)).publicKey).toEqual(made.publicKey);
    expect((await loadOrCreateValidatorKey(path.join(folder, 'other.json'))).publicKey).not.toEqual(made.publicKey);
    chmodSync(file, 0o640);
    await expect(loadOrCreateValidatorKey(file)).rejects.toMatchObject({ code: 'KEY_FILE_PERMISSIONS', hint: `run: chmod 600 ${file}` });
    await expect(loadOrCreateValidatorKey(path.join(folder, 'missing', 'key.json'))).rejects.toThrow(/ENOENT/);
  });

  it('says what is wrong with a file', async () => {
    const file = path.join(temporaryFolder(), 'key.json');
    const good = JSON.parse(ValidatorKey.generate().toFile()) as { priv_key: { value: string } };
    const bytes = Buffer.from(good.priv_key.value, 'base64');
    const withKey = (value: string, type = 'tendermint/PrivKeyEd25519'): string => JSON.stringify({ ...good, priv_key: { type, value } });
    const swapped = Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)]).toString('base64');
    for (const [text, message] of [
      ['{', /is not JSON/],
      ['{}', /priv_key/],
      [withKey(good.priv_key.value, 'tendermint/PrivKeySecp256k1'), /priv_key\.type/],
      [withKey(bytes.subarray(0, 32).toString('base64')), /expected 64 bytes, got 32/],
      [withKey(swapped), /second half is not the public key/],
      [' '.repeat(20_000), /at most 16384 bytes/],
    ] as const) {
      writeFileSync(file, text, { mode: 0o600 });
      await expect(loadOrCreateValidatorKey(file)).rejects.toThrow(message);
    }
  });
});
