import { readFile } from 'node:fs/promises';

import { ValidatorKey, type SealingPolicy } from '../../chain/solo/index.js';
import { R3mesError } from '../../protocol/errors.js';
import { parseGenesisDoc } from '../../protocol/genesis-doc.js';
import { openChainNode } from '../node/chain-node.js';
import type { ChainHooks, DevnetChain } from './chain.js';
import { OBSERVER, type DevnetKeys } from './keys.js';
import type { DevnetHome } from './settings.js';

export interface SoloChainOptions extends ChainHooks {
  readonly home: DevnetHome;
  readonly keys: DevnetKeys;
  readonly port: number;
  readonly sealing: SealingPolicy;
}

/** The devnet's chain in this process: one validator, and blocks that wait for every role. */
export async function startSoloChain({ home, keys, port, sealing, onBlock, report }: SoloChainOptions): Promise<DevnetChain> {
  const genesis = parseGenesisDoc(await readFile(home.genesisFile, 'utf8'));
  const validatorKey = ValidatorKey.fromSeed(keys.validatorSeed);
  const { state, blocks } = home;
  const node = await openChainNode({ state, blocks, genesis, validatorKey, vrfSecret: keys.vrfSecret, port, moniker: 'devnet', sealing, onBlock, report });
  const { engine } = node;
  engine.start();
  return {
    url: node.url,
    otherUrls: [],
    isPaced: true,
    genesis,
    isContinued: engine.height > 0n,
    finished: engine.finished,
    results(height) {
      const results = engine.store.results(height);
      if (results === undefined) throw new R3mesError({ code: 'UNKNOWN_BLOCK', message: `the chain has no block ${height}` });
      return Promise.resolve(results);
    },
    seen(height) {
      if (height === 0n) engine.roles.join(OBSERVER);
      else engine.roles.ready(OBSERVER, height);
    },
    async head() {
      const { lastBlockHeight: height, lastBlockAppHash: appHash } = await engine.info();
      return { height, appHash };
    },
    stop: () => node.stop(),
  };
}
