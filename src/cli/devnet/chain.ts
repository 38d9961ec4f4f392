import type { BlockResults } from '../../client/index.js';
import type { GenesisDoc } from '../../protocol/genesis-doc.js';

/** A block whose state can be asked at every node. */
export interface Head {
  readonly height: bigint;
  /** Of the state after the block. */
  readonly appHash: Uint8Array;
}

/** The chain under a devnet, whichever engine makes its blocks. */
export interface DevnetChain {
  readonly url: string;
  /** RPC of the other nodes. */
  readonly otherUrls: readonly string[];
  /** Whether blocks wait for the roles and for whoever watches; else they come as time passes. */
  readonly isPaced: boolean;
  readonly genesis: GenesisDoc;
  /** Whether blocks were there before this start. */
  readonly isContinued: boolean;
  /** Rejects with what ended the chain. */
  readonly finished: Promise<void>;
  /** Results of a block that is there. */
  results(height: bigint): Promise<BlockResults>;
  /** Where blocks wait: the watcher has seen a block, 0 for none yet, and the next may come. */
  seen(height: bigint): void;
  head(): Promise<Head>;
  stop(): Promise<void>;
}

export interface ChainHooks {
  /** Called with each new block, in their order. */
  readonly onBlock: (height: bigint, results: BlockResults) => void;
  /** Hears of what went wrong without ending the chain, and of bugs that no client is told. */
  readonly report: (text: string) => void;
}
