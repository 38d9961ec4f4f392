import path from 'node:path';

import type { Paths } from '../config/paths.js';

/** Files and folders of the chain node of one home. */
export interface NodeHome {
  readonly genesisFile: string;
  /** CometBFT's priv_validator_key.json, 0600. */
  readonly validatorKeyFile: string;
  /** Secret of the beacon's VRF, 0600. */
  readonly vrfKeyFile: string;
  /** State and blocks: all that `node reset` deletes. */
  readonly chain: string;
  readonly state: string;
  /** Blocks of the solo engine. */
  readonly blocks: string;
  /** Blocks of CometBFT, its index and its write-ahead log. */
  readonly cometData: string;
  /** CometBFT's home: its configuration, which the operator edits, and the addresses of peers. */
  readonly comet: string;
  readonly cometConfigFile: string;
  /** What the validator key has signed: it must outlive the blocks, or the key could sign twice. */
  readonly signStateFile: string;
  /** This node's identity among peers, 0600. */
  readonly nodeKeyFile: string;
  /** Where `node engine install` puts CometBFT. */
  readonly engine: string;
  readonly pidFile: string;
  /** Children of a node with CometBFT, so that the next start can end what a killed node left. */
  readonly appPidFile: string;
  readonly cometPidFile: string;
  /** Folder of the socket between application and CometBFT; only its owner may enter. */
  readonly sockets: string;
  readonly logs: string;
  /** Name of the log below `logs`; it rotates. */
  readonly logName: string;
  readonly logFile: string;
  /** What a background node says outside of its log: crashes of the runtime itself. */
  readonly crashFile: string;
  /** CometBFT's own log, beside ours. */
  readonly cometLogName: string;
  readonly cometLogFile: string;
}

const LOG_NAME = 'node.log';
const COMET_LOG_NAME = 'comet.log';

export function nodeHome(paths: Paths): NodeHome {
  const keys = path.join(paths.data, 'validator');
  const comet = path.join(paths.data, 'comet');
  return {
    genesisFile: paths.genesisFile,
    validatorKeyFile: path.join(keys, 'priv_validator_key.json'),
    vrfKeyFile: path.join(keys, 'vrf_key.json'),
    chain: paths.chain,
    state: path.join(paths.chain, 'state'),
    blocks: path.join(paths.chain, 'blocks'),
    cometData: path.join(paths.chain, 'comet'),
    comet,
    cometConfigFile: path.join(comet, 'config', 'config.toml'),
    signStateFile: path.join(keys, 'priv_validator_state.json'),
    nodeKeyFile: path.join(keys, 'node_key.json'),
    engine: path.join(paths.data, 'engine'),
    pidFile: path.join(paths.state, 'node.pid'),
    appPidFile: path.join(paths.state, 'app.pid'),
    cometPidFile: path.join(paths.state, 'comet.pid'),
    sockets: path.join(paths.state, 'sockets'),
    logs: paths.logs,
    logName: LOG_NAME,
    logFile: path.join(paths.logs, LOG_NAME),
    crashFile: path.join(paths.logs, 'node.crash.log'),
    cometLogName: COMET_LOG_NAME,
    cometLogFile: path.join(paths.logs, COMET_LOG_NAME),
  };
}
