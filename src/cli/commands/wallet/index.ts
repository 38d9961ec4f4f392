import { defineCommand, type Noun } from '../../frame/command.js';
import { flag, type Option, optional, parsed, text } from '../../frame/option.js';
import { parseWalletName } from '../../wallet/name.js';

const DEFAULT_NAME = 'default';

const name: Option<string> = {
  ...parsed({ placeholder: 'NAME', fallback: DEFAULT_NAME, summary: `name of the wallet (${DEFAULT_NAME} if not given)`, parse: parseWalletName }),
  required: false,
};

/** The option by which every command that unlocks a key takes its password. */
export const passwordFile = optional(
  text({ placeholder: 'FILE', summary: 'read the password from FILE, - for stdin; else R3MES_PASSWORD, else it is asked' }),
);

const unsafePlaintext = flag('store the key without a password: for development networks only');

const SHOWN = {
  name: 'name of the wallet',
  address: 'account address, remes1…',
  publicKey: 'compressed secp256k1 key in hexadecimal',
  encrypted: 'whether a password locks the key',
  file: 'keystore file',
};

const create = defineCommand({
  name: 'create',
  summary: 'make a new key',
  details:
    'The recovery phrase (24 words) is shown once, on a terminal only, and never stored: write it down. Without a terminal it is not shown at all; the keystore file is then the only copy of the key.',
  args: { name },
  options: { passwordFile, unsafePlaintext },
  examples: [
    ['wallet create', 'asks for a password, shows the recovery phrase, has you confirm some of its words'],
    ['wallet create ci --password-file pw.txt --json', 'for scripts: no question, one JSON object'],
  ],
  json: SHOWN,
  load: async () => (await import('./create.js')).walletCreate,
});

const importCommand = defineCommand({
  name: 'import',
  summary: 'make a wallet from a recovery phrase',
  args: { name },
  options: {
    mnemonicFile: optional(text({ placeholder: 'FILE', summary: 'read the recovery phrase from FILE, - for stdin; else it is asked' })),
    passwordFile,
    unsafePlaintext,
  },
  examples: [
    ['wallet import', 'asks for the words and a password'],
    ['wallet import miner --mnemonic-file - --password-file pw.txt < words.txt', 'for scripts'],
  ],
  json: SHOWN,
  load: async () => (await import('./import.js')).walletImport,
});

const show = defineCommand({
  name: 'show',
  summary: 'show a wallet: address and public key, never a secret',
  args: { name },
  options: {},
  examples: [['wallet show miner', 'prints the address, public key and file of the wallet miner']],
  json: SHOWN,
  load: async () => (await import('./show.js')).walletShow,
});

const listCommand = defineCommand({
  name: 'list',
  summary: 'list the wallets of this home',
  args: {},
  options: {},
  examples: [['wallet list --json', 'prints {"wallets":[…]}']],
  json: { wallets: 'list of {name, address, publicKey, encrypted, file}' },
  load: async () => (await import('./show.js')).walletList,
});

const deleteCommand = defineCommand({
  name: 'delete',
  summary: 'delete a wallet; without its recovery phrase the key is gone for good',
  args: { name: { ...name, required: true } },
  options: {},
  examples: [['wallet delete old --yes', 'deletes the wallet old without asking']],
  json: { name: 'name of the wallet', address: 'its address', deleted: 'true' },
  load: async () => (await import('./delete.js')).walletDelete,
});

export const walletNoun: Noun = {
  name: 'wallet',
  summary: 'keys: create, import, show, list, delete',
  commands: [create, importCommand, show, listCommand, deleteCommand],
};
