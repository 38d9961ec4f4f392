/** The chain in this process: application, solo engine and RPC, opened and closed together. */
import type { Application } from '../../chain/abci/application.js';
import { createApp } from '../../chain/app/app.js';
import { createModules } from '../../chain/app/modules.js';
import { RpcServer } from '../../chain/rpc/index.js';
import { SoloEngine, type SealingPolicy, type ValidatorKey } from '../../chain/solo/index.js';
import { LevelDatabase } from '../../chain/store/level.js';
import type { ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import type { GenesisDoc } from '../../protocol/genesis-doc.js';

export interface ChainNodeOptions {
  /** Folder of the application's state; made where it is missing. */
  readonly state: string;
  /** Folder of the blocks; made where it is missing. */
  readonly blocks: string;
  readonly genesis: GenesisDoc;
  readonly validatorKey: ValidatorKey;
  /** 32 bytes; absent where the genesis has no VRF key for this validator. */
  readonly vrfSecret?: Uint8Array | undefined;
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** Name of the node that clients see. */
  readonly moniker: string;
  readonly sealing: SealingPolicy;
  /** Puts something around the application, to measure it. */
  readonly wrap?: (app: Application) => Application;
  readonly onBlock: (height: bigint, results: ResponseFinalizeBlock) => void;
  /** Hears of bugs that no client is told. */
  readonly report: (text: string) => void;
}

export interface ChainNode {
  readonly engine: SoloEngine;
  readonly url: string;
  /** Finishes the block at hand and closes everything. */
  stop(): Promise<void>;
}

/** Opens what is to be closed in reverse order, also where a later part fails to open. */
class Opened {
  readonly #closers: (() => Promise<void>)[] = [];

  async add<T>(opening: Promise<T>, close: (opened: T) => Promise<void>): Promise<T> {
    const opened = await opening;
    this.#closers.unshift(() => close(opened));
    return opened;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
  }
}

/**
 * Opens all parts; blocks are sealed from `engine.start()` on.
 * @throws R3mesError as the database, the engine and the RPC do; what was opened is closed again.
 */
export async function openChainNode(options: ChainNodeOptions): Promise<ChainNode> {
  const { genesis, validatorKey, host, port, moniker, sealing, wrap = (app: Application): Application => app, onBlock, report } = options;
  const opened = new Opened();
  try {
    const database = await opened.add(LevelDatabase.open(options.state), (db) => db.close());
    const app = wrap(createApp({ database, report, ...createModules(options.vrfSecret, report) }));
    const engine = await opened.add(SoloEngine.open({ app, genesis, validatorKey, directory: options.blocks, sealing, onBlock }), (e) => e.stop());
    const listening = RpcServer.listen({ engine, port, ...(host === undefined ? {} : { host }), moniker, report: (error) => report(String(error)) });
    const rpc = await opened.add(listening, (server) => server.close());
    return { engine, url: rpc.url, stop: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
