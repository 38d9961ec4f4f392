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
  readonly blocks: string;
  readonly pidFile: string;
  readonly logs: string;
  /** Name of the log below `logs`; it rotates. */
  readonly logName: string;
  readonly logFile: string;
  /** What a background node says outside of its log: crashes of the runtime itself. */
  readonly crashFile: string;
}

const LOG_NAME = 'node.log';

export function nodeHome(paths: Paths): NodeHome {
  const keys = path.join(paths.data, 'validator');
  return {
    genesisFile: paths.genesisFile,
    validatorKeyFile: path.join(keys, 'priv_validator_key.json'),
    vrfKeyFile: path.join(keys, 'vrf_key.json'),
    chain: paths.chain,
    state: path.join(paths.chain, 'state'),
    blocks: path.join(paths.chain, 'blocks'),
    pidFile: path.join(paths.state, 'node.pid'),
    logs: paths.logs,
    logName: LOG_NAME,
    logFile: path.join(paths.logs, LOG_NAME),
    crashFile: path.join(paths.logs, 'node.crash.log'),
  };
}
