import { defineCommand, type Noun } from '../../frame/command.js';
import { choice, flag, integer, list, optional, parsed, setting, text } from '../../frame/option.js';
import { parseListenAddress } from '../../node/listen-address.js';
import { MAINTENANCE_COMMANDS } from './maintenance.js';
import { FOUNDING_COMMANDS, FOUNDING_GROUPS } from './founding.js';

const MIN_BLOCK_MS = 20;
const MAX_BLOCK_MS = 3_600_000;

const PORT = { placeholder: 'N', summary: "port of the RPC; 0 takes any free one; else what CometBFT's config.toml says, or 26657", min: 0, max: 65_535 };
const HOST = { placeholder: 'ADDRESS', summary: 'address that the RPC listens on; only beyond the loopback addresses do other machines reach it; else what config.toml says, or 127.0.0.1' };
const blockMs = optional(
  integer({ placeholder: 'MS', summary: 'milliseconds from one block to the next; else what the genesis calls nominal', min: MIN_BLOCK_MS, max: MAX_BLOCK_MS }),
);
const moniker = optional(text({ placeholder: 'NAME', summary: "name of the node that clients see; else what CometBFT's config.toml says, or r3mes" }));
const logFormat = optional(choice({ placeholder: 'NAME', summary: "lines of the logs, CometBFT's too: text for people, or json with time, level, module, message and fields; else text", choices: ['text', 'json'] }));
const engineName = optional(
  choice({ placeholder: 'NAME', summary: 'what decides: solo in this process, or comet; else what the chain was begun with, or solo for one validator and comet for several', choices: ['solo', 'comet'], variable: 'R3MES_NODE_ENGINE' }),
);
const cometbft = optional(text({ placeholder: 'PATH', summary: 'CometBFT 0.38.x to run; else the one of r3mes node engine install, or cometbft on PATH' }));
const p2pPort = optional(integer({ placeholder: 'N', summary: 'port for peers under CometBFT; 0 takes any free one; else what config.toml says', min: 0, max: 65_535 }));

const API_ADDRESS = { placeholder: 'HOST:PORT', summary: 'serve REST too, there; port 0 takes any free one; off does not', parse: parseListenAddress };
const GRPC_ADDRESS = { placeholder: 'HOST:PORT', summary: 'serve gRPC too, there; port 0 takes any free one; off does not', parse: parseListenAddress };

const METRICS_ADDRESS = { placeholder: 'HOST:PORT', summary: 'serve metrics to Prometheus there, e.g. 127.0.0.1:26660; port 0 takes any free one; off does not', parse: parseListenAddress };
const COMET_METRICS_ADDRESS = { placeholder: 'HOST:PORT', summary: "serve CometBFT's own metrics there; else what config.toml says", parse: parseListenAddress };

const RUNNING = {
  running: 'whether a node runs in this home',
  pid: 'its process, null where none runs',
  chainId: 'chain id, null while it is not known',
  rpc: 'URL of its RPC',
  api: 'URL of its REST, null where it serves none',
  grpc: 'address of its gRPC, null where it serves none',
  metrics: 'URL of its metrics, null where nothing is measured',
  cometMetrics: "URL of CometBFT's own metrics, null where they are off",
  height: 'newest block, as text; null where it does not answer',
  appHash: 'application hash of that block in hexadecimal',
  engine: 'solo or comet',
  catchingUp: 'whether it still fetches blocks that others have',
  peers: 'how many other nodes it is connected to',
  mempoolTxs: 'transactions that wait for a block',
  mempoolBytes: 'their size',
  votingPower: 'voting power of its validator, as text; 0 where it is none',
  missedBlocks: "how many blocks of the chain's window its validator has not signed, as text; null where it is none",
  blockMs: 'milliseconds from one block to the next',
  rssBytes: 'resident memory of its process',
  appPid: 'process of the application under CometBFT, else null',
  appRssBytes: 'resident memory of that process',
  cometPid: 'process of CometBFT, else null',
  cometRssBytes: 'resident memory of that process',
  totalRssBytes: 'resident memory of all its processes',
  mode: 'foreground or background',
  startedAt: 'when it began to answer',
  log: 'its log file',
};

