import { open } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';
import type { Context } from '../frame/context.js';

/** Passwords and recovery words are short; more is another file given by mistake. */
const MAX_SECRET_BYTES = 4096;

function tooLong(what: string, file: string): R3mesError {
  return new R3mesError({ code: 'INVALID_INPUT', message: `${file}: longer than ${MAX_SECRET_BYTES} bytes, expected a ${what}`, hint: 'is this the right file?' });
}

/** All of stdin, which the user asked for with `-`. */
async function readStdin(ctx: Context, what: string): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of ctx.io.stdin) {
    const bytes = Buffer.from(part as Uint8Array | string);
    length += bytes.length;
    if (length > MAX_SECRET_BYTES) throw tooLong(what, 'stdin');
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * A secret from a file, or from stdin for `-`. Warns if others may read the file.
 * @param what names the secret in errors: `password`, `recovery phrase`.
 */
export async function readSecretFile(ctx: Context, file: string, what: string): Promise<string> {
  if (file === '-') return readStdin(ctx, what);
  const handle = await open(path.resolve(ctx.io.cwd, file), 'r');
  try {
    const { size, mode } = await handle.stat();
    if (size > MAX_SECRET_BYTES) throw tooLong(what, file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      ctx.out.warn(`${file} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 ${file}`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
