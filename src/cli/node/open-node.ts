/** Opens a node with the engine that its chain has: alone in this process, or with CometBFT. */
import type { Application } from '../../chain/abci/application.js';
import { toHex } from '../../protocol/bytes.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import type { GenesisDoc } from '../../protocol/genesis-doc.js';
import { fileExists } from '../files/exists.js';
import { type LogFile, openLogFile } from '../files/log-file.js';
import { APP_ENTRY } from './app-child.js';
import { type BlockLine, blockLine } from './block-line.js';
import { genesisInvalid, readNodeKeys, refuseManyValidators } from './genesis.js';
import type { NodeHome } from './home.js';
import { DEFAULT_MONIKER, DEFAULT_RPC_HOST, DEFAULT_RPC_PORT, type Engine, type NodeInfo, type NodeSettings } from './settings.js';

export interface OpenNode {
  readonly info: Pick<NodeInfo, 'rpc' | 'rpcHost' | 'rpcPort' | 'blockMs' | 'engine' | 'cometbft' | 'cometMetrics'>;
  readonly height: bigint;
  /** Empty where there is no block yet. */
  readonly appHash: string;
  /** Rejects with what ended the engine. */
  readonly finished: Promise<void>;
  /** Seals blocks from now on, where they are not sealed already. */
  start(): void;
  /** The application's metrics as text. @throws R3mesError NO_METRICS where it is not measured, or does not answer. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export interface OpenHooks {
  readonly onBlock: (line: BlockLine) => void;
  /** Hears of what went wrong without ending the node. */
  readonly report: (text: string) => void;
  /** Hears of what is good to know. */
  readonly note: (text: string) => void;
  /** Under CometBFT: called with the processes whenever one has been started. */
  readonly onProcesses: (appPid: number, cometPid: number) => void;
}

/** The engine that this home's blocks were made with; nothing where there are none. */
export async function engineOfBlocks(home: NodeHome): Promise<Engine | undefined> {
  if (await fileExists(home.cometData)) return 'comet';
  return (await fileExists(home.blocks)) ? 'solo' : undefined;
}

/** @throws R3mesError ENGINE_MISMATCH where the chain was begun with the other engine: it does not have these blocks. */
export async function chooseEngine({ home, engine }: NodeSettings, genesis: GenesisDoc): Promise<Engine> {
  const made = await engineOfBlocks(home);
  if (engine !== undefined && made !== undefined && engine !== made) {
    throw new R3mesError({
      code: 'ENGINE_MISMATCH',
      message: `the chain in ${home.chain} was begun with the engine ${made}, expected ${engine}`,
      hint: `go on with: r3mes node start --engine ${made}; or begin the chain anew: r3mes node reset`,
    });
  }
  return engine ?? made ?? (genesis.validators.length > 1 ? 'comet' : 'solo');
}

function notMeasured(): R3mesError {
  return new R3mesError({ code: 'NO_METRICS', message: 'this node is not measured', hint: 'start it with --metrics HOST:PORT' });
}

/** Loaded only where somebody wants metrics. */
async function measuring(): Promise<{ readonly wrap: (app: Application) => Application; readonly text: () => Promise<string> }> {
  const [{ createAppMetrics }, { metered }] = await Promise.all([import('../metrics/app-metrics.js'), import('../metrics/metered.js')]);
  const metrics = createAppMetrics();
  return { wrap: (app) => metered(app, metrics), text: () => metrics.registry.metrics() };
}