const STARTED = { pid: RUNNING.pid, chainId: 'chain id', rpc: RUNNING.rpc, api: RUNNING.api, grpc: RUNNING.grpc, metrics: RUNNING.metrics, height: 'newest block, as text', appHash: RUNNING.appHash, rssBytes: RUNNING.rssBytes, log: RUNNING.log };

const start = defineCommand({
  name: 'start',
  summary: 'run the chain of this home: alone with the solo engine, or among validators with CometBFT',
  details:
    'Seals blocks until Ctrl-C, a line a block, or with --detach in the background. It may be killed at any moment and started again. With CometBFT the application runs in a process of its own, and both are started again whenever they end. The application stays below 100 MB.',
  args: {},
  options: {
    engine: engineName,
    cometbft,
    rpcPort: optional(integer(PORT)),
    rpcHost: optional(text(HOST)),
    p2pPort,
    api: optional(parsed(API_ADDRESS)),
    grpc: optional(parsed(GRPC_ADDRESS)),
    metrics: optional(parsed(METRICS_ADDRESS)),
    cometMetrics: optional(parsed(COMET_METRICS_ADDRESS)),
    blockMs,
    moniker,
    logFormat,
    detach: flag('run in the background, with a pid file and a rotating log', { short: 'd' }),
    every: integer({ placeholder: 'S', summary: 'at most one line about blocks in so many seconds; 0 is a line a block', min: 0, max: 86_400, fallback: '0' }),
    network: setting('network'),
  },
  examples: [
    ['node start', 'runs in the foreground until Ctrl-C'],
    ['node start --detach --json', 'starts in the background and prints its process id, RPC and height'],
  ],
  json: { ...STARTED, 'blocks?': 'blocks that were sealed; not with --detach' },
  stream: true,
  load: async () => {
    // Before the chain's code is loaded: a nursery that has grown for it would stay as large.
    (await import('../../node/memory.js')).keepHeapSmall();
    return (await import('./start.js')).nodeStart;
  },
});

const stop = defineCommand({
  name: 'stop',
  summary: 'stop the node of this home',
  details: 'It finishes its block and is given 5 seconds. Where no node runs there is nothing to do, and that is a success.',
  args: {},
  options: { force: flag('end it by force if it does not stop in 5 seconds; no block is lost') },
  examples: [['node stop', 'stops the node and waits for its end']],
  json: { stopped: 'whether a node was running', pid: 'its process, null where none ran', forced: 'whether it had to be killed' },
  load: async () => (await import('./stop.js')).nodeStop,
});

const restart = defineCommand({
  name: 'restart',
  summary: 'stop the node, then start it in the background',
  details: 'It keeps the port, address and block time of the node that ran, unless others are given.',
  args: {},
  options: {
    engine: engineName,
    cometbft,
    rpcPort: optional(integer(PORT)),
    rpcHost: optional(text(HOST)),
    p2pPort,
    api: optional(parsed(API_ADDRESS)),
    grpc: optional(parsed(GRPC_ADDRESS)),
    metrics: optional(parsed(METRICS_ADDRESS)),
    cometMetrics: optional(parsed(COMET_METRICS_ADDRESS)),
    blockMs,
    moniker,
    logFormat,
    force: flag('end the old one by force if it does not stop in 5 seconds'),
    network: setting('network'),
  },
  examples: [['node restart', 'the same node again, e.g. after an update of r3mes']],
  json: STARTED,
  load: async () => (await import('./restart.js')).nodeRestart,
});

const status = defineCommand({
  name: 'status',
  summary: 'say whether the node of this home runs, its height and its memory; exit code 5 where none runs',
  args: {},
  options: {},
  examples: [['node status --json', 'prints one object; scripts look at the exit code']],
  json: RUNNING,
  load: async () => (await import('./status.js')).nodeStatus,
});

const reset = defineCommand({
  name: 'reset',
  summary: 'delete state and blocks of the chain; keys, genesis, wallets and content stay',
  details:
    'The next start begins the chain anew from its genesis. Refused while the node runs. Among several validators it stays written down what this one has signed, so that it cannot sign twice.',
  args: {},
  options: { forgetSigned: flag('forget what the validator key has signed, too: only where every validator begins anew') },
  examples: [['node reset --yes', 'deletes without asking']],
  json: { removed: 'whether there was anything to delete', folder: 'folder that was deleted', kept: 'list of files that were kept' },
  load: async () => (await import('./reset.js')).nodeReset,
});

