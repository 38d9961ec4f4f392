/** The secret with which a proposer makes the chain's beacon, in a file of its own. */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import { z } from 'zod';

import { fromHex, toHex } from '../../protocol/bytes.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { createFileAtomic, isMissing, SECRET_FILE } from '../files/atomic.js';

const SECRET_BYTES = 32;
const MAX_FILE_BYTES = 4096;

const schema = z.strictObject({
  type: z.literal('r3mes/VrfSecret'),
  value: z.string().regex(/^[0-9a-f]{64}$/, `expected ${SECRET_BYTES} bytes in hexadecimal`),
});

function parse(text: string, file: string): Uint8Array {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InvalidInputError(`${file} is not JSON`, 'restore the key from a backup');
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return fromHex(parsed.data.value);
  const [issue] = parsed.error.issues;
  throw new InvalidInputError(`${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong form'}`, 'restore the key from a backup');
}

/**
 * The secret (32 bytes); nothing where there is no file.
 * @throws InvalidInputError for a damaged file; R3mesError KEY_FILE_PERMISSIONS where others may read it.
 */
export async function readVrfSecret(file: string): Promise<Uint8Array | undefined> {
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
    return parse(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Makes a secret and its file. @throws R3mesError FILE_EXISTS: a key is never overwritten. */
export async function createVrfSecret(file: string): Promise<Uint8Array> {
  const secret = new Uint8Array(randomBytes(SECRET_BYTES));
  await createFileAtomic(file, `${JSON.stringify({ type: 'r3mes/VrfSecret', value: toHex(secret) }, null, 2)}\n`, SECRET_FILE);
  return secret;
}
