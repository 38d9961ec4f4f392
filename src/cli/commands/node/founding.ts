/** Declarations of the commands with which several people found a network together. */
import { type AnyCommand, defineCommand } from '../../frame/command.js';
import { choice, flag, integer, list, optional, parsed, setting, text } from '../../frame/option.js';
import { parseListenAddress } from '../../node/listen-address.js';
import { passwordFile } from '../wallet/index.js';

const init = defineCommand({
  name: 'init',
  summary: "make a validator's home for CometBFT: its keys, configuration and a genesis without validators, or the one given",
  details:
    'The first step of a network that several people found: one of them adds accounts, each adds a validator, and who collects these hands out the genesis. It overwrites nothing. A wallet is made by r3mes wallet create; a chain of your own alone by r3mes init --role founder.',
  args: {},
  options: {
    chainId: optional(text({ placeholder: 'ID', summary: 'chain id of the new chain; with --genesis the one that it must have' })),
    genesis: optional(text({ placeholder: 'FILE', summary: 'copy this genesis instead of making one' })),
    profile: choice({ placeholder: 'NAME', summary: 'parameters of a new genesis: network for a real one, dev has short windows and audits every job', choices: ['dev', 'network'], fallback: 'network' }),
    withModel: flag('put the backbone and the sample dataset of r3mes into the new genesis; else governance adds them later'),
    moniker: text({ placeholder: 'NAME', summary: 'name of this node and its validator', fallback: 'r3mes' }),
    p2p: parsed({ placeholder: 'HOST:PORT', summary: 'where CometBFT listens for peers, in config.toml', fallback: '0.0.0.0:26656', parse: parseListenAddress }),
    rpc: parsed({ placeholder: 'HOST:PORT', summary: 'where it serves its RPC, in config.toml', fallback: '127.0.0.1:26657', parse: parseListenAddress }),
    peer: list(text({ placeholder: 'NODEID@HOST:PORT', summary: 'peer to stay connected to' })),
    blockMs: integer({ placeholder: 'MS', summary: 'milliseconds from one block to the next, at least', min: 20, max: 3_600_000, fallback: '1000' }),
  },
  examples: [
    ['node init --chain-id r3mes-1 --moniker alice', 'keys, configuration, and a genesis to add accounts to'],
    ['node init --genesis genesis.json --moniker bob --json', 'a home for a genesis that somebody sent'],
  ],
  json: {
    chainId: 'chain id',
    moniker: 'name of the node',
    nodeId: 'how peers name it',
    validator: 'consensus address of its key in hexadecimal',
    genesisFile: 'genesis file',
    genesisHash: 'its SHA-256 in hexadecimal',
    configFile: "CometBFT's config.toml",
  },
  load: async () => (await import('./init.js')).nodeInit,
});

const addAccount = defineCommand({
  name: 'genesis add-account',
  summary: 'give an account coins in the genesis of this home',
  details: 'All accounts together have at most 300,000,000 REMES; the rest is mined.',
  args: { address: text({ placeholder: 'ADDRESS', summary: 'account, remes1…' }), coins: text({ placeholder: 'COINS', summary: 'whole uremes, or REMES as 5000remes' }) },
  options: {},
  examples: [['node genesis add-account remes1… 5000remes', 'before its owner adds a validator']],
  json: {
    chainId: 'chain id',
    address: 'the account',
    amount: 'its uremes',
    supply: 'uremes of all accounts',
    genesisFile: 'genesis file',
    genesisHash: 'its new SHA-256 in hexadecimal',
  },
  load: async () => (await import('./genesis/add-account.js')).addAccount,
});