const engine = defineCommand({
  name: 'engine',
  summary: 'install CometBFT for this home, or show which one a start runs',
  details:
    'install has Go build CometBFT 0.38.26 from its module proxy, which takes a minute or two, or copies a binary with --from. The SHA-256 is written down, and every start compares it.',
  args: { action: choice({ placeholder: 'ACTION', summary: 'install or show', choices: ['install', 'show'] }) },
  options: {
    from: optional(text({ placeholder: 'PATH', summary: 'binary of CometBFT 0.38.x to copy, instead of building one' })),
    force: flag('install it anew, although one is there'),
  },
  examples: [
    ['node engine install', 'builds CometBFT with the Go on PATH'],
    ['node engine install --from ./cometbft', 'copies a binary'],
  ],
  json: { file: 'the binary', version: 'its version', sha256: 'its SHA-256 in hexadecimal', installed: 'whether it was installed just now' },
  load: async () => (await import('./engine.js')).nodeEngine,
});

const logs = defineCommand({
  name: 'logs',
  summary: 'print the log of the node',
  args: {},
  options: {
    lines: integer({ placeholder: 'N', summary: 'how many of the last lines', min: 0, max: 100_000, fallback: '50', short: 'n' }),
    follow: flag('go on with what is written from now on, until Ctrl-C', { short: 'f' }),
  },
  examples: [['node logs --follow --lines 10', 'the last ten lines, then every new one']],
  json: { file: 'the log file', lines: 'how many lines were printed; each was one of type line before' },
  stream: true,
  load: async () => (await import('./logs.js')).nodeLogs,
});

const devnet = defineCommand({
  name: 'devnet',
  summary: 'a whole network on this machine: chain, content store, miners, proposers, auditors and cheaters, for a few rounds',
  details:
    'Trains an adapter on real text, catches the cheaters, pays the honest, and proves every number. An unfinished run with the same flags goes on where it stopped; a finished one starts anew.',
  args: {},
  options: {
    rounds: integer({ placeholder: 'N', summary: 'rounds of training', min: 1, max: 10_000, fallback: '3' }),
    miners: integer({ placeholder: 'N', summary: 'honest miners', min: 1, max: 100, fallback: '3' }),
    cheaters: integer({ placeholder: 'N', summary: 'cheaters besides them: odd ones submit noise, even ones copy', min: 0, max: 100, fallback: '1' }),
    chunkTokens: integer({ placeholder: 'N', summary: 'tokens of one chunk', min: 16, max: 65_536, fallback: '2048' }),
    data: optional(text({ placeholder: 'FILE', summary: 'text to train on, .csv, .jsonl or .txt; else the sample dataset' })),
    engine: choice({ placeholder: 'NAME', summary: 'solo: one validator, and blocks that wait for every role; comet: a network under CometBFT, where blocks come as time passes', choices: ['solo', 'comet'], fallback: 'solo', variable: 'R3MES_DEVNET_ENGINE' }),
    validators: integer({ placeholder: 'N', summary: 'validators under CometBFT, each a node of its own', min: 1, max: 100, fallback: '1', short: 'v' }),
    cometbft,
    seed: optional(text({ placeholder: 'TEXT', summary: 'makes the run the same everywhere with the engine solo: the same hashes at every height' })),
    port: integer({ placeholder: 'N', summary: 'port of the RPC; 0 takes any free one', min: 0, max: 65_535, fallback: '0' }),
    keep: flag('stay up for clients after the last round'),
  },
  examples: [
    ['node devnet', 'three rounds with three honest miners and one cheater'],
    ['node devnet --engine comet --validators 4 --rounds 1', 'one round on a network of four validators'],
    ['node devnet --rounds 20 --cheaters 0 --data shakespeare.txt --json', 'for scripts: an event a line, then the result'],
  ],
  json: {
    heldOutLossBefore: 'mean loss on text that nobody trained on, in nats a token, before',
    heldOutLossAfter: 'the same with the trained adapter',
    tokensTrained: 'tokens of included gradients',
    bytesMoved: 'payload bytes that miners and proposers wrote to or read from the content store',
    bytesFullModel: 'the same transfers with fp32 tensors of the full model',
    adapterCid: 'the trained adapter',
    appHash: 'application hash of the last block in hexadecimal',
    height: 'the last block',
    honestSlashed: 'how many honest accounts were slashed',
    cheatersSlashed: 'how many cheaters were slashed',
    balancesReconciled: 'whether every balance, the supply and the escrow add up',
  },
  stream: true,
  load: async () => (await import('./devnet.js')).nodeDevnet,
});

