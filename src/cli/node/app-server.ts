/**
 * The application as a process of its own, for CometBFT. Its parent tells it what to serve and hears of blocks and of what
 * goes wrong; when the parent is gone, it ends.
 */
import { createApp } from '../../chain/app/app.js';
import { createModules } from '../../chain/app/modules.js';
import type { Application } from '../../chain/abci/application.js';
import { withTxService } from '../../chain/abci/tx-service.js';
import { type AbciAddress, AbciServer } from '../../chain/abci/server.js';
import { LevelDatabase } from '../../chain/store/level.js';
import { RpcConnection } from '../../client/rpc.js';
import { rpcBackend } from '../../gateway/backend.js';
import { findTx } from '../../gateway/services/txs.js';
import type { ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import { InvalidInputError } from '../../protocol/errors.js';
import { toHex } from '../../protocol/bytes.js';
import { describeError } from '../frame/errors.js';
import { type BlockLine, blockLine } from './block-line.js';
import { genesisInvalid, readGenesis, readNodeKeys } from './genesis.js';
import type { NodeHome } from './home.js';
import { type AppMetrics } from '../metrics/app-metrics.js';

/** What the parent tells first. */
export interface AppSettings {
  readonly home: NodeHome;
  readonly address: AbciAddress;
  /** CometBFT's RPC: its index of transactions is what `GetTx` is answered from. */
  readonly rpc: string;
  /** Whether it is measured. */
  readonly metrics?: boolean;
}

/** What the parent asks later: its metrics. */
export interface MetricsQuestion {
  readonly id: number;
}

export interface AppFailure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly retryable: boolean;
}

/** What the process tells its parent. */
export type AppMessage =
  | { readonly type: 'ready'; readonly address: string; readonly height: string; readonly appHash: string }
  | { readonly type: 'block'; readonly line: BlockLine }
  | { readonly type: 'report'; readonly text: string }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  /** The node cannot go on. */
  | { readonly type: 'failed'; readonly error: AppFailure };

/** These change the state or begin it: CometBFT has no way to go on without them. Queries and checks may fail. */
const FATAL = new Set(['info', 'initChain', 'finalizeBlock', 'commit']);

/** The same application, with `onBlock` called after each commit. */
function observed(app: Application, onBlock: (height: bigint, results: ResponseFinalizeBlock) => void): Application {
  let last: { height: bigint; results: ResponseFinalizeBlock } | undefined;
  return {
    info: (request) => app.info(request),
    initChain: (request) => app.initChain(request),
    checkTx: (request) => app.checkTx(request),
    prepareProposal: (request) => app.prepareProposal(request),
    processProposal: (request) => app.processProposal(request),
    query: (request) => app.query(request),
    listSnapshots: () => app.listSnapshots(),
    loadSnapshotChunk: (request) => app.loadSnapshotChunk(request),
    offerSnapshot: (request) => app.offerSnapshot(request),
    applySnapshotChunk: (request) => app.applySnapshotChunk(request),
    finalizeBlock: async (request) => {
      const results = await app.finalizeBlock(request);
      last = { height: request.height, results };
      return results;
    },
    commit: async () => {
      const response = await app.commit();
      if (last !== undefined) onBlock(last.height, last.results);
      last = undefined;
      return response;
    },
  };
}

function tell(message: AppMessage): void {
  // The parent may be gone; then 'disconnect' ends this process.
  if (process.connected) process.send?.(message, () => undefined);
}

function failureOf(error: unknown, genesisFile: string): AppFailure {
  // Only the genesis is input here; the application checks it in full when the chain begins.
  const { code, message, hint, retryable } = describeError(error instanceof InvalidInputError ? genesisInvalid(genesisFile, error) : error);
  return { code, message, hint, retryable };
}

/** Measures the application and answers the parent's questions; the libraries are loaded only where somebody wants that. */
async function measured(app: Application): Promise<Application> {
  const [{ createAppMetrics }, { metered }] = await Promise.all([import('../metrics/app-metrics.js'), import('../metrics/metered.js')]);
  const metrics: AppMetrics = createAppMetrics();
  process.on('message', ({ id }: MetricsQuestion) => {
    void metrics.registry.metrics().then((text) => tell({ type: 'metrics', id, text }));
  });
  return metered(app, metrics);
}

/** CometBFT answers from its own databases, without asking the application; still, a block must not wait long for it. */
const FIND_TX_MS = 1000;

/** Opens state and socket. @returns what closes them. */
async function serve({ home, address, rpc, metrics }: AppSettings, wrap: (app: Application) => Application): Promise<() => Promise<void>> {
  const genesis = await readGenesis(home.genesisFile, undefined);
  const { vrfSecret } = await readNodeKeys(home, genesis);
  const database = await LevelDatabase.open(home.state);
  try {
    const report = (text: string): void => tell({ type: 'report', text });
    const reportBug = (text: string, cause?: unknown): void => report(cause === undefined ? text : `${text}: ${describeError(cause).message}`);
    const bare = createApp({ database, report: reportBug, ...createModules(vrfSecret, reportBug) });
    const app = metrics === true ? await measured(bare) : bare;
    const { lastBlockHeight, lastBlockAppHash } = await app.info({ version: '', blockVersion: 0n, p2pVersion: 0n, abciVersion: '' });
    const backend = rpcBackend(new RpcConnection(rpc, FIND_TX_MS));
    const server = await AbciServer.listen({
      app: wrap(observed(withTxService(app, (hash) => findTx(backend, hash)), (height, results) => tell({ type: 'block', line: blockLine(height, results) }))),
      address,
      report,
      onException: (kind, error) => {
        if (FATAL.has(kind)) tell({ type: 'failed', error: failureOf(error, home.genesisFile) });
      },
    });
    tell({ type: 'ready', address: server.address, height: lastBlockHeight.toString(), appHash: toHex(lastBlockAppHash) });
    return async () => {
      await server.close();
      await database.close();
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Runs this process as the application of its parent, until the parent disconnects.
 * @param wrap puts something around the application; for tests that break it off.
 */
export function runAppProcess(wrap: (app: Application) => Application = (app) => app): void {
  // A signal to the whole group is for the parent, which ends CometBFT first.
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  const parentGone = new Promise<void>((resolve) => process.once('disconnect', () => resolve()));
  process.once('message', (settings: AppSettings) => {
    const running = serve(settings, wrap);
    running.catch((error: unknown) => tell({ type: 'failed', error: failureOf(error, settings.home.genesisFile) }));
    void parentGone
      .then(async () => (await running)())
      .then(
        () => process.exit(0),
        () => process.exit(1), // told above, or the parent does not listen any more
      );
  });
}
