import type { SoloEngine } from '../solo/engine.js';
import type { Args } from './args.js';

export interface MethodContext {
  readonly engine: SoloEngine;
  readonly moniker: string;
  /** Where the RPC listens, e.g. `tcp://127.0.0.1:26657`. */
  readonly listenAddress: string;
  readonly commitTimeoutMs: number;
}

export interface Method {
  /** Names of the parameters, in order. */
  readonly params: readonly string[];
  /** Changes what the node does: not for web pages, and not by URI, which any page can make a browser fetch. */
  readonly isControl?: boolean;
  /** @throws RpcError, or R3mesError that becomes CometBFT's internal error. */
  readonly handle: (args: Args, context: MethodContext) => unknown;
}
