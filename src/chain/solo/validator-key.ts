/** The consensus key of the one validator, in CometBFT's priv_validator_key.json, so that a node can change engines. */
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { equalBytes, toHex } from '../../protocol/bytes.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { ED25519_PUBKEY_TYPE, type GenesisValidator, consensusAddress } from '../../protocol/genesis-doc.js';

const PRIVKEY_TYPE = 'tendermint/PrivKeyEd25519';
const SEED_BYTES = 32;
const MAX_FILE_BYTES = 16_384;
/** DER of a PKCS #8 ed25519 key up to its 32 bytes of seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

const keyFile = z.object({
  priv_key: z.object({
    type: z.literal(PRIVKEY_TYPE),
    value: z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64'))),
  }),
});

/** An ed25519 key that signs commits. The seed stays inside. */
export class ValidatorKey {
  readonly publicKey: Uint8Array;
  /** First 20 bytes of SHA-256 of the public key. */
  readonly address: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #key: KeyObject;

  private constructor(seed: Uint8Array) {
    this.#seed = seed;
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
    const { x } = createPublicKey(this.#key).export({ format: 'jwk' });
    this.publicKey = new Uint8Array(Buffer.from(x ?? '', 'base64url'));
    this.address = consensusAddress(this.publicKey);
  }

  /** @throws InvalidInputError unless the seed is 32 bytes. */
  static fromSeed(seed: Uint8Array): ValidatorKey {
    if (seed.length !== SEED_BYTES) {
      throw new InvalidInputError(`expected a consensus key of ${SEED_BYTES} bytes, got ${seed.length}`);
    }
    return new ValidatorKey(Uint8Array.from(seed));
  }

  static generate(): ValidatorKey {
    const { d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    return ValidatorKey.fromSeed(new Uint8Array(Buffer.from(d ?? '', 'base64url')));
  }

  /** @returns 64 bytes; the same for the same message. */
  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#key));
  }

  /** How the genesis document names this validator. */
  genesisValidator(power = 10n, name = ''): GenesisValidator {
    return { address: this.address, publicKey: this.publicKey, power, name };
  }

  /** CometBFT's file: both keys in base64, the private one followed by the public one. */
  toFile(): string {
    const file = {
      address: toHex(this.address).toUpperCase(),
      pub_key: { type: ED25519_PUBKEY_TYPE, value: Buffer.from(this.publicKey).toString('base64') },
      priv_key: { type: PRIVKEY_TYPE, value: Buffer.concat([this.#seed, this.publicKey]).toString('base64') },
    };
    return `${JSON.stringify(file, undefined, 2)}\n`;
  }

  /** @throws InvalidInputError where `text` is no key file, or its halves do not belong together. */
  static fromFile(text: string, name: string): ValidatorKey {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new InvalidInputError(`${name} is not JSON`, 'restore the key from a backup');
    }
    const parsed = keyFile.safeParse(json);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new InvalidInputError(`${name}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong form'}`, 'restore the key from a backup');
    }
    const { value } = parsed.data.priv_key;
    if (value.length !== 2 * SEED_BYTES) {
      throw new InvalidInputError(`${name}: priv_key.value: expected ${2 * SEED_BYTES} bytes, got ${value.length}`, 'restore the key from a backup');
    }
    const key = ValidatorKey.fromSeed(value.subarray(0, SEED_BYTES));
    if (!equalBytes(key.publicKey, value.subarray(SEED_BYTES))) {
      throw new InvalidInputError(`${name}: priv_key.value: its second half is not the public key of its first`, 'restore the key from a backup');
    }
    return key;
  }
}

/**
 * Reads the key file, or makes a key and the file (mode 0600) where there is none. An existing file is never replaced.
 * @throws InvalidInputError for a damaged file; R3mesError KEY_FILE_PERMISSIONS where others may read it.
 */
export async function loadOrCreateValidatorKey(file: string): Promise<ValidatorKey> {
  let text: string;
  try {
    const { mode, size } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new R3mesError({
        code: 'KEY_FILE_PERMISSIONS',
        message: `${file} may be read by other users: its mode is ${(mode & 0o777).toString(8)}, expected 600`,
        hint: `run: chmod 600 ${file}`,
      });
    }
    if (size > MAX_FILE_BYTES) throw new InvalidInputError(`${file}: expected at most ${MAX_FILE_BYTES} bytes, got ${size}`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return createKeyFile(file);
    throw error;
  }
  return ValidatorKey.fromFile(text, file);
}

async function createKeyFile(file: string): Promise<ValidatorKey> {
  const key = ValidatorKey.generate();
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.tmp`);
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await chmod(temporary, 0o600);
      await handle.writeFile(key.toFile());
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return key;
}
