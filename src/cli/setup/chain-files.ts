/** Keys, genesis and content of a chain, as far as they are missing. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { type ValidatorKey, loadOrCreateValidatorKey } from '../../chain/solo/index.js';
import { R3mesError } from '../../protocol/errors.js';
import { type GenesisDoc, genesisDocToJson } from '../../protocol/genesis-doc.js';
import type { ProfileName } from '../../protocol/params.js';
import { createFileAtomic, ensureFolder } from '../files/atomic.js';
import { fileExists } from '../files/exists.js';
import type { Context } from '../frame/context.js';
import { readGenesis } from '../node/genesis.js';
import type { NodeHome } from '../node/home.js';
import { DEFAULT_MONIKER } from '../node/settings.js';
import { createVrfSecret, readVrfSecret } from '../node/vrf-key.js';
import { founderStake } from './supply.js';

/** Notes what was there and what was made. */
export interface Ledger {
  readonly made: (what: string, file: string) => void;
  readonly there: (what: string, file: string) => void;
}

export interface ValidatorKeys {
  readonly validatorKey: ValidatorKey;
  readonly vrfSecret: Uint8Array;
}

/** The validator's two keys, each in a file of mode 0600. An existing one is kept. */
export async function validatorKeys(home: NodeHome, ledger: Ledger): Promise<ValidatorKeys> {
  const note = (isThere: boolean): Ledger['made'] => (isThere ? ledger.there : ledger.made);
  const { validatorKeyFile, vrfKeyFile } = home;
  const hadKey = await fileExists(validatorKeyFile);
  await ensureFolder(path.dirname(validatorKeyFile));
  const validatorKey = await loadOrCreateValidatorKey(validatorKeyFile);
  note(hadKey)('validator key', validatorKeyFile);
  const before = await readVrfSecret(vrfKeyFile);
  const vrfSecret = before ?? (await createVrfSecret(vrfKeyFile));
  note(before !== undefined)('VRF key', vrfKeyFile);
  return { validatorKey, vrfSecret };
}

/** The genesis that `--genesis` names, copied as it is once the application has read it. */
export async function importGenesis(given: string, home: NodeHome, network: string | undefined, ledger: Ledger): Promise<GenesisDoc> {
  const { checkGenesis } = await import('./found.js');
  const genesis = await readGenesis(given, network);
  await checkGenesis(genesis, given);
  const text = await readFile(given, 'utf8');
  if (!(await fileExists(home.genesisFile))) {
    await createFileAtomic(home.genesisFile, text);
    ledger.made('genesis', home.genesisFile);
    return genesis;
  }
  if ((await readFile(home.genesisFile, 'utf8')) !== text) {
    throw new R3mesError({
      code: 'FILE_EXISTS',
      message: `${home.genesisFile} is another genesis than ${given}; it is never overwritten`,
      hint: 'choose another --home, or move the file away yourself',
    });
  }
  ledger.there('genesis', home.genesisFile);
  return genesis;
}

export interface NewChain {
  readonly chainId: string;
  readonly profile: ProfileName;
  readonly founder: string;
  readonly accounts: ReadonlyMap<string, bigint>;
}

/** Makes a chain of one validator, which the founder stakes for where there are coins to stake. Its genesis is written last: without it there is no chain, and the next run makes one. */
export async function makeChain(ctx: Context, home: NodeHome, keys: ValidatorKeys, chain: NewChain, ledger: Ledger): Promise<void> {
  const { checkGenesis, foundChain } = await import('./found.js');
  const progress = await ctx.progress('making the chain');
  const remes = founderStake(chain.accounts);
  const stake = remes === 0n ? {} : { stake: { operator: chain.founder, remes } };
  try {
    const genesis = await foundChain({
      ...chain,
      validators: [{ ...keys, name: DEFAULT_MONIKER, ...stake }],
      content: ctx.paths.content,
      nowMs: Date.now(),
      step: (detail) => progress.update({ detail }),
      signal: ctx.signal,
    });
    await checkGenesis(genesis, home.genesisFile);
    await createFileAtomic(home.genesisFile, `${JSON.stringify(genesisDocToJson(genesis), undefined, 2)}\n`);
    progress.succeed();
  } catch (error) {
    progress.fail();
    throw error;
  }
  ledger.made('model and dataset', ctx.paths.content);
  ledger.made('genesis', home.genesisFile);
}
