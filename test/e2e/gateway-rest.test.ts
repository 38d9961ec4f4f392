// Answers of a server have no types; what is expected of them is what is written here.
/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-call */
/** REST in front of a real node: a transaction from its simulation to its events, statuses, heights, limits. */
import { toBech32 } from '@cosmjs/encoding';
import { coins } from '@cosmjs/stargate';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AuthInfo, TxRaw } from '../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { BALANCE, CHAIN_ID } from './cosmjs-harness.js';
import { type Served, serve } from './gateway-harness.js';

const problems: unknown[] = [];
const stranger = toBech32('remes', new Uint8Array(20).fill(5));
let served: Served;

beforeAll(async () => {
  served = await serve(problems);
});
afterAll(async () => {
  await served.close();
  expect(problems).toEqual([]);
});

async function signedSend(amount: number): Promise<TxRaw> {
  const { client, account } = served;
  const message = { typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: { fromAddress: account, toAddress: stranger, amount: coins(amount, 'uremes') } };
  return client.sign(account, [message], { amount: coins(1000, 'uremes'), gas: '200000' }, 'by REST');
}

async function included(hash: string): Promise<Awaited<ReturnType<Served['get']>>> {
  for (;;) {
    const found = await served.get(`/cosmos/tx/v1beta1/txs/${hash}`);
    if (found.status !== 404) return found;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

describe('a transaction by REST', () => {
  it('is simulated as wallets do it, without key and signature, then sent, found by hash, by event and in its block', async () => {
    const raw = await signedSend(7);
    const authInfo = AuthInfo.decode(raw.authInfoBytes);
    const [signer] = authInfo.signerInfos;
    const unsigned = AuthInfo.encode({ ...authInfo, fee: { amount: [], gasLimit: 0n, payer: '', granter: '' }, signerInfos: [{ ...signer!, publicKey: undefined }] }).finish();
    const simulated = await served.post('/cosmos/tx/v1beta1/simulate', {
      tx_bytes: Buffer.from(TxRaw.encode({ bodyBytes: raw.bodyBytes, authInfoBytes: unsigned, signatures: [new Uint8Array()] }).finish()).toString('base64'),
    });
    expect([simulated.status, Number(simulated.body.gas_info.gas_used)]).toEqual([200, expect.any(Number)]);
    expect(Number(simulated.body.gas_info.gas_used)).toBeGreaterThan(1000);
    expect(simulated.body.result.msg_responses).toEqual([{ '@type': '/cosmos.bank.v1beta1.MsgSendResponse' }]);

    const txBytes = Buffer.from(TxRaw.encode(raw).finish()).toString('base64');
    const sent = await served.post('/cosmos/tx/v1beta1/txs', { tx_bytes: txBytes, mode: 'BROADCAST_MODE_SYNC' });
    expect(sent.body.tx_response).toMatchObject({ code: 0, codespace: '', raw_log: '', height: '0', tx: null, logs: [], events: [] });
    const hash = sent.body.tx_response.txhash as string;
    expect(hash).toMatch(/^[0-9A-F]{64}$/);

    const found = await included(hash);
    expect(found.status).toBe(200);
    const { tx, tx_response: response } = found.body;
    expect(response).toMatchObject({ txhash: hash, code: 0, gas_wanted: '200000', timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string });
    expect(tx.body).toMatchObject({
      memo: 'by REST',
      timeout_height: '0',
      messages: [{ '@type': '/cosmos.bank.v1beta1.MsgSend', from_address: served.account, to_address: stranger, amount: [{ denom: 'uremes', amount: '7' }] }],
    });
    expect(tx.auth_info).toMatchObject({
      fee: { amount: [{ denom: 'uremes', amount: '1000' }], gas_limit: '200000', payer: '', granter: '' },
      signer_infos: [{ public_key: { '@type': '/cosmos.crypto.secp256k1.PubKey', key: expect.any(String) as string }, mode_info: { single: { mode: 'SIGN_MODE_DIRECT' } }, sequence: '0' }],
    });
    expect(response.tx).toEqual({ '@type': '/cosmos.tx.v1beta1.Tx', ...tx });
    expect(response.events.map(({ type }: { type: string }) => type)).toContain('transfer');

    for (const query of [`query=${encodeURIComponent(`transfer.recipient='${stranger}'`)}`, `events=${encodeURIComponent(`transfer.recipient='${stranger}'`)}&pagination.limit=5&order_by=ORDER_BY_DESC`]) {
      const list = await served.get(`/cosmos/tx/v1beta1/txs?${query}`);
      expect([list.status, list.body.total, list.body.pagination, list.body.tx_responses, list.body.txs]).toEqual([200, '1', { next_key: null, total: '1' }, [response], [tx]]);
    }
    const inBlock = await served.get(`/cosmos/tx/v1beta1/txs/block/${response.height}`);
    expect(inBlock.body.txs).toContainEqual(tx);
    expect(inBlock.body.block.header).toMatchObject({ chain_id: CHAIN_ID, height: response.height });
    expect((await served.get(`/cosmos/bank/v1beta1/balances/${stranger}/by_denom?denom=uremes`)).body).toEqual({ balance: { denom: 'uremes', amount: '7' } });

    const again = await served.post('/cosmos/tx/v1beta1/txs', { tx_bytes: txBytes, mode: 'BROADCAST_MODE_SYNC' });
    expect([again.status, again.body.tx_response]).toEqual([200, expect.objectContaining({ code: 19, codespace: 'sdk', txhash: hash })]);
  });

  it('survives being decoded and encoded', async () => {
    const txBytes = Buffer.from(TxRaw.encode(await signedSend(9)).finish()).toString('base64');
    const { tx } = (await served.post('/cosmos/tx/v1beta1/decode', { tx_bytes: txBytes })).body;
    expect((await served.post('/cosmos/tx/v1beta1/encode', { tx })).body).toEqual({ tx_bytes: txBytes });
  });

  it('is refused with the words of the chain', async () => {
    const { bodyBytes, authInfoBytes } = await signedSend(1);
    const forged = Buffer.from(TxRaw.encode({ bodyBytes, authInfoBytes, signatures: [new Uint8Array(64).fill(1)] }).finish()).toString('base64');
    const refused = await served.post('/cosmos/tx/v1beta1/txs', { tx_bytes: forged, mode: 'BROADCAST_MODE_SYNC' });
    expect([refused.status, refused.body.tx_response.codespace, refused.body.tx_response.code]).toEqual([200, 'sdk', 4]);
    const tooMuch = TxRaw.encode({ ...(await signedSend(Number(BALANCE) + 1)), signatures: [new Uint8Array()] }).finish();
    const simulated = await served.post('/cosmos/tx/v1beta1/simulate', { tx_bytes: Buffer.from(tooMuch).toString('base64') });
    expect([simulated.status, simulated.body.code, simulated.body.message]).toEqual([500, 2, expect.stringContaining('message index: 0')]);
  });

  it.each([
    ['/cosmos/tx/v1beta1/simulate', {}],
    ['/cosmos/tx/v1beta1/txs', { mode: 'BROADCAST_MODE_SYNC' }],
    ['/cosmos/tx/v1beta1/txs', { tx_bytes: 'AAAA', mode: 'BROADCAST_MODE_BLOCK' }],
    ['/cosmos/tx/v1beta1/txs', { tx_bytes: 'not base64!' }],
    ['/cosmos/tx/v1beta1/txs', '{"tx_bytes":'],
    ['/cosmos/tx/v1beta1/txs', '"text"'],
    ['/cosmos/tx/v1beta1/decode', { tx_bytes: '//////' }],
    ['/cosmos/tx/v1beta1/encode', { tx: { body: { messages: [{ '@type': '/no.Such' }] } } }],
    ['/cosmos/tx/v1beta1/encode', `{"tx":{"auth_info":{"signer_infos":[{"mode_info":${'{"multi":{"mode_infos":['.repeat(60)}${']}}'.repeat(60)}}]}}}`],
  ])('is 400 by POST %s of %.60j', async (path, body) => {
    const answer = await served.post(path, body);
    expect([answer.status, answer.body]).toEqual([400, { code: 3, message: expect.any(String) as string, details: [] }]);
  });
});

describe('queries by REST', () => {
  it('answer with the height of the state that they read', async () => {
    const { status, headers, body } = await served.get(`/cosmos/auth/v1beta1/accounts/${served.account}`);
    expect(status).toBe(200);
    expect(body.account).toMatchObject({ '@type': '/cosmos.auth.v1beta1.BaseAccount', address: served.account, account_number: '0' });
    expect(Number(headers.get('x-cosmos-block-height'))).toBeGreaterThan(0);
    expect(headers.get('grpc-metadata-x-cosmos-block-height')).toBe(headers.get('x-cosmos-block-height'));
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-expose-headers')).toContain('x-cosmos-block-height');
  });

  it('read r3mes modules like the others: enums in paths, nested pages', async () => {
    const nodes = await served.get('/remes/remes/v1/nodes/PART_MINER?pagination.limit=1&pagination.count_total=true');
    expect(nodes.body).toMatchObject({ registrations: [{ address: served.account, part: 'PART_MINER' }], pagination: { next_key: null, total: '1' } });
    expect((await served.get('/remes/remes/v1/nodes/1')).body.registrations).toEqual(nodes.body.registrations);
    expect((await served.get(`/remes/remes/v1/nodes/PART_MINER/${served.account}`)).body.registration.address).toBe(served.account);
    expect((await served.get('/remes/remes/v1/windows/0')).body.window).toMatchObject({ phase: 'WINDOW_PHASE_COLLECTING', accepted: null });
  });

  it.each([
    ['an account that never was', `/cosmos/auth/v1beta1/accounts/${stranger.slice(0, -1)}x`, 400, 3],
    ['no address at all', '/cosmos/bank/v1beta1/spendable_balances/test', 400, 3],
    ['a wrong enum', '/remes/remes/v1/nodes/PART_OF_NOTHING', 400, 3],
    ['a wrong number', '/remes/remes/v1/windows/x', 400, 3],
    ['a wrong page', '/cosmos/bank/v1beta1/supply?pagination.limit=-1', 400, 3],
    ['a window that is not there', '/remes/remes/v1/windows/99', 404, 5],
    ['a hash that is none', '/cosmos/tx/v1beta1/txs/xyz', 400, 3],
    ['a transaction that is not there', `/cosmos/tx/v1beta1/txs/${'00'.repeat(32)}`, 404, 5],
    ['a search without a condition', '/cosmos/tx/v1beta1/txs', 400, 3],
    ['a search that is none', `/cosmos/tx/v1beta1/txs?query=${encodeURIComponent('a b c')}`, 400, 3],
    ['a page beyond the end', `/cosmos/tx/v1beta1/txs?query=${encodeURIComponent("tx.hash='00'")}&page=9`, 400, 3],
    ['a block to come', '/cosmos/base/tendermint/v1beta1/blocks/999999999', 400, 3],
    ['block 0', '/cosmos/base/tendermint/v1beta1/blocks/0', 400, 3],
    ['validators to come', '/cosmos/base/tendermint/v1beta1/validatorsets/999999999', 400, 3],
    ['a route of nobody', '/cosmos/nothing/v1beta1/params', 501, 12],
    ['a wrong verb', '/cosmos/tx/v1beta1/simulate', 501, 12],
    ['a path that is badly encoded', '/cosmos/bank/v1beta1/balances/%E0%A4%A', 501, 12],
    ['the root', '/', 501, 12],
  ])('%s (%s) is %i', async (_, path, status, code) => {
    const answer = await served.get(path);
    expect([answer.status, answer.body]).toEqual([status, { code, message: expect.any(String) as string, details: [] }]);
  });

  it('of an account that has never received are 404, of its balances an empty list', async () => {
    const nobody = toBech32('remes', new Uint8Array(20).fill(77));
    const account = await served.get(`/cosmos/auth/v1beta1/accounts/${nobody}`);
    expect([account.status, account.body.code]).toEqual([404, 5]);
    expect((await served.get(`/cosmos/bank/v1beta1/balances/${nobody}`)).body).toEqual({ balances: [], pagination: { next_key: null, total: '0' } });
  });

  it('take a height in the header and refuse what is none', async () => {
    const wrong = await served.get('/cosmos/bank/v1beta1/supply', { 'x-cosmos-block-height': 'newest' });
    expect([wrong.status, wrong.body.code]).toEqual([400, 3]);
    const future = await served.get('/cosmos/bank/v1beta1/supply', { 'x-cosmos-block-height': '999999999' });
    expect([future.status, future.body.code]).toEqual([400, 3]);
  });

  it('answer about the node, its blocks and its validators', async () => {
    const { body: info } = await served.get('/cosmos/base/tendermint/v1beta1/node_info');
    expect(info.default_node_info).toMatchObject({ network: CHAIN_ID, protocol_version: { block: '11' }, other: { tx_index: 'on' } });
    expect(info.application_version).toMatchObject({ name: 'r3mes', version: '1.2.3', cosmos_sdk_version: 'v0.50.15' });
    expect((await served.get('/cosmos/base/tendermint/v1beta1/syncing')).body).toEqual({ syncing: false });
    const { body: block } = await served.get('/cosmos/base/tendermint/v1beta1/blocks/1');
    expect(block.block).toMatchObject({ header: { chain_id: CHAIN_ID, height: '1' }, evidence: { evidence: [] } });
    expect(block.sdk_block.header.proposer_address).toMatch(/^remesvalcons1/);
    const { body: latest } = await served.get('/cosmos/base/tendermint/v1beta1/blocks/latest');
    expect(latest.block.last_commit.signatures[0]).toMatchObject({ block_id_flag: 'BLOCK_ID_FLAG_COMMIT' });
    const { body: validators } = await served.get('/cosmos/base/tendermint/v1beta1/validatorsets/latest');
    expect(validators).toMatchObject({ validators: [{ pub_key: { '@type': '/cosmos.crypto.ed25519.PubKey' }, voting_power: '10' }], pagination: { total: '1' } });
    expect(validators.validators[0].address).toBe(block.sdk_block.header.proposer_address);
    expect((await served.get('/cosmos/base/tendermint/v1beta1/validatorsets/1')).body.block_height).toBe('1');
    expect((await served.get('/cosmos/base/node/v1beta1/config')).body.minimum_gas_price).toMatch(/^0\.[0-9]{6}uremes$/);
    expect(Number((await served.get('/cosmos/base/node/v1beta1/status')).body.height)).toBeGreaterThan(0);
    const path = '/cosmos.bank.v1beta1.Query/TotalSupply';
    const raw = await served.get(`/cosmos/base/tendermint/v1beta1/abci_query?path=${encodeURIComponent(path)}`);
    expect([raw.body.code, raw.body.value]).toEqual([0, expect.any(String)]);
    expect((await served.get('/cosmos/bank/v1beta1/supply/by_denom?denom=uremes')).body.amount.denom).toBe('uremes');
    expect(BigInt((await served.get('/cosmos/bank/v1beta1/supply')).body.supply[0].amount)).toBeGreaterThanOrEqual(BALANCE);
  });
});

describe('the HTTP server', () => {
  it('lets web pages ask from anywhere', async () => {
    const answer = await fetch(`${served.rest}/cosmos/tx/v1beta1/txs`, { method: 'OPTIONS', headers: { Origin: 'https://a.wallet', 'Access-Control-Request-Method': 'POST' } });
    expect([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('access-control-allow-methods')]).toEqual([204, '*', 'GET, POST, OPTIONS']);
    expect(answer.headers.get('access-control-allow-headers')).toContain('Content-Type');
  });

  it('refuses long bodies, long URLs and many parameters', async () => {
    expect((await served.post('/cosmos/tx/v1beta1/txs', { tx_bytes: 'A'.repeat(1_100_000) })).status).toBe(400);
    expect((await fetch(`${served.rest}/${'x'.repeat(20_000)}`)).status).toBe(431);
    expect((await served.get(`/cosmos/bank/v1beta1/supply?${'a=1&'.repeat(150)}`)).status).toBe(400);
  });

  it('answers HEAD without a body, and a request that is none with 400', async () => {
    const head = await fetch(`${served.rest}/cosmos/bank/v1beta1/supply`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const socket = connect(Number(new URL(served.rest).port), '127.0.0.1');
    socket.end('this is no HTTP\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('describes all its routes in OpenAPI', async () => {
    const { body: document } = await served.get('/openapi.json');
    expect([document.openapi, document.info.version]).toEqual(['3.0.3', '1.2.3']);
    expect(document.paths['/cosmos/bank/v1beta1/balances/{address}'].get.parameters).toContainEqual({ name: 'address', in: 'path', required: true, schema: { type: 'string' } });
    expect(document.paths['/cosmos/tx/v1beta1/simulate'].post.requestBody.content['application/json'].schema).toEqual({ $ref: '#/components/schemas/cosmos.tx.v1beta1.SimulateRequest' });
    const references = new Set(JSON.stringify(document).match(/#\/components\/schemas\/[A-Za-z0-9_.]+/g));
    expect(references.size).toBeGreaterThan(100);
    for (const reference of references) expect(document.components.schemas).toHaveProperty([reference.slice('#/components/schemas/'.length)]);
  });
});