const api = defineCommand({
  name: 'api',
  summary: 'serve REST and gRPC for wallets and explorers, in a process of its own in front of any node',
  details:
    'Answers what the Cosmos SDK 0.50 does, with its JSON: queries, simulation, sending, blocks, transactions by event; gRPC with reflection and health. GET /openapi.json describes the routes. Give other machines an address beyond the loopback one only behind a proxy that limits them.',
  args: {},
  options: {
    api: parsed({ placeholder: 'HOST:PORT', summary: 'where REST listens; port 0 takes any free one; off turns it off', fallback: '127.0.0.1:1317', parse: parseListenAddress }),
    grpc: parsed({ placeholder: 'HOST:PORT', summary: 'where gRPC listens; port 0 takes any free one; off turns it off', fallback: '127.0.0.1:9090', parse: parseListenAddress }),
    node: setting('node'),
  },
  examples: [
    ['node api', 'REST on port 1317 and gRPC on 9090, for the node of this machine'],
    ['node api --grpc off --node http://10.0.0.5:26657', 'REST alone, for another node'],
  ],
  json: { pid: 'this process', node: 'RPC of the node behind it', api: 'URL of REST, or null', grpc: 'address of gRPC, or null', rssBytes: 'resident memory of this process' },
  stream: true,
  load: async () => (await import('./api.js')).nodeApi,
});

const testnet = defineCommand({
  name: 'testnet',
  summary: 'make a network of several validators on this machine, under CometBFT: a home for each, one genesis, loopback ports',
  details: 'Every home is started by node start --home. It needs CometBFT: r3mes node engine install in one of the homes, or one on PATH, or R3MES_COMETBFT.',
  args: {},
  options: {
    validators: integer({ placeholder: 'N', summary: 'how many validators, all of the same power', min: 1, max: 100, fallback: '4', short: 'v' }),
    output: text({ placeholder: 'DIR', summary: 'folder for the homes node0, node1, …; it must not be there yet', fallback: 'testnet' }),
    chainId: text({ placeholder: 'ID', summary: 'chain id of the new chain', fallback: 'r3mes-testnet-1' }),
    profile: choice({ placeholder: 'NAME', summary: 'parameters: dev has short windows and audits every job', choices: ['dev', 'network'], fallback: 'dev' }),
    basePort: integer({ placeholder: 'N', summary: 'port for peers of the first node; its RPC has the next one, the next node 10 more; 0 takes any free ones', min: 0, max: 65_000, fallback: '26656' }),
    blockMs: integer({ placeholder: 'MS', summary: 'milliseconds from one block to the next, at least', min: MIN_BLOCK_MS, max: MAX_BLOCK_MS, fallback: '1000' }),
    account: list(text({ placeholder: 'ADDRESS=AMOUNT', summary: 'coins for another account, e.g. remes1…=5000remes' })),
  },
  examples: [
    ['node testnet --validators 4 --output net', 'makes net/node0 to net/node3'],
    ['node testnet --base-port 0 --json', 'on free ports, and prints them'],
  ],
  json: { chainId: 'chain id', folder: 'where the homes are', nodes: 'list of {name, home, nodeId, p2p, rpc, address, validator}: address is the account of its wallet operator, validator its consensus address' },
  load: async () => (await import('./testnet.js')).nodeTestnet,
});

export const nodeNoun: Noun = {
  name: 'node',
  summary: 'the chain: start, stop, restart, status, reset, logs, engine, testnet, devnet, api, rollback, prune, init, genesis',
  commands: [start, stop, restart, status, reset, logs, engine, testnet, devnet, api, ...MAINTENANCE_COMMANDS, ...FOUNDING_COMMANDS],
  groups: FOUNDING_GROUPS,
};
