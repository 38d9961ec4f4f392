import { readFileSync } from 'node:fs';

import { Comet38Client } from '@cosmjs/tendermint-rpc';
import { describe, expect, it } from 'vitest';

import { merkleRoot } from '../../../../src/protocol/merkle.js';
import { sha256 } from '../../../../src/protocol/hash.js';
import { utf8 } from '../../../../src/protocol/bytes.js';
import { FakeApp, TEST_KEY } from '../solo/fake-app.js';
import { request, serveEngine } from './harness.js';

/** 40 blocks; even ones hold `even N` and `fail N`. */
async function chain(overrides: Parameters<typeof serveEngine>[0] = {}) {
  const served = await serveEngine({ sealing: { kind: 'ready', roles: [{ role: 'r', addresses: [] }], timeoutMs: 0 }, ...overrides });
  const { engine } = served;
  engine.subscribe(({ block }) => {
    const height = block.header!.height;
    if (height < 40n) void fill(height);
  });
  const fill = async (height: bigint): Promise<void> => {
    if (height % 2n === 1n) for (const text of [`even ${height + 1n}`, `fail ${height + 1n}`]) await engine.broadcast(utf8(text));
    engine.roles.ready('r', height);
  };
  engine.start();
  engine.roles.join('r');
  await new Promise<void>((resolve) => engine.subscribe(({ block }) => block.header!.height === 40n && resolve()));
  const client = await Comet38Client.connect(served.url);
  return { ...served, client };
}

/** Every key of the recorded answer of CometBFT is there with the same type of value. */
function sameShape(ours: unknown, recorded: unknown, at = ''): void {
  if (recorded === null || ours === null) return;
  expect(typeof ours, at).toBe(typeof recorded);
  expect(Array.isArray(ours), at).toBe(Array.isArray(recorded));
  if (Array.isArray(recorded)) {
    const list = ours as unknown[];
    if (recorded.length > 0 && list.length > 0) sameShape(list[0], recorded[0], `${at}[0]`);
  } else if (typeof recorded === 'object') {
    expect(Object.keys(ours as object).sort(), at).toEqual(Object.keys(recorded).sort());
    for (const [key, value] of Object.entries(recorded)) sameShape((ours as Record<string, unknown>)[key], value, `${at}.${key}`);
  }
}

