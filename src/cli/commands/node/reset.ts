import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { R3mesError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { isMissing } from '../../files/atomic.js';
import { fileExists } from '../../files/exists.js';
import { acquirePidFile } from '../../files/pid-file.js';
import { readGenesis } from '../../node/genesis.js';
import { nodeHome, type NodeHome } from '../../node/home.js';
import { refuseRunning } from '../../node/state.js';

/** Renamed first, so that a crash half-way leaves no half of a chain; what an earlier crash left goes too. */
async function remove(home: NodeHome): Promise<void> {
  const folder = path.dirname(home.chain);
  const aside = `${path.basename(home.chain)}.deleted-`;
  await rename(home.chain, path.join(folder, `${aside}${randomBytes(4).toString('hex')}`));
  for (const name of await readdir(folder)) {
    if (name.startsWith(aside)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

async function existing(files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) if (await fileExists(file)) found.push(file);
  return found;
}

/**
 * Whether what the key has signed may be forgotten: a chain of one validator begins anew for everybody. Among several the
 * others go on, and a key that signs a height again would be punished.
 */
async function mayForgetSigned(home: NodeHome): Promise<boolean> {
  try {
    return (await readGenesis(home.genesisFile, undefined)).validators.length <= 1;
  } catch (error) {
    if (error instanceof R3mesError) return false; // no genesis that can be read: better keep it
    throw error;
  }
}

export async function nodeReset(ctx: Context, { forgetSigned }: { readonly forgetSigned: boolean }): Promise<CommandResult> {
  const home = nodeHome(ctx.paths);
  await refuseRunning(home);
  const forget = forgetSigned || (await mayForgetSigned(home));
  const kept = await existing([home.genesisFile, home.validatorKeyFile, home.vrfKeyFile, home.nodeKeyFile, home.cometConfigFile, ...(forget ? [] : [home.signStateFile])]);
  if (!(await fileExists(home.chain))) {
    return { data: { removed: false, folder: home.chain, kept }, text: `there is nothing to delete: no chain in ${home.chain}` };
  }
  await ctx.prompt.confirm(`delete state and blocks of the chain in ${home.chain}`);
  // Held while deleting, so that no node starts meanwhile.
  const lock = await acquirePidFile(home.pidFile, 'a node of this home');
  try {
    await remove(home);
    if (forget) await rm(home.signStateFile, { force: true });
  } catch (error) {
    if (!isMissing(error)) throw error; // another reset was quicker
  } finally {
    await lock.release();
  }
  return { data: { removed: true, folder: home.chain, kept }, text: `deleted ${home.chain}; kept ${kept.length === 0 ? 'nothing else' : kept.join(', ')}` };
}
