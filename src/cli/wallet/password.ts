import { R3mesError } from '../../protocol/errors.js';
import type { Context } from '../frame/context.js';
import { readSecretFile } from './secret-file.js';
import type { PasswordSource } from './wallets.js';

/** Shortest password that a new wallet may have. */
export const MIN_PASSWORD_CHARACTERS = 8;

const HOW = '--password-file FILE or R3MES_PASSWORD';

/** A password that needs no asking: from the file, else from the environment. */
async function givenPassword(ctx: Context, passwordFile: string | undefined): Promise<string | undefined> {
  if (passwordFile !== undefined) return (await readSecretFile(ctx, passwordFile, 'password')).replace(/\r?\n$/, '');
  const variable = ctx.io.env['R3MES_PASSWORD'];
  return variable === undefined || variable === '' ? undefined : variable;
}

/** Where `unlock` gets its password: file, environment, or the person. @throws R3mesError KEY_LOCKED with nobody to ask. */
export function passwordSource(ctx: Context, passwordFile: string | undefined): PasswordSource {
  return async ({ name, address }) => {
    const given = await givenPassword(ctx, passwordFile);
    if (given !== undefined) return given;
    try {
      return await ctx.prompt.password({ message: `password of wallet ${name} (${address})`, flag: HOW });
    } catch (error) {
      if (!(error instanceof R3mesError && error.code === 'MISSING_ANSWER')) throw error;
      throw new R3mesError({ code: 'KEY_LOCKED', message: `wallet ${name} is locked and no password was given`, hint: `give it with ${HOW}` });
    }
  };
}

function tooShort(password: string): string | undefined {
  const { length } = Array.from(password);
  return length < MIN_PASSWORD_CHARACTERS ? `expected at least ${MIN_PASSWORD_CHARACTERS} characters, got ${length}` : undefined;
}

/** The password of a new wallet; asked twice. @throws R3mesError MISSING_ANSWER, USAGE where it is too short */
export async function newPassword(ctx: Context, passwordFile: string | undefined): Promise<string> {
  const given = await givenPassword(ctx, passwordFile);
  if (given === undefined) {
    const password = await ctx.prompt.password({ message: 'password for the new wallet', flag: HOW, check: tooShort });
    await ctx.prompt.password({ message: 'the same password again', flag: HOW, check: (again) => (again === password ? undefined : 'the two passwords differ') });
    return password;
  }
  const why = tooShort(given);
  if (why !== undefined) throw new R3mesError({ code: 'USAGE', message: `the password is too short: ${why}`, hint: 'choose a longer one' });
  return given;
}

