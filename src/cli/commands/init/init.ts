import path from 'node:path';

import { toHex } from '../../../protocol/bytes.js';
import type { ProfileName } from '../../../protocol/params.js';
import { type Config, readConfigFile } from '../../config/load.js';
import { checkFile, type SettingValues } from '../../config/schema.js';
import { SETTING_KEYS } from '../../config/settings.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { fileExists } from '../../files/exists.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { readGenesis } from '../../node/genesis.js';
import { nodeHome } from '../../node/home.js';
import { type Answers, askSettings, decided, refuseChanges } from '../../setup/answers.js';
import { importGenesis, type Ledger, makeChain, validatorKeys } from '../../setup/chain-files.js';
import { unitFile, writeUnit } from '../../setup/service.js';
import { parseAccounts } from '../../setup/supply.js';
import { chooseWallet } from '../../setup/wallet.js';

export interface InitArgs {
  readonly mnemonicFile: string | undefined;
  readonly passwordFile: string | undefined;
  readonly unsafePlaintext: boolean;
  readonly profile: ProfileName | undefined;
  readonly account: readonly string[];
  readonly genesis: string | undefined;
  readonly service: boolean;
}

interface Item {
  readonly what: string;
  readonly file: string;
}

class Notes implements Ledger {
  readonly #made: Item[] = [];
  readonly #there: Item[] = [];
  readonly made = (what: string, file: string): void => void this.#made.push({ what, file });
  readonly there = (what: string, file: string): void => void this.#there.push({ what, file });

  get data() {
    return { made: this.#made.map((item) => ({ ...item })), there: this.#there.map((item) => ({ ...item })) };
  }

  get text(): string {
    const width = Math.max(0, ...[...this.#made, ...this.#there].map(({ what }) => what.length));
    const lines = (items: readonly Item[], how: string): string[] => items.map(({ what, file }) => `${how}  ${what.padEnd(width)}  ${file}`);
    return [...lines(this.#there, 'there already'), ...lines(this.#made, 'made         ')].join('\n');
  }
}

async function askProfile(ctx: Context, given: ProfileName | undefined): Promise<ProfileName> {
  if (given !== undefined) return given;
  const choices = [
    { value: 'dev', label: 'dev: short windows, every job audited; a round takes minutes' },
    { value: 'network', label: 'network: the parameters of a real network' },
  ];
  const answer = await ctx.prompt.select({ message: 'parameters of the new chain', flag: '--profile NAME', choices, fallback: 'dev' });
  return answer === 'network' ? 'network' : 'dev';
}

/** Adds to the user's file what it does not say. */
async function writeSettings(file: string, before: Partial<SettingValues>, config: Config, answers: Answers, wallet: string, notes: Notes): Promise<void> {
  const wanted: Partial<SettingValues> = { ...answers, wallet };
  const threads = decided(config, 'threads');
  if (threads !== undefined) wanted.threads = threads;
  const missing = SETTING_KEYS.filter((key) => wanted[key] !== undefined && before[key] === undefined);
  if (missing.length === 0) {
    notes.there('settings', file);
    return;
  }
  const added = Object.fromEntries(missing.map((key) => [key, wanted[key]]));
  await writeFileAtomic(file, `${JSON.stringify({ ...before, ...added }, null, 2)}\n`);
  notes.made(Object.keys(before).length === 0 ? 'settings' : `settings ${missing.join(', ')}`, file);
}

/** A word of a command line as a shell reads it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The commands that come next, ready to paste. */
function nextSteps(ctx: Context, role: Answers['role'], service: string | undefined): string[] {
  const home = ctx.globals.home === undefined ? '' : ` --home ${shellWord(path.resolve(ctx.io.cwd, ctx.globals.home))}`;
  const run = { founder: ['node start', 'mine start --register'], validator: ['node start'], miner: ['mine start --register'], aggregator: ['aggregate start --register'] }[role];
  const unit = service === undefined ? [] : [`systemctl --user enable --now ${shellWord(service)}`];
  return [...unit, ...run.slice(service === undefined ? 0 : 1).map((command) => `r3mes ${command}${home}`)];
}

async function writeService(ctx: Context, args: InitArgs, role: Answers['role'], encrypted: boolean, notes: Notes): Promise<string> {
  const file = unitFile(ctx.paths.config, role);
  if (await fileExists(file)) {
    notes.there('service', file);
    return file;
  }
  const absolute = (given: string | undefined): string | undefined => (given === undefined || given === '-' ? undefined : path.resolve(ctx.io.cwd, given));
  const passwordFile = encrypted ? absolute(args.passwordFile) : undefined;
  await writeUnit(file, { role, home: absolute(ctx.globals.home), passwordFile });
  notes.made('service', file);
  if (encrypted && passwordFile === undefined && (role === 'miner' || role === 'aggregator')) {
    ctx.out.warn(`the wallet is locked and the service has no password: delete ${file} and run r3mes init --service --password-file FILE`);
  }
  return file;
}

export async function init(ctx: Context, args: InitArgs): Promise<CommandResult> {
  const config = await ctx.config();
  const home = nodeHome(ctx.paths);
  const file = ctx.paths.configFile;
  const before = checkFile((await readConfigFile(file)) ?? {}, file);
  refuseChanges(config, before);
  const accounts = parseAccounts(args.account);
  const given = args.genesis === undefined ? undefined : path.resolve(ctx.io.cwd, args.genesis);
  const hasGenesis = await fileExists(home.genesisFile);
  const known = given ?? (hasGenesis ? home.genesisFile : undefined);
  const chain = known === undefined ? undefined : await readGenesis(known, decided(config, 'network'));

  const notes = new Notes();
  const answers = await askSettings(ctx, config, chain?.chainId);
  const { role, network } = answers;
  const runsChain = role === 'founder' || role === 'validator';
  const profile = runsChain && known === undefined ? await askProfile(ctx, args.profile) : undefined;
  const wallet = await chooseWallet(ctx, { ...args, name: decided(config, 'wallet') }, notes);

  let validator: string | null = null;
  if (runsChain) {
    const keys = await validatorKeys(home, notes);
    validator = toHex(keys.validatorKey.address);
    if (given !== undefined) await importGenesis(given, home, network, notes);
    else if (profile === undefined) notes.there('genesis', home.genesisFile);
    else await makeChain(ctx, home, keys, { chainId: network, profile, founder: wallet.address, accounts }, notes);
  } else if (given !== undefined) await importGenesis(given, home, network, notes);
  await writeSettings(file, before, config, answers, wallet.name, notes);
  const serviceFile = args.service ? await writeService(ctx, args, role, wallet.encrypted, notes) : undefined;

  const next = nextSteps(ctx, role, serviceFile);
  const hasChain = runsChain || given !== undefined || hasGenesis;
  return {
    data: {
      role,
      network,
      wallet: wallet.name,
      address: wallet.address,
      configFile: file,
      genesisFile: hasChain ? home.genesisFile : null,
      validator,
      content: ctx.paths.content,
      serviceFile: serviceFile ?? null,
      ...notes.data,
      next,
    },
    text: `${notes.text}\n\n${role} on ${network}, account ${wallet.address}\nnext:\n${next.map((command) => `  ${command}`).join('\n')}`,
  };
}
