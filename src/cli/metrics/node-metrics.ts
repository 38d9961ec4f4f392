/** What is known of a node from outside of its application, for Prometheus; asked for whenever somebody collects. */
import { Counter, Gauge, Registry } from 'prom-client';

import { R3mesError } from '../../protocol/errors.js';
import { folderBytes } from '../files/folder-size.js';
import type { NodeHome } from '../node/home.js';
import { ownRssBytes, rssBytesOf } from '../node/memory.js';
import { askRpc } from '../node/rpc-probe.js';
import { RoundsProbe, type RoundsState } from './rounds.js';

const RPC_TIMEOUT_MS = 2000;

export interface NodeMetricsOptions {
  readonly home: NodeHome;
  /** URL of the RPC. */
  readonly rpc: string;
  readonly version: string;
  readonly engine: string;
  readonly chainId: string;
  /** The application's metrics as text. @throws where it does not answer. */
  readonly application: () => Promise<string>;
}

export interface NodeMetrics {
  readonly registry: Registry;
  /** Under CometBFT: called with the processes as they are now. */
  processes(appPid: number, cometPid: number): void;
  /** The text of all metrics: these and the application's. */
  collect(): Promise<string>;
}

/** What is not known is left out: it must not look like 0. */
function put(gauge: Gauge, value: number | null | undefined): void {
  if (value === null || value === undefined) gauge.remove();
  else gauge.set(value);
}

const numberOf = (text: string | null): number | null => (text === null ? null : Number(text));

export function createNodeMetrics({ home, rpc, version, engine, chainId, application }: NodeMetricsOptions): NodeMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  new Gauge({ name: 'r3mes_build_info', help: 'Always 1', labelNames: ['version', 'engine', 'chain_id'], registers }).set({ version, engine, chain_id: chainId }, 1);
  const rpcUp = gauge('r3mes_rpc_up', 'Whether the RPC answers');
  const appUp = gauge('r3mes_application_up', 'Whether the application gave its metrics');
  const catchingUp = gauge('r3mes_catching_up', 'Whether the node still fetches blocks that others have');
  const peers = gauge('r3mes_peers', 'Nodes that this one is connected to');
  const mempoolTxs = gauge('r3mes_mempool_transactions', 'Transactions that wait for a block');
  const mempoolBytes = gauge('r3mes_mempool_bytes', 'What waits for a block');
  const power = gauge('r3mes_validator_power', 'Voting power of this validator; 0 where it is none');
  const missed = gauge('r3mes_validator_missed_blocks', "Blocks of the chain's window that this validator has not signed");
  const newestWindow = gauge('r3mes_newest_window', 'Number of the newest training window');
  const windowsOpen = gauge('r3mes_windows_open', 'Training windows that are not settled');
  const cases = new Gauge({ name: 'r3mes_cases', help: 'Cases by whether they are open or closed', labelNames: ['state'], registers });
  const memory = new Gauge({ name: 'r3mes_resident_memory_bytes', help: 'Resident memory of a process of the node', labelNames: ['process'], registers });
  const database = new Gauge({ name: 'r3mes_database_bytes', help: 'Files of a database: state or blocks', labelNames: ['database'], registers });
  const restarts = new Counter({ name: 'r3mes_process_restarts_total', help: 'How often a process was started again', labelNames: ['process'], registers });
  const rounds = new RoundsProbe(rpc, RPC_TIMEOUT_MS);
  const pids = new Map<string, number>();

  async function askRounds(): Promise<RoundsState | undefined> {
    try {
      return await rounds.ask();
    } catch (error) {
      if (error instanceof R3mesError) return undefined; // while the node does not answer
      throw error;
    }
  }

  async function collectRpc(): Promise<void> {
    const state = await askRpc(rpc, RPC_TIMEOUT_MS);
    const isUp = state.height !== null;
    rpcUp.set(isUp ? 1 : 0);
    put(catchingUp, state.catchingUp === null ? null : Number(state.catchingUp));
    put(peers, state.peers);
    put(mempoolTxs, state.mempoolTxs);
    put(mempoolBytes, state.mempoolBytes);
    put(power, numberOf(state.votingPower));
    put(missed, numberOf(state.missedBlocks));
    const found = isUp ? await askRounds() : undefined;
    put(newestWindow, found === undefined ? null : Number(found.newestWindow));
    put(windowsOpen, found?.windowsOpen);
    cases.reset();
    if (found === undefined) return;
    cases.set({ state: 'open' }, found.casesOpen);
    cases.set({ state: 'closed' }, found.casesClosed);
  }

  async function collectMachine(): Promise<void> {
    memory.set({ process: 'node' }, ownRssBytes());
    for (const [process, pid] of pids) {
      const bytes = await rssBytesOf(pid);
      if (bytes === undefined) memory.remove({ process });
      else memory.set({ process }, bytes);
    }
    database.set({ database: 'state' }, await folderBytes(home.state));
    database.set({ database: 'blocks' }, await folderBytes(engine === 'comet' ? home.cometData : home.blocks));
  }

  async function applicationText(): Promise<string> {
    try {
      const text = await application();
      appUp.set(1);
      return text;
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
      appUp.set(0); // it is being started again
      return '';
    }
  }

  return {
    registry,
    processes(appPid, cometPid) {
      for (const [process, pid] of [['application', appPid], ['cometbft', cometPid]] as const) {
        const before = pids.get(process);
        restarts.inc({ process }, before === undefined || before === pid ? 0 : 1);
        pids.set(process, pid);
      }
    },
    async collect() {
      const [text] = await Promise.all([applicationText(), collectRpc(), collectMachine()]);
      return `${await registry.metrics()}${text}`;
    },
  };
}
