import { readFile } from 'node:fs/promises';

import { ValidatorKey, type SealingPolicy } from '../../chain/solo/index.js';
import type { ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import { parseGenesisDoc } from '../../protocol/genesis-doc.js';
import { type ChainNode, openChainNode } from '../node/chain-node.js';
import type { DevnetKeys } from './keys.js';
import type { DevnetHome } from './settings.js';

export type { ChainNode };

export interface ChainNodeOptions {
  readonly home: DevnetHome;
  readonly keys: DevnetKeys;
  readonly port: number;
  readonly sealing: SealingPolicy;
  readonly onBlock: (height: bigint, results: ResponseFinalizeBlock) => void;
  /** Hears of bugs that no client is told. */
  readonly report: (text: string) => void;
}

/** The devnet's chain in this process. */
export async function startChainNode({ home, keys, port, sealing, onBlock, report }: ChainNodeOptions): Promise<ChainNode> {
  const genesis = parseGenesisDoc(await readFile(home.genesisFile, 'utf8'));
  const validatorKey = ValidatorKey.fromSeed(keys.validatorSeed);
  const { state, blocks } = home;
  const node = await openChainNode({ state, blocks, genesis, validatorKey, vrfSecret: keys.vrfSecret, port, moniker: 'devnet', sealing, onBlock, report });
  node.engine.start();
  return node;
}
