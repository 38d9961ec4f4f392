import { readFile } from 'node:fs/promises';

import { createApp } from '../../chain/app/app.js';
import { createModules } from '../../chain/app/modules.js';
import { RpcServer } from '../../chain/rpc/index.js';
import { SoloEngine, ValidatorKey, type SealingPolicy } from '../../chain/solo/index.js';
import { LevelDatabase } from '../../chain/store/level.js';
import type { ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import { parseGenesisDoc } from '../../protocol/genesis-doc.js';
import { ensureFolder } from '../files/atomic.js';
import type { DevnetKeys } from './keys.js';
import type { DevnetHome } from './settings.js';

export interface ChainNodeOptions {
  readonly home: DevnetHome;
  readonly keys: DevnetKeys;
  readonly port: number;
  readonly sealing: SealingPolicy;
  readonly onBlock: (height: bigint, results: ResponseFinalizeBlock) => void;
  /** Hears of bugs that no client is told. */
  readonly report: (text: string) => void;
}

/** The devnet's chain in this process: application, solo engine and RPC. */
export interface ChainNode {
  readonly engine: SoloEngine;
  readonly url: string;
  stop(): Promise<void>;
}

export async function startChainNode(options: ChainNodeOptions): Promise<ChainNode> {
  const { home, keys, port, sealing, onBlock, report } = options;
  await ensureFolder(home.state);
  await ensureFolder(home.blocks);
  const database = await LevelDatabase.open(home.state);
  const genesis = parseGenesisDoc(await readFile(home.genesisFile, 'utf8'));
  const app = createApp({ database, report, ...createModules(keys.vrfSecret) });
  const validatorKey = ValidatorKey.fromSeed(keys.validatorSeed);
  const engine = await SoloEngine.open({ app, genesis, validatorKey, directory: home.blocks, sealing, onBlock });
  const rpc = await RpcServer.listen({ engine, port, moniker: 'devnet', report: (error) => report(String(error)) });
  engine.start();
  return {
    engine,
    url: rpc.url,
    async stop() {
      await rpc.close();
      await engine.stop();
      await database.close();
    },
  };
}