describe('methods as an unmodified Comet38Client reads them', () => {
  it('about the chain', async () => {
    const { client, engine } = await chain();
    const status = await client.status();
    expect(status.nodeInfo).toMatchObject({ version: '0.38.26', network: 'test-1', moniker: 'r3mes', protocolVersion: { app: 7, block: 11, p2p: 8 } });
    expect(status.syncInfo).toMatchObject({ latestBlockHeight: 40, earliestBlockHeight: 1, catchingUp: false });
    expect(status.validatorInfo.address).toEqual(TEST_KEY.address);
    expect((await client.genesis()).appState).toEqual({ some: 'state' });
    expect(await client.health()).toBeNull();
    expect((await client.abciInfo()).lastBlockHeight).toBe(40);

    const block = await client.block(2);
    expect(block.block.txs.map((tx) => Buffer.from(tx).toString())).toEqual(['even 2', 'fail 2']);
    expect(block.block.header.lastBlockId!.hash).toEqual((await client.block(1)).blockId.hash);
    expect(block.block.lastCommit!.signatures[0]!.validatorAddress).toEqual(TEST_KEY.address);
    expect((await client.block()).block.header.height).toBe(40);
    expect((await client.block(1)).block.lastCommit).toBeNull();

    const results = await client.blockResults(2);
    expect(results.results.map((r) => r.code)).toEqual([0, 9]);
    expect(results.finalizeBlockEvents[0]!.attributes[0]).toEqual({ key: 'parity', value: 'even' });
    expect((await client.blockResults(1)).results).toEqual([]);

    const metas = await client.blockchain();
    expect([metas.lastHeight, metas.blockMetas.length, metas.blockMetas[0]!.header.height]).toEqual([40, 20, 40]);
    expect((await client.blockchain(3, 4)).blockMetas.map((m) => [m.header.height, m.numTxs])).toEqual([[4, 2], [3, 0]]);
    await expect(client.blockchain(5, 2)).rejects.toThrow(/min height 5 can't be greater than max height 2/);

    expect((await client.commit(2)).canonical).toBe(true);
    const newest = await client.commit();
    expect([newest.canonical, newest.commit.height]).toEqual([false, 40]);
    const validators = await client.validatorsAll();
    expect(validators.validators[0]).toMatchObject({ votingPower: 10n, address: TEST_KEY.address });
    await expect(client.validators({ page: 2 })).rejects.toThrow(/page should be within \[1, 1\] range, given 2/);
    await expect(client.validators({ height: 99 })).rejects.toThrow(/less than or equal/);
    await expect(client.validators({ height: 0 })).rejects.toThrow(/greater than 0/);
    expect(engine.height).toBe(40n);
  });

  it('about transactions', async () => {
    const { client, url } = await chain();
    const hash = sha256(utf8('even 8'));
    const tx = await client.tx({ hash, prove: true });
    expect(tx).toMatchObject({ height: 8, index: 0, hash });
    expect(tx.proof!.rootHash).toEqual(merkleRoot([sha256(utf8('even 8')), sha256(utf8('fail 8'))]));
    expect(tx.result).toMatchObject({ code: 0, gasWanted: 10n, gasUsed: 3n });
    await expect(client.tx({ hash: new Uint8Array(32) })).rejects.toThrow(/tx \(0{64}\) not found/);

    const found = async (query: string): Promise<string[]> =>
      (await client.txSearchAll({ query })).txs.map((t) => Buffer.from(t.tx).toString());
    expect(await found(`tx.hash='${Buffer.from(hash).toString('hex').toUpperCase()}'`)).toEqual(['even 8']);
    expect(await found("tx.hash='nonsense'")).toEqual([]);
    expect(await found('tx.height=8')).toEqual(['even 8', 'fail 8']);
    expect(await found("tx.height='8'")).toEqual(['even 8', 'fail 8']);
    expect(await found("say.text='fail 12'")).toEqual(['fail 12']);
    expect(await found("say.length='6' AND tx.height<5")).toEqual(['even 2', 'fail 2', 'even 4', 'fail 4']);
    expect(await found("say.length=6 AND tx.height>=4 AND tx.height<=4 AND say.text CONTAINS 'fail'")).toEqual(['fail 4']);
    expect(await found("say.length='6' AND say.text='fail 4'")).toEqual(['fail 4']);
    expect(await found("say.hidden='yes'")).toEqual([]);
    expect(await found('tx.height>38 AND say.length>3')).toEqual(['even 40', 'fail 40']);
    expect(await found("tx.height>1000")).toEqual([]);
    await expect(found("say.text CONTAINS 'x'")).rejects.toThrow(/at least one condition on tx.hash/);
    await expect(found('foo')).rejects.toThrow(/failed to parse query/);
    await expect(found("tx.height='x'")).rejects.toThrow(/expected a number to compare tx.height with/);

    const page = await client.txSearch({ query: 'tx.height>0', page: 2, per_page: 15, order_by: 'desc' });
    expect([page.totalCount, page.txs.length, page.txs[0]!.height]).toEqual([40, 15, 26]);
    await expect(client.txSearch({ query: 'tx.height>0', page: 9 })).rejects.toThrow(/page should be within \[1, 2\] range, given 9/);
    expect((await request(url, 'tx_search', { query: 'tx.height>0', order_by: 'x' })).error!.data).toMatch(/asc/);
    expect((await request(url, 'tx_search', { query: 'tx.height>0', per_page: '1000' })).result!['txs']).toHaveLength(40);

    const blocks = await client.blockSearchAll({ query: "round.parity='even' AND block.height<=6" });
    expect(blocks.blocks.map((b) => b.block.header.height)).toEqual([2, 4, 6]);
    expect((await client.blockSearch({ query: 'block.height<3' })).totalCount).toBe(2);
    expect((await client.blockSearch({ query: "round.parity='even' AND round.parity='odd'" })).totalCount).toBe(0);
    expect((await client.blockSearch({ query: "block.height>38 AND round.parity CONTAINS 'od'" })).blocks.map((b) => b.block.header.height)).toEqual([39]);
    await expect(client.blockSearch({ query: 'round.parity EXISTS' })).rejects.toThrow(/at least one condition/);
  });

  it('about what is waiting', async () => {
    const { client, url, engine } = await serveWaiting();
    await client.broadcastTxAsync({ tx: utf8('quick') });
    const sync = await client.broadcastTxSync({ tx: utf8('slow') });
    expect(sync).toMatchObject({ code: 0, hash: sha256(utf8('slow')) });
    expect((await client.broadcastTxSync({ tx: utf8('bad') })).code).toBe(5);
    await expect(client.broadcastTxSync({ tx: utf8('slow') })).rejects.toThrow(/tx already exists in cache/);
    expect(await client.numUnconfirmedTxs()).toEqual({ total: 2, totalBytes: 9 });
    expect((await request(url, 'unconfirmed_txs', { limit: '1' })).result).toEqual({ n_txs: '1', total: '2', total_bytes: '9', txs: [Buffer.from('quick').toString('base64')] });
    expect((await request(url, 'unconfirmed_txs', { limit: '-4' })).result).toMatchObject({ n_txs: '2' });
    await expect(client.block()).rejects.toThrow(/there is no block yet/);

    const committed = client.broadcastTxCommit({ tx: utf8('fail late') });
    await new Promise((resolve) => setTimeout(resolve, 50));
    engine.start();
    engine.roles.join('r');
    expect(await committed).toMatchObject({ height: 1, checkTx: { code: 0 }, txResult: { code: 9, gasUsed: 3n } });
    expect(await client.broadcastTxCommit({ tx: utf8('bad') })).toMatchObject({ height: 0, checkTx: { code: 5 } });
    await expect(client.broadcastTxCommit({ tx: utf8('fail late') })).rejects.toThrow(/already exists/);
    await expect(client.broadcastTxCommit({ tx: utf8('never sealed') })).rejects.toThrow(/timed out waiting for tx/);
  });

  async function serveWaiting() {
    const served = await serveEngine({ sealing: { kind: 'ready', roles: [{ role: 'r', addresses: [] }], timeoutMs: 0 } }, { commitTimeoutMs: 300 });
    return { ...served, client: await Comet38Client.connect(served.url) };
  }

  it('in the shapes that CometBFT has', async () => {
    const { url } = await chain();
    const { blocks, genesis, consensus_params, validators } = JSON.parse(readFileSync('test/vectors/cometbft/blocks.json', 'utf8')) as {
      blocks: Record<string, Record<string, unknown>>[];
      genesis: unknown;
      consensus_params: unknown;
      validators: unknown[];
    };
    const recorded = blocks.find((b) => (b['txs'] as unknown as unknown[]).length > 1)!;
    const result = async (method: string, params = {}): Promise<Record<string, unknown>> => (await request(url, method, params)).result!;
    const block = (await result('block', { height: '8' })) as { block_id: unknown; block: Record<string, unknown> };
    sameShape(block.block_id, recorded['block_id'], 'block_id');
    sameShape(block.block['header'], recorded['header'], 'header');
    sameShape(block.block['last_commit'], recorded['last_commit'], 'last_commit');
    const tx = await result('tx', { hash: Buffer.from(sha256(utf8('even 8'))).toString('base64'), prove: true });
    const proof = tx['proof'] as Record<string, unknown>;
    expect(Buffer.from(proof['data'] as string, 'base64').toString()).toBe('even 8');
    delete proof['data'];
    sameShape(proof, recorded['proof'], 'proof');
    sameShape((await result('consensus_params'))['consensus_params'], consensus_params, 'consensus_params');
    sameShape((await result('validators'))['validators'], validators, 'validators');
    sameShape((await result('genesis'))['genesis'], { ...(genesis as object), app_state: { some: 'state' } }, 'genesis');
    const byHash = await result('block_by_hash', { hash: Buffer.from((block.block_id as { hash: string }).hash, 'hex').toString('base64') });
    expect(byHash).toEqual(block);
    expect(await result('block_by_hash', { hash: 'AAAA' })).toEqual({ block_id: { hash: '', parts: { total: 0, hash: '' } }, block: null });
    expect((await result('header', { height: '8' }))['header']).toEqual(block.block['header']);
    expect((await result('abci_query', { path: '/last', data: 'ab' }))['response']).toMatchObject({ proofOps: null, height: '40', key: 'qw==' });
  });

  it('refuses heights before the first block of a chain that begins late', async () => {
    const { testGenesis } = await import('../solo/fake-app.js');
    const { url, engine } = await serveEngine({ app: new FakeApp(), genesis: testGenesis({ initial_height: '50' }), stopAtHeight: 51n });
    engine.start();
    await engine.finished;
    expect((await request(url, 'block', { height: '3' })).error!.data).toBe('height 3 is not available, lowest height is 50');
    expect((await request(url, 'status')).result).toMatchObject({ sync_info: { earliest_block_height: '50', latest_block_height: '51' } });
  });
});
