import type { ChainClient } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import type { RoleEvent } from '../../roles/role.js';
import { checkNetwork } from './connect.js';

/** After so long without a block the node is asked whether it is there, and again after as long. */
const SILENCE_MS = 5_000;

/**
 * Heights of new blocks through restarts of the node, which are told. Ends when `signal` is aborted.
 * @throws R3mesError WRONG_NETWORK where another chain answers at the node's address.
 */
export async function* watchedHeights(client: ChainClient, signal: AbortSignal, tell: (event: RoleEvent) => void, silenceMs = SILENCE_MS): AsyncGenerator<bigint> {
  const stop = new AbortController();
  let failure: R3mesError | undefined;
  let isGone = false;
  let heardMs = performance.now();
  const ask = async (): Promise<void> => {
    if (performance.now() - heardMs < silenceMs) return;
    try {
      const { chainId, height } = await client.status();
      checkNetwork(client, chainId, client.chainId);
      if (isGone) tell({ type: 'node_back', height });
      isGone = false;
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
      if (error.code === 'WRONG_NETWORK') {
        failure = error;
        stop.abort();
      } else if (!isGone) {
        isGone = true;
        tell({ type: 'node_unreachable', code: error.code, reason: error.message });
      }
    }
  };
  let asking = Promise.resolve();
  const timer = setInterval(() => {
    asking = asking.then(ask);
  }, silenceMs);
  try {
    for await (const height of client.blocks(AbortSignal.any([signal, stop.signal]))) {
      heardMs = performance.now();
      if (isGone) tell({ type: 'node_back', height });
      isGone = false;
      yield height;
      heardMs = performance.now(); // work on a block is no silence of the node
    }
  } finally {
    clearInterval(timer);
  }
  if (failure !== undefined) throw failure;
}
