import { chmod, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';
import { createFileAtomic, ensureFolder, isMissing, SECRET_FILE, SECRET_FOLDER } from '../files/atomic.js';
import { isEncrypted, type Keystore, MAX_KEYSTORE_BYTES, openKey, parseKeystore } from './keystore.js';
import { parseWalletName, WALLET_NAME } from './name.js';

/** What is known of a wallet without its password. */
export interface WalletInfo {
  readonly name: string;
  readonly address: string;
  /** Compressed secp256k1 key, 33 bytes in hexadecimal. */
  readonly publicKey: string;
  readonly encrypted: boolean;
  readonly file: string;
}

/** A wallet that can sign. */
export interface UnlockedWallet extends WalletInfo {
  /** 32 bytes. Never printed, never logged. */
  readonly privateKey: Uint8Array;
}

/** Where a password comes from; asked only if the key is encrypted. */
export type PasswordSource = (wallet: WalletInfo) => Promise<string | undefined>;

const SUFFIX = '.json';

/** The wallets of one home: a folder of keystore files, 0600 in 0700. */
export class Wallets {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  fileOf(name: string): string {
    return path.join(this.#folder, `${parseWalletName(name)}${SUFFIX}`);
  }

  async exists(name: string): Promise<boolean> {
    try {
      await stat(this.fileOf(name));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Writes a new wallet. @throws R3mesError FILE_EXISTS: a key is never overwritten. */
  async add(name: string, keystore: Keystore): Promise<WalletInfo> {
    await ensureFolder(this.#folder);
    await chmod(this.#folder, SECRET_FOLDER);
    await createFileAtomic(this.fileOf(name), `${JSON.stringify(keystore, null, 2)}\n`, SECRET_FILE);
    return this.#info(name, keystore);
  }

  /** Names in alphabetical order. */
  async names(): Promise<readonly string[]> {
    try {
      const files = await readdir(this.#folder);
      return files
        .filter((file) => file.endsWith(SUFFIX))
        .map((file) => file.slice(0, -SUFFIX.length))
        .filter((name) => WALLET_NAME.test(name))
        .sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** @throws R3mesError WALLET_NOT_FOUND, KEYSTORE_CORRUPT */
  async info(name: string): Promise<WalletInfo> {
    return this.#info(name, await this.#read(name));
  }

  /** @throws R3mesError WALLET_NOT_FOUND, KEYSTORE_CORRUPT, KEY_LOCKED, WRONG_PASSWORD */
  async unlock(name: string, password: PasswordSource): Promise<UnlockedWallet> {
    const keystore = await this.#read(name);
    const info = this.#info(name, keystore);
    const privateKey = await openKey(keystore, info.encrypted ? await password(info) : undefined, info.file);
    return { ...info, privateKey };
  }

  /** @throws R3mesError WALLET_NOT_FOUND */
  async remove(name: string): Promise<void> {
    if (!(await this.exists(name))) throw await this.#notFound(name);
    await rm(this.fileOf(name));
  }

  /**
   * The wallet to use: the one named, else the only one there is.
   * @throws R3mesError MISSING_ANSWER naming `--wallet` if there are several, WALLET_NOT_FOUND if there is none.
   */
  async choose(name: string | undefined): Promise<string> {
    if (name !== undefined) return name;
    const names = await this.names();
    const [only] = names;
    if (only !== undefined && names.length === 1) return only;
    if (only === undefined) throw await this.#notFound(undefined);
    throw new R3mesError({ code: 'MISSING_ANSWER', message: `which wallet? there are ${names.length}: ${names.join(', ')}`, hint: 'name one with --wallet NAME' });
  }

  #info(name: string, keystore: Keystore): WalletInfo {
    const { address, publicKey } = keystore;
    return { name, address, publicKey, encrypted: isEncrypted(keystore), file: this.fileOf(name) };
  }

  async #notFound(name: string | undefined): Promise<R3mesError> {
    const names = await this.names();
    const there = names.length === 0 ? 'there is none yet' : `there are: ${names.join(', ')}`;
    const what = name === undefined ? 'no wallet' : `no wallet ${name}`;
    return new R3mesError({ code: 'WALLET_NOT_FOUND', message: `${what} in ${this.#folder}; ${there}`, hint: 'make one with r3mes wallet create' });
  }

  async #read(name: string): Promise<Keystore> {
    const file = this.fileOf(name);
    let handle;
    try {
      handle = await open(file, 'r');
    } catch (error) {
      if (isMissing(error)) throw await this.#notFound(name);
      throw error;
    }
    try {
      const { size } = await handle.stat();
      if (size > MAX_KEYSTORE_BYTES) {
        throw new R3mesError({ code: 'KEYSTORE_CORRUPT', message: `${file} has ${size} bytes, expected at most ${MAX_KEYSTORE_BYTES}`, hint: 'this is no keystore of r3mes' });
      }
      return parseKeystore(await handle.readFile('utf8'), file);
    } finally {
      await handle.close();
    }
  }
}
