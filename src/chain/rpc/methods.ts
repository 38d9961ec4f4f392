/** The methods of the RPC, by name. What they answer is CometBFT's; see https://docs.cometbft.com/v0.38/rpc/. */
import type { Method } from './method.js';
import { blockMethods } from './methods-block.js';
import { nodeMethods } from './methods-node.js';
import { txMethods } from './methods-tx.js';

export const METHODS: ReadonlyMap<string, Method> = new Map(Object.entries({ ...nodeMethods, ...blockMethods, ...txMethods }));