async function openSolo(settings: NodeSettings, genesis: GenesisDoc, nominalMs: number, { onBlock, report }: OpenHooks): Promise<OpenNode> {
  const { home, rpcHost = DEFAULT_RPC_HOST, rpcPort = DEFAULT_RPC_PORT, moniker = DEFAULT_MONIKER } = settings;
  const blockMs = settings.blockMs ?? nominalMs;
  if (settings.cometMetrics !== undefined) {
    throw new R3mesError({ code: 'USAGE', message: '--comet-metrics: there is no CometBFT with the engine solo', hint: 'leave it out, or start the chain with --engine comet' });
  }
  refuseManyValidators(genesis, home.genesisFile);
  const { openChainNode } = await import('./chain-node.js');
  const keys = await readNodeKeys(home, genesis);
  const measure = settings.metrics === undefined ? undefined : await measuring();
  try {
    const node = await openChainNode({
      state: home.state,
      blocks: home.blocks,
      genesis,
      ...keys,
      host: rpcHost,
      port: rpcPort,
      moniker,
      sealing: { kind: 'interval', intervalMs: blockMs },
      ...(measure === undefined ? {} : { wrap: measure.wrap }),
      onBlock: (height, results) => onBlock(blockLine(height, results)),
      report,
    });
    const { engine } = node;
    return {
      info: { rpc: node.url, rpcHost, rpcPort, blockMs, engine: 'solo' },
      get height() {
        return engine.height;
      },
      get appHash() {
        return engine.height === 0n ? '' : toHex(engine.state.appHash);
      },
      get finished() {
        return engine.finished;
      },
      start: () => engine.start(),
      metrics: () => (measure === undefined ? Promise.reject(notMeasured()) : measure.text()),
      stop: () => node.stop(),
    };
  } catch (error) {
    // Only the genesis is input here; the application checks it in full when the chain begins.
    if (error instanceof InvalidInputError) throw genesisInvalid(home.genesisFile, error);
    throw error;
  }
}

async function openComet(settings: NodeSettings, genesis: GenesisDoc, nominalMs: number, hooks: OpenHooks, signal: AbortSignal): Promise<OpenNode> {
  const { home } = settings;
  // Each engine is loaded where it runs: this process only watches, and keeps small.
  const [{ findComet }, { prepareCometHome }, { CometNode }] = await Promise.all([import('../../chain/comet/binary.js'), import('./comet-files.js'), import('./comet-node.js')]);
  const comet = await findComet({ given: settings.cometbft, folder: home.engine, search: process.env['PATH'] ?? '' });
  await readNodeKeys(home, genesis); // the application reads them in its own process; what is wrong is told before anything starts
  await prepareCometHome(home, nominalMs, settings.moniker);
  let log: LogFile | undefined;
  try {
    log = await openLogFile(home.logs, home.cometLogName, { onError: (error) => hooks.report(`${home.cometLogFile}: ${error.message}`) });
    const lines = log;
    hooks.note(`CometBFT ${comet.version} (${comet.file}, SHA-256 ${comet.sha256}), its log ${home.cometLogFile}`);
    const node = await CometNode.open({ settings, comet, appEntry: APP_ENTRY, ...hooks, onCometLine: (line) => lines.write(line) }, signal);
    return {
      info: { rpc: node.start.rpc, rpcHost: node.start.rpcHost, rpcPort: node.start.rpcPort, blockMs: node.start.commitMs, engine: 'comet', cometbft: comet.file, ...(node.start.metrics === undefined ? {} : { cometMetrics: node.start.metrics }) },
      get height() {
        return node.height;
      },
      get appHash() {
        return node.appHash;
      },
      finished: node.finished,
      start: () => undefined,
      metrics: () => node.metrics(),
      stop: async () => {
        await node.stop();
        await lines.close();
      },
    };
  } catch (error) {
    await log?.close();
    throw error;
  }
}

/** @param nominalMs time between blocks that the genesis is laid out for. @throws R3mesError as the engine, the application and the database do; nothing runs then. */
export async function openNode(settings: NodeSettings, genesis: GenesisDoc, nominalMs: number, hooks: OpenHooks, signal: AbortSignal): Promise<OpenNode> {
  const engine = await chooseEngine(settings, genesis);
  return engine === 'solo' ? openSolo(settings, genesis, nominalMs, hooks) : openComet(settings, genesis, nominalMs, hooks, signal);
}
