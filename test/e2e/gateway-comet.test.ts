/** The gateway beside a node under real CometBFT: blocks, validators and transactions come from CometBFT's own RPC. */
// Answers of a server have no types; what is expected of them is what is written here.
/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Foreground, cometForTests, r3mes } from './comet-harness.js';
import { type Answer, answerOf } from './gateway-harness.js';

const comet = cometForTests();
const home = mkdtempSync(path.join(tmpdir(), 'r3mes-gateway-comet-'));
const CHAIN_ID = 'gateway-comet-1';

describe.skipIf(comet === undefined)('the gateway over CometBFT', () => {
  let node: Foreground;
  let rest: string;
  const get = async (route: string): Promise<Answer> => answerOf(await fetch(`${rest}${route}`));

  beforeAll(async () => {
    expect(await r3mes(home, 'init', '--role', 'founder', '--network', CHAIN_ID, '--wallet', 'me', '--device', 'cpu', '--unsafe-plaintext', '--yes')).toMatchObject({ code: 0 });
    node = new Foreground(home, ['--engine', 'comet', '--cometbft', comet!, '--rpc-port', '0', '--p2p-port', '0', '--block-ms', '100', '--api', '0', '--grpc', '0']);
    rest = String((await node.started())['api']);
    await node.beyond(2);
  });
  afterAll(async () => {
    await node.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it('tells of the node, its blocks and its validators', async () => {
    const info = await get('/cosmos/base/tendermint/v1beta1/node_info');
    expect(info.body.default_node_info).toMatchObject({ network: CHAIN_ID, version: expect.stringMatching(/^0\.38\./) as string, channels: expect.any(String) as string });
    expect((await get('/cosmos/base/tendermint/v1beta1/syncing')).body).toEqual({ syncing: false });
    const first = await get('/cosmos/base/tendermint/v1beta1/blocks/1');
    expect([first.status, first.body.block.header.chain_id, first.body.block.header.height]).toEqual([200, CHAIN_ID, '1']);
    const latest = await get('/cosmos/base/tendermint/v1beta1/blocks/latest');
    expect(latest.body.block.last_commit.signatures).toMatchObject([{ block_id_flag: 'BLOCK_ID_FLAG_COMMIT' }]);
    const { body: validators } = await get('/cosmos/base/tendermint/v1beta1/validatorsets/latest');
    expect(validators).toMatchObject({ validators: [{ pub_key: { '@type': '/cosmos.crypto.ed25519.PubKey' } }], pagination: { total: '1' } });
    expect((await get('/cosmos/base/node/v1beta1/status')).status).toBe(200);
    for (const route of ['blocks/999999999', 'blocks/0', 'validatorsets/999999999']) {
      const beyond = await get(`/cosmos/base/tendermint/v1beta1/${route}`);
      expect([route, beyond.status, beyond.body.code]).toEqual([route, 400, 3]);
    }
  });

  it('finds transactions and what is not there', async () => {
    const list = await get(`/cosmos/tx/v1beta1/txs?query=${encodeURIComponent('tx.height>0')}&limit=2`);
    expect([list.status, list.body.tx_responses.length]).toEqual([200, 2]);
    const { txhash } = (list.body.tx_responses as { txhash: string }[])[0]!;
    expect((await get(`/cosmos/tx/v1beta1/txs/${txhash}`)).body.tx_response.txhash).toBe(txhash);
    const none = await get(`/cosmos/tx/v1beta1/txs/${'00'.repeat(32)}`);
    expect([none.status, none.body.code]).toEqual([404, 5]);
    for (const query of ['a b c', "tx.height='"]) {
      const wrong = await get(`/cosmos/tx/v1beta1/txs?query=${encodeURIComponent(query)}`);
      expect([query, wrong.status, wrong.body.code]).toEqual([query, 400, 3]);
    }
    const page = await get(`/cosmos/tx/v1beta1/txs?query=${encodeURIComponent("a.b='c'")}&page=99`);
    expect([page.status, page.body.code]).toEqual([400, 3]);
  });

  it('passes queries on to the application, and transactions to the mempool', async () => {
    const supply = await get('/cosmos/bank/v1beta1/supply/by_denom?denom=uremes');
    expect([supply.status, supply.body.amount.denom]).toEqual([200, 'uremes']);
    expect(Number(supply.headers.get('x-cosmos-block-height'))).toBeGreaterThan(0);
    expect((await get('/cosmos/bank/v1beta1/spendable_balances/test')).status).toBe(400);
    expect((await get('/ibc/apps/transfer/v1/params')).status).toBe(501);
    const refused = await fetch(`${rest}/cosmos/tx/v1beta1/txs`, { method: 'POST', body: JSON.stringify({ tx_bytes: 'AAAA', mode: 'BROADCAST_MODE_SYNC' }) });
    const { tx_response: response } = (await refused.json()) as { tx_response: { code: number; codespace: string } };
    expect([refused.status, response.code, response.codespace]).toEqual([200, 2, 'sdk']);
  });
});
