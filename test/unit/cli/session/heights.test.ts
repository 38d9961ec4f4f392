import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { watchedHeights } from '../../../../src/cli/session/heights.js';
import { ChainClient } from '../../../../src/client/index.js';
import type { RoleEvent } from '../../../../src/roles/role.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A node of which nothing is known but `state`; while it is silent its answers are no JSON. */
async function fakeNode(state: { height: number; chainId: string; isSilent: boolean }): Promise<ChainClient> {
  server = createServer((_, response) => {
    const result = { node_info: { network: state.chainId, version: '0.38' }, sync_info: { latest_block_height: String(state.height), catching_up: false } };
    response.end(state.isSilent ? 'no' : JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return ChainClient.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

describe('heights that are watched', () => {
  it('tell once that the node is gone, and that it is back', async () => {
    const state = { height: 1, chainId: 'a-1', isSilent: false };
    const client = await fakeNode(state);
    const events: RoleEvent[] = [];
    const stop = new AbortController();
    const seen: bigint[] = [];
    const tell = (event: RoleEvent): void => {
      events.push(event);
      if (event.type === 'node_unreachable') Object.assign(state, { height: 2, isSilent: false });
    };
    for await (const height of watchedHeights(client, stop.signal, tell, 100)) {
      seen.push(height);
      state.isSilent = height === 1n;
      if (height === 2n) stop.abort();
    }
    expect(seen).toEqual([1n, 2n]);
    expect(events.map(({ type }) => type)).toEqual(['node_unreachable', 'node_back']);
  });

  it('end with an error where another chain answers', async () => {
    const state = { height: 1, chainId: 'a-1', isSilent: false };
    const client = await fakeNode(state);
    const drain = async (): Promise<void> => {
      const heights = watchedHeights(client, new AbortController().signal, () => undefined, 100);
      while ((await heights.next()).done !== true) state.chainId = 'b-1';
    };
    await expect(drain()).rejects.toMatchObject({ code: 'WRONG_NETWORK' });
  });
});
