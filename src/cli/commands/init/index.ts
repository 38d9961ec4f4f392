import { defineCommand, type Noun } from '../../frame/command.js';
import { choice, flag, list, optional, setting, text } from '../../frame/option.js';
import { passwordFile } from '../wallet/index.js';

const init = defineCommand({
  name: 'init',
  summary: 'set up this machine: settings, wallet, and for a founder or validator a chain',
  details:
    'Asks on a terminal; elsewhere flags answer, and --yes takes defaults. It overwrites nothing: run again, it says what is there and makes what is missing.',
  args: {},
  options: {
    role: setting('role'),
    network: setting('network'),
    node: setting('node'),
    wallet: setting('wallet'),
    payout: setting('payout'),
    store: setting('store'),
    device: setting('device'),
    threads: setting('threads'),
    mnemonicFile: optional(text({ placeholder: 'FILE', summary: 'import the wallet from the recovery phrase in FILE, - for stdin; else a key is made' })),
    passwordFile,
    unsafePlaintext: flag('store the key without a password: for development networks only'),
    profile: optional(choice({ placeholder: 'NAME', choices: ['dev', 'network'], summary: 'parameters of a new chain: dev has short windows and audits every job' })),
    account: list(text({ placeholder: 'ADDRESS=AMOUNT', summary: 'coins for another account of a new chain, e.g. remes1…=5000remes; the founder has the rest' })),
    genesis: optional(text({ placeholder: 'FILE', summary: 'copy this genesis instead of making a chain' })),
    service: flag('also write a systemd user unit'),
  },
  examples: [
    ['init', 'asks everything'],
    ['init --role founder --network r3mes-local --wallet me --device cpu --password-file pw.txt --yes', 'a chain of your own, without a question'],
    ['init --role miner --network r3mes-1 --node http://node.example:26657 --wallet rig --device auto --password-file pw.txt --json', 'for scripts: one JSON object'],
  ],
  json: {
    role: 'what this machine does',
    network: 'chain id',
    wallet: 'name of the wallet',
    address: 'its address',
    configFile: 'settings file',
    genesisFile: 'genesis file; null where this machine runs no chain',
    validator: 'consensus address of the validator key; null where there is none',
    content: 'folder of the content store',
    serviceFile: 'systemd unit; null without --service',
    made: 'list of {what, file} that this run made',
    there: 'list of {what, file} that were there already and are as they were',
    next: 'list of commands to run next',
  },
  load: async () => (await import('./init.js')).init,
});

export const initNoun: Noun = { name: 'init', summary: init.summary, commands: [init], single: true };