const addValidator = defineCommand({
  name: 'genesis add-validator',
  summary: 'sign a gentx: the validator of this home, which a wallet of this home stakes for',
  details:
    "It is the Cosmos SDK's MsgCreateValidator, signed for this chain id with account number 0 and sequence 0; its memo tells the peer and the VRF key. The genesis must give the wallet its coins already.",
  args: { coins: text({ placeholder: 'COINS', summary: 'what the wallet delegates to it, e.g. 1000remes; whole REMES are its voting power' }) },
  options: {
    wallet: setting('wallet'),
    passwordFile,
    moniker: optional(text({ placeholder: 'NAME', summary: 'name of the validator; else that of config.toml' })),
    peer: optional(text({ placeholder: 'HOST:PORT', summary: 'where the others reach this node; else external_address or laddr of config.toml' })),
    commissionRate: text({ placeholder: 'FRACTION', summary: 'commission', fallback: '0.05' }),
    commissionMaxRate: text({ placeholder: 'FRACTION', summary: 'highest commission that it may ever ask', fallback: '0.2' }),
    commissionMaxChangeRate: text({ placeholder: 'FRACTION', summary: 'by how much it may change a day', fallback: '0.01' }),
    minSelfDelegation: text({ placeholder: 'AMOUNT', summary: 'least that the operator itself delegates', fallback: '1' }),
    identity: optional(text({ placeholder: 'TEXT', summary: 'identity, e.g. of Keybase' })),
    website: optional(text({ placeholder: 'URL', summary: 'website' })),
    securityContact: optional(text({ placeholder: 'TEXT', summary: 'whom to tell of a weakness' })),
    details: optional(text({ placeholder: 'TEXT', summary: 'anything else' })),
    output: optional(text({ placeholder: 'FILE', summary: 'write the gentx there; else into gentx/ beside the genesis' })),
  },
  examples: [['node genesis add-validator 1000remes --peer validator.example:26656', 'asks for the password, writes gentx/gentx-NODEID.json']],
  json: {
    chainId: 'chain id',
    file: 'the gentx',
    operator: 'address of the validator',
    address: 'account that runs it',
    moniker: 'its name',
    stake: 'uremes that it begins with',
    peer: 'where the others reach it',
  },
  load: async () => (await import('./genesis/add-validator.js')).addValidator,
});

const collect = defineCommand({
  name: 'genesis collect',
  summary: 'check every gentx and put their validators into the genesis of this home, and their peers into config.toml',
  details:
    'Refuses a wrong signature, too few coins, and an operator, key or node that comes twice, naming file and field. The same gentxs make the same genesis for everybody, so each founder may collect and compare the SHA-256.',
  args: {},
  options: { gentxDir: optional(text({ placeholder: 'DIR', summary: 'folder of the gentxs; else gentx/ beside the genesis' })) },
  examples: [['node genesis collect --gentx-dir ./gentxs', 'after every founder has sent a gentx']],
  json: {
    chainId: 'chain id',
    collected: 'how many validators are new',
    validators: 'list of {operator, moniker, stake, validator, peer, file}',
    genesisFile: 'genesis file',
    genesisHash: 'its new SHA-256 in hexadecimal',
  },
  load: async () => (await import('./genesis/collect.js')).collect,
});

const file = optional(text({ placeholder: 'FILE', summary: 'genesis file; else that of this home' }));

const SHOWN = {
  file: 'genesis file',
  sha256: 'its SHA-256 in hexadecimal',
  chainId: 'chain id',
  genesisTime: 'when the chain begins',
  initialHeight: 'its first height, as text',
  validators: 'list of {validator, power, name}',
  totalPower: 'sum of their power, as text',
  accounts: 'how many accounts have coins, with those of modules',
  supply: 'uremes of all of them',
};

const validate = defineCommand({
  name: 'genesis validate',
  summary: 'have the application read a genesis; exit code 2 with the name of the wrong field',
  args: { file },
  options: {},
  examples: [['node genesis validate genesis.json', 'before a start']],
  json: { valid: 'true; a wrong one is an error', ...SHOWN },
  load: async () => (await import('./genesis/show.js')).validate,
});

const show = defineCommand({
  name: 'genesis show',
  summary: 'show hash, chain id, validators and supply of a genesis',
  args: { file },
  options: {},
  examples: [['node genesis show --json', 'founders compare sha256']],
  json: SHOWN,
  load: async () => (await import('./genesis/show.js')).show,
});

export const FOUNDING_GROUPS = { genesis: 'the genesis that several people found a network with: add-account, add-validator, collect, validate, show' };
export const FOUNDING_COMMANDS: readonly AnyCommand[] = [init, addAccount, addValidator, collect, validate, show];
