/** Prepares CometBFT's home before it starts: what is missing is made, what is there stays. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import type { AbciAddress } from '../../chain/abci/server.js';
import { configValue, overrideVariables, renderConfig } from '../../chain/comet/config.js';
import { newNodeKey, NOTHING_SIGNED } from '../../chain/comet/files.js';
import { R3mesError } from '../../protocol/errors.js';
import { createFileAtomic, ensureFolder, SECRET_FILE, SECRET_FOLDER } from '../files/atomic.js';
import { fileExists } from '../files/exists.js';
import type { NodeHome } from './home.js';
import { DEFAULT_MONIKER, DEFAULT_P2P_PORT, DEFAULT_RPC_HOST, DEFAULT_RPC_PORT, type NodeSettings } from './settings.js';

/** Of the path of a Unix socket; Linux takes 107, macOS 103. */
const MAX_SOCKET_PATH = 100;

/** CometBFT's own timeout_commit. */
const COMET_COMMIT_MS = 1000;

/** Where to listen for CometBFT, and what is to be removed afterwards. */
export interface AbciPlace {
  readonly address: AbciAddress;
  readonly remove: () => Promise<void>;
}

/** A Unix socket in a folder that only its owner may enter; whoever could write to it could write the chain. */
export async function abciPlace(home: NodeHome): Promise<AbciPlace> {
  // No Unix sockets for CometBFT there: any user of the machine could connect, as the documents say.
  if (process.platform === 'win32') return { address: { host: '127.0.0.1', port: 0 }, remove: () => Promise.resolve() };
  const file = path.join(home.sockets, 'abci.sock');
  if (Buffer.byteLength(file) <= MAX_SOCKET_PATH) {
    await ensureFolder(home.sockets, SECRET_FOLDER);
    return { address: { path: file }, remove: () => rm(file, { force: true }) };
  }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'r3mes-abci-')); // 0700, as every folder of mkdtemp
  return { address: { path: path.join(folder, 'abci.sock') }, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** What the key has signed is not known, although the chain has begun: it might sign two blocks of one height. */
function signStateMissing(home: NodeHome): R3mesError {
  return new R3mesError({
    code: 'SIGN_STATE_MISSING',
    message: `there is no ${home.signStateFile}, but ${home.cometData} holds blocks: what this validator has signed is not known`,
    hint: 'restore the file from a backup; a validator that signs twice is punished',
  });
}

/** Makes config.toml, node key and sign state where they are missing. */
export async function prepareCometHome(home: NodeHome, commitMs: number, moniker = DEFAULT_MONIKER): Promise<void> {
  if (!(await fileExists(home.cometConfigFile))) {
    const text = renderConfig({ moniker, rpc: `${DEFAULT_RPC_HOST}:${DEFAULT_RPC_PORT}`, p2p: `127.0.0.1:${DEFAULT_P2P_PORT}`, persistentPeers: [], commitMs, loopback: false });
    await createFileAtomic(home.cometConfigFile, text);
  }
  if (!(await fileExists(home.nodeKeyFile))) await createFileAtomic(home.nodeKeyFile, newNodeKey().text, SECRET_FILE);
  if (!(await fileExists(home.signStateFile))) {
    if (await fileExists(home.cometData)) throw signStateMissing(home);
    await createFileAtomic(home.signStateFile, NOTHING_SIGNED, SECRET_FILE);
  }
  await ensureFolder(home.cometData);
}

/** `tcp://127.0.0.1:26657` → its two halves. */
function hostAndPort(laddr: string | undefined, fallback: readonly [string, number]): { host: string; port: number } {
  const [, host, port] = /^(?:tcp:\/\/)?(.*):([0-9]+)$/.exec(laddr ?? '') ?? [];
  return host === undefined || port === undefined ? { host: fallback[0], port: fallback[1] } : { host: host === '' ? '0.0.0.0' : host, port: Number(port) };
}

/** `300ms`, `5s`, `1.5s`: milliseconds of a duration as Go writes it, where it has one unit. */
function durationMs(text: string | undefined): number | undefined {
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m)$/.exec(text ?? '') ?? [];
  return amount === undefined ? undefined : Number(amount) * (unit === 'ms' ? 1 : unit === 's' ? 1000 : 60_000);
}

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** CometBFT does not tell which port it took, so one is looked for before. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export interface CometStart {
  readonly rpcHost: string;
  readonly rpcPort: number;
  /** URL at which this machine reaches the RPC. */
  readonly rpc: string;
  /** From a block's commit to the next proposal. */
  readonly commitMs: number;
  /** URL of CometBFT's own metrics, where a flag asks for them. */
  readonly metrics?: string;
  /** Variables for CometBFT's process. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Addresses and files of one start: flags over config.toml. @throws InvalidInputError for a config.toml that cannot be used. */
export async function cometStart(settings: NodeSettings, proxyApp: string): Promise<CometStart> {
  const { home, moniker, blockMs, cometMetrics, logFormat } = settings;
  const toml = await readFile(home.cometConfigFile, 'utf8');
  const rpcGiven = hostAndPort(configValue(toml, 'rpc', 'laddr'), [DEFAULT_RPC_HOST, DEFAULT_RPC_PORT]);
  const p2pGiven = hostAndPort(configValue(toml, 'p2p', 'laddr'), ['127.0.0.1', DEFAULT_P2P_PORT]);
  const rpcHost = settings.rpcHost ?? rpcGiven.host;
  const rpcWanted = settings.rpcPort ?? rpcGiven.port;
  const p2pWanted = settings.p2pPort ?? p2pGiven.port;
  const rpcPort = rpcWanted === 0 ? await freePort(rpcHost) : rpcWanted;
  const p2pPort = p2pWanted === 0 ? await freePort(p2pGiven.host) : p2pWanted;
  const metricsPort = cometMetrics?.port === 0 ? await freePort(cometMetrics.host) : cometMetrics?.port;
  const metrics = cometMetrics === undefined ? undefined : `${hostInUrl(cometMetrics.host)}:${metricsPort ?? 0}`;
  const variables = overrideVariables(
    toml,
    {
      proxyApp,
      genesisFile: home.genesisFile,
      validatorKeyFile: home.validatorKeyFile,
      signStateFile: home.signStateFile,
      nodeKeyFile: home.nodeKeyFile,
      data: home.cometData,
      walFile: path.join(home.cometData, 'cs.wal', 'wal'),
      rpc: `${rpcHost}:${rpcPort}`,
      p2p: `${p2pGiven.host}:${p2pPort}`,
      ...(moniker === undefined ? {} : { moniker }),
      ...(blockMs === undefined ? {} : { commitMs: blockMs }),
      ...(metrics === undefined ? {} : { metrics }),
      ...(logFormat === undefined ? {} : { logFormat: logFormat === 'json' ? 'json' : 'plain' }),
    },
    home.cometConfigFile,
  );
  const reachable = rpcHost === '0.0.0.0' || rpcHost === '::' || rpcHost === '[::]' ? '127.0.0.1' : rpcHost;
  const commitMs = blockMs ?? durationMs(configValue(toml, 'consensus', 'timeout_commit')) ?? COMET_COMMIT_MS;
  return { rpcHost, rpcPort, rpc: `http://${reachable}:${rpcPort}`, commitMs, variables, ...(metrics === undefined ? {} : { metrics: `http://${metrics}/metrics` }) };
}
