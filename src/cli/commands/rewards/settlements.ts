import type { ChainClient } from '../../../client/index.js';
import { R3mesError } from '../../../protocol/errors.js';
import type { Settlement } from './terms.js';

/** When a window was settled and what it could mint, from the event of that block. @throws R3mesError NO_SETTLEMENT */
export async function settlementOf(client: ChainClient, windowId: bigint): Promise<Settlement> {
  for (const height of await client.history.blockHeights(`window_settled.window_id='${windowId}'`)) {
    for (const { type, attributes } of await client.history.blockEvents(height)) {
      const of = (key: string): string | undefined => attributes.find((a) => a.key === key)?.value;
      if (type !== 'window_settled' || of('window_id') !== windowId.toString()) continue;
      return { height, time: (await client.header(height)).timeSeconds, budget: BigInt(of('budget') ?? '0') };
    }
  }
  throw new R3mesError({ code: 'NO_SETTLEMENT', message: `the node knows no block that settled window ${windowId}`, hint: 'ask a node that keeps all blocks and their events' });
}
