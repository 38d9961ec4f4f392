/**
 * CometBFT's config.toml. It is written once and then belongs to the operator; what only r3mes knows (sockets, files, the
 * ports of this start) goes over it by environment variables, which CometBFT reads for every key that the file has.
 */
import { InvalidInputError } from '../../protocol/errors.js';

export interface CometConfig {
  readonly moniker: string;
  /** `host:port` of the RPC. */
  readonly rpc: string;
  /** `host:port` that peers connect to. */
  readonly p2p: string;
  /** `id@host:port` each. */
  readonly persistentPeers: readonly string[];
  /** From a block's commit to the next proposal. */
  readonly commitMs: number;
  /** Peers on one machine: addresses that are not public, and several of one. */
  readonly loopback: boolean;
}

function section(name: string, values: Readonly<Record<string, string | number | boolean | readonly string[]>>): string {
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${name === '' ? '' : `[${name}]\n`}${lines.join('\n')}\n`;
}

/** The text of config.toml: what differs from CometBFT's defaults, and every key that is overridden later. */
export function renderConfig({ moniker, rpc, p2p, persistentPeers, commitMs, loopback }: CometConfig): string {
  return [
    '# Made by r3mes for CometBFT v0.38, and yours from now on. r3mes node start sets proxy_app, db_dir, wal_file and the files of',
    '# genesis and keys itself; --rpc-host, --rpc-port, --p2p-port, --moniker and --block-ms go over what stands here.\n',
    section('', {
      proxy_app: '',
      moniker,
      abci: 'socket',
      db_backend: 'goleveldb',
      db_dir: 'data',
      log_level: 'info',
      log_format: 'plain',
      genesis_file: 'config/genesis.json',
      priv_validator_key_file: 'config/priv_validator_key.json',
      priv_validator_state_file: 'data/priv_validator_state.json',
      node_key_file: 'config/node_key.json',
      filter_peers: false,
    }),
    '# The RPC that clients use. Browsers may ask it from any page.',
    section('rpc', { laddr: `tcp://${rpc}`, cors_allowed_origins: ['*'], grpc_laddr: '', unsafe: false, pprof_laddr: '' }),
    '# seeds and persistent_peers are lists of id@host:port, separated by commas.',
    section('p2p', {
      laddr: `tcp://${p2p}`,
      external_address: '',
      seeds: '',
      persistent_peers: persistentPeers.join(','),
      addr_book_file: 'config/addrbook.json',
      addr_book_strict: !loopback,
      allow_duplicate_ip: loopback,
      pex: true,
    }),
    section('mempool', { recheck: true, broadcast: true, size: 10_000, cache_size: 20_000, max_txs_bytes: 1_073_741_824, max_tx_bytes: 1_048_576 }),
    '# A new node that takes the state from others needs two rpc_servers, and a height with its block hash that you trust.',
    section('statesync', { enable: false, rpc_servers: '', trust_height: 0, trust_hash: '', trust_period: '168h0m0s', discovery_time: '15s', temp_dir: '' }),
    section('blocksync', { version: 'v0' }),
    section('consensus', { wal_file: 'data/cs.wal/wal', timeout_commit: `${commitMs}ms`, skip_timeout_commit: false, double_sign_check_height: 0, create_empty_blocks: true }),
    '# Clients look transactions up by hash and by event: without kv they cannot.',
    section('tx_index', { indexer: 'kv' }),
    section('instrumentation', { prometheus: false, prometheus_listen_addr: '127.0.0.1:26660' }),
  ].join('\n');
}

/** A text value of config.toml; nothing where the file does not have the key. @param name of a section, '' for the top. */
export function configValue(toml: string, name: string, key: string): string | undefined {
  let current = '';
  for (const line of toml.split('\n')) {
    const header = /^\s*\[([^\]]+)\]\s*(#.*)?$/.exec(line)?.[1];
    if (header !== undefined) current = header.trim();
    if (current !== name) continue;
    const [, found, quoted, bare] = /^\s*([A-Za-z0-9_-]+)\s*=\s*(?:["']([^"']*)["']|([^#\s]*))/.exec(line) ?? [];
    if (found === key) return quoted ?? bare;
  }
  return undefined;
}

/** What r3mes sets at each start, over what config.toml says. */
export interface CometOverrides {
  /** `unix://…` or `tcp://…` of the ABCI server. */
  readonly proxyApp: string;
  readonly genesisFile: string;
  readonly validatorKeyFile: string;
  readonly signStateFile: string;
  readonly nodeKeyFile: string;
  /** Folder of CometBFT's databases. */
  readonly data: string;
  readonly walFile: string;
  readonly rpc: string;
  readonly p2p: string;
  readonly moniker?: string;
  readonly commitMs?: number;
  /** `host:port` where CometBFT serves its own metrics. */
  readonly metrics?: string;
  readonly logFormat?: 'plain' | 'json';
}

type Key = readonly [section: string, key: string];

function overridden(values: CometOverrides): readonly (readonly [Key, string | undefined])[] {
  return [
    [['', 'proxy_app'], values.proxyApp],
    [['', 'genesis_file'], values.genesisFile],
    [['', 'priv_validator_key_file'], values.validatorKeyFile],
    [['', 'priv_validator_state_file'], values.signStateFile],
    [['', 'node_key_file'], values.nodeKeyFile],
    [['', 'db_dir'], values.data],
    [['consensus', 'wal_file'], values.walFile],
    [['rpc', 'laddr'], `tcp://${values.rpc}`],
    [['p2p', 'laddr'], `tcp://${values.p2p}`],
    [['', 'moniker'], values.moniker],
    [['consensus', 'timeout_commit'], values.commitMs === undefined ? undefined : `${values.commitMs}ms`],
    [['', 'log_format'], values.logFormat],
    [['instrumentation', 'prometheus'], values.metrics === undefined ? undefined : 'true'],
    [['instrumentation', 'prometheus_listen_addr'], values.metrics],
  ];
}

/**
 * The variables that set these values.
 * @param toml config.toml: a key that it lacks could not be set.
 * @throws InvalidInputError naming that key, or one that would make CometBFT speak another protocol than ours.
 */
export function overrideVariables(toml: string, values: CometOverrides, file: string): Record<string, string> {
  const abci = configValue(toml, '', 'abci') ?? 'socket';
  if (abci !== 'socket') throw new InvalidInputError(`${file}: abci: expected "socket", got "${abci}"`, 'correct the file');
  const variables: Record<string, string> = {};
  for (const [[name, key], value] of overridden(values)) {
    if (value === undefined) continue;
    if (configValue(toml, name, key) === undefined) {
      throw new InvalidInputError(`${file}: expected the key ${key}${name === '' ? '' : ` in [${name}]`}, which r3mes sets at each start`, 'add it with any value, or delete the file: the next start makes a new one');
    }
    variables[`CMT_${name === '' ? '' : `${name.toUpperCase()}_`}${key.toUpperCase()}`] = value;
  }
  return variables;
}
