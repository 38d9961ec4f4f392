/**
 * Keys at rest: a versioned JSON file with the private key under AES-256-GCM, the key of which scrypt makes from the
 * password and a random salt. Recovery words are never stored: the file holds what signing needs and no more.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';

import { secp256k1 } from '@noble/curves/secp256k1.js';
import { z } from 'zod';

import { addressFromPubkey } from '../../protocol/address.js';
import { fromHex, toHex } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';

export const PRIVATE_KEY_BYTES = 32;

/** Largest keystore file that is read. */
export const MAX_KEYSTORE_BYTES = 16_384;

/** 2¹⁷ × 8 × 128 = 128 MiB, about half a second: what OWASP asks of scrypt. */
const SCRYPT = { n: 2 ** 17, r: 8, p: 1 } as const;

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `${bytes} bytes in hexadecimal`);

const scryptBox = z.strictObject({
  kdf: z.literal('scrypt'),
  // Bounds against a file that would have us use all memory, or none.
  n: z.int().min(2 ** 15).max(2 ** 20).refine((n) => Number.isInteger(Math.log2(n)), 'a power of two'),
  r: z.int().min(8).max(16),
  p: z.int().min(1).max(4),
  salt: hex(32),
  cipher: z.literal('aes-256-gcm'),
  nonce: hex(12),
  ciphertext: hex(PRIVATE_KEY_BYTES),
  tag: hex(16),
});

const plainBox = z.strictObject({ kdf: z.literal('none'), privateKey: hex(PRIVATE_KEY_BYTES) });

const keystoreSchema = z.strictObject({
  format: z.literal('r3mes-keystore'),
  version: z.literal(1),
  address: z.string(),
  publicKey: hex(33),
  box: z.discriminatedUnion('kdf', [scryptBox, plainBox]),
  /** SHA-256 of the rest: tells a damaged file from a wrong password. */
  checksum: hex(32),
});

export type Keystore = z.infer<typeof keystoreSchema>;
type Box = Keystore['box'];

function corrupt(file: string, why: string, cause?: unknown): R3mesError {
  return new R3mesError({
    code: 'KEYSTORE_CORRUPT',
    message: `${file} is no sound keystore: ${why}`,
    hint: 'restore the file from a backup, or import the recovery words again under another name',
    ...(cause === undefined ? {} : { cause }),
  });
}

function checksumOf({ format, version, address, publicKey, box }: Omit<Keystore, 'checksum'>): string {
  const boxText = JSON.stringify(Object.entries(box).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify([format, version, address, publicKey, boxText])).digest('hex');
}

/** What the encryption also seals: a file whose address or cost was changed does not open. */
function sealed(publicKey: string, address: string, cost: { n: number; r: number; p: number }): Buffer {
  return Buffer.from(JSON.stringify(['r3mes-keystore', 1, address, publicKey, cost.n, cost.r, cost.p]));
}

function deriveKey(password: string, salt: Uint8Array, cost: { n: number; r: number; p: number }): Promise<Buffer> {
  // The same password typed on two keyboards may differ in its code points: NFKC makes them one.
  const secret = Buffer.from(password.normalize('NFKC'), 'utf8');
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, 32, { N: cost.n, r: cost.r, p: cost.p, maxmem: 256 * cost.n * cost.r }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** Compressed public key and address of a private key. @throws Error if it is no key of secp256k1. */
export function publicPart(privateKey: Uint8Array): { readonly publicKey: Uint8Array; readonly address: string } {
  const publicKey = secp256k1.getPublicKey(privateKey, true);
  return { publicKey, address: addressFromPubkey(publicKey) };
}

function build(privateKey: Uint8Array, box: (publicKey: string, address: string) => Box): Keystore {
  const { publicKey, address } = publicPart(privateKey);
  const publicHex = toHex(publicKey);
  const rest = { format: 'r3mes-keystore', version: 1, address, publicKey: publicHex, box: box(publicHex, address) } as const;
  return { ...rest, checksum: checksumOf(rest) };
}

/** Locks a private key (32 bytes) with a password. */
export async function sealKey(privateKey: Uint8Array, password: string): Promise<Keystore> {
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const key = await deriveKey(password, salt, SCRYPT);
  return build(privateKey, (publicKey, address) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(sealed(publicKey, address, SCRYPT));
    const ciphertext = Buffer.concat([cipher.update(privateKey), cipher.final()]);
    const bytes = { salt: toHex(salt), nonce: toHex(nonce), ciphertext: toHex(ciphertext), tag: toHex(cipher.getAuthTag()) };
    return { kdf: 'scrypt', ...SCRYPT, cipher: 'aes-256-gcm', ...bytes };
  });
}

/** A key file without a password, for development networks whose coins are worth nothing. */
export function plainKey(privateKey: Uint8Array): Keystore {
  return build(privateKey, () => ({ kdf: 'none', privateKey: toHex(privateKey) }));
}

/** Reads a keystore. @throws R3mesError KEYSTORE_CORRUPT saying what is wrong with `file`. */
export function parseKeystore(text: string, file: string): Keystore {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt(file, 'not JSON, perhaps cut off', error);
  }
  if (typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'number' && value.version > 1) {
    throw new R3mesError({
      code: 'KEYSTORE_TOO_NEW',
      message: `${file} has version ${value.version}, expected 1`,
      hint: 'it was written by a newer r3mes: update this one',
    });
  }
  const result = keystoreSchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw corrupt(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unexpected content'}`);
  }
  const keystore = result.data;
  if (checksumOf(keystore) !== keystore.checksum) throw corrupt(file, 'its checksum does not match its content');
  return keystore;
}

export function isEncrypted(keystore: Keystore): boolean {
  return keystore.box.kdf !== 'none';
}

/**
 * The private key (32 bytes) of a keystore.
 * @throws R3mesError WRONG_PASSWORD; KEYSTORE_CORRUPT where the key is not that of the address it names.
 */
export async function openKey(keystore: Keystore, password: string | undefined, file: string): Promise<Uint8Array> {
  const { box, address, publicKey } = keystore;
  let privateKey: Uint8Array;
  if (box.kdf === 'none') privateKey = fromHex(box.privateKey);
  else {
    if (password === undefined) throw new R3mesError({ code: 'KEY_LOCKED', message: `${file} is locked and no password was given` });
    const key = await deriveKey(password, fromHex(box.salt), box);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, fromHex(box.nonce)).setAAD(sealed(publicKey, address, box));
      decipher.setAuthTag(fromHex(box.tag));
      privateKey = new Uint8Array(Buffer.concat([decipher.update(fromHex(box.ciphertext)), decipher.final()]));
    } catch (error) {
      throw new R3mesError({
        code: 'WRONG_PASSWORD',
        message: `wrong password for ${address}`,
        hint: `try again; if you are sure of it, ${file} was changed: restore it from a backup`,
        cause: error,
      });
    }
  }
  let own: string;
  try {
    own = publicPart(privateKey).address;
  } catch (error) {
    throw corrupt(file, 'it holds no valid secp256k1 key', error);
  }
  if (own !== address) throw corrupt(file, `it names ${address} but holds the key of ${own}`);
  return privateKey;
}
