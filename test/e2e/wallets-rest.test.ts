/** The calls that Keplr and Ping.pub make of a chain, one by one, against a real node: their REST, and Keplr's WebSocket. */
// Answers of a server have no types; what is expected of them is what is written here.
/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment */
import { toBech32 } from '@cosmjs/encoding';
import { coins } from '@cosmjs/stargate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { AuthInfo, TxRaw } from '../../src/protocol/gen/cosmos/tx/v1beta1/tx.js';
import { CHAIN_ID } from './cosmjs-harness.js';
import { type Answer, type Served, serve } from './gateway-harness.js';

const stranger = toBech32('remes', new Uint8Array(20).fill(5));
const nobody = toBech32('remes', new Uint8Array(20).fill(99));
const DECIMAL = expect.stringMatching(/^[0-9]+\.[0-9]{18}$/) as string;
const INTEGER = expect.stringMatching(/^[0-9]+$/) as string;
const DURATION = expect.stringMatching(/^[0-9]+s$/) as string;
const TEXT = expect.any(String) as string;
const LIST = expect.any(Array) as unknown[];
const PAGE = { next_key: null, total: INTEGER };

const problems: unknown[] = [];
let served: Served;
/** The operator of the only validator. */
let validator: string;

beforeAll(async () => {
  served = await serve(problems, true);
  const { body } = await served.get('/cosmos/staking/v1beta1/validators');
  validator = body.validators[0].operator_address as string;
});
afterAll(async () => {
  await served.close();
  expect(problems).toEqual([]);
});

type Row = readonly [path: string, expected: unknown];

/** Fills in the addresses, which are known once the node runs. */
function fill(path: string): string {
  return path.replaceAll('{account}', served.account).replaceAll('{stranger}', stranger).replaceAll('{validator}', validator);
}

async function expectAnswer([path, expected]: Row): Promise<void> {
  const answer = await served.get(fill(path));
  expect({ path, status: answer.status, body: answer.body }).toEqual({ path, status: 200, body: expected });
}

const STAKING_PARAMS = { params: expect.objectContaining({ unbonding_time: DURATION, max_validators: expect.any(Number) as number, bond_denom: 'uremes', min_commission_rate: DECIMAL }) as unknown };
const VALIDATORS = { validators: LIST, pagination: PAGE };

describe('Keplr', () => {
  it.each<Row>([
    ['/cosmos/base/tendermint/v1beta1/node_info', expect.objectContaining({ default_node_info: expect.objectContaining({ network: CHAIN_ID }) as unknown })],
    ['/cosmos/auth/v1beta1/accounts/{account}', { account: expect.objectContaining({ '@type': '/cosmos.auth.v1beta1.BaseAccount', account_number: INTEGER, sequence: INTEGER }) as unknown }],
    ['/cosmos/bank/v1beta1/balances/{account}?pagination.limit=1000', { balances: [{ denom: 'uremes', amount: INTEGER }], pagination: PAGE }],
    ['/cosmos/bank/v1beta1/spendable_balances/{account}?pagination.limit=1000', { balances: [{ denom: 'uremes', amount: INTEGER }], pagination: PAGE }],
    ['/cosmos/bank/v1beta1/balances/{stranger}?pagination.limit=1000', { balances: [], pagination: { next_key: null, total: '0' } }],
    ['/cosmos/staking/v1beta1/validators?pagination.limit=1000&status=BOND_STATUS_BONDED', VALIDATORS],
    ['/cosmos/staking/v1beta1/validators?pagination.limit=1000&status=BOND_STATUS_UNBONDING', VALIDATORS],
    ['/cosmos/staking/v1beta1/validators?pagination.limit=1000&status=BOND_STATUS_UNBONDED', VALIDATORS],
    ['/cosmos/staking/v1beta1/delegations/{account}?pagination.limit=1000', { delegation_responses: LIST, pagination: PAGE }],
    ['/cosmos/staking/v1beta1/delegators/{account}/unbonding_delegations?pagination.limit=1000', { unbonding_responses: [], pagination: PAGE }],
    ['/cosmos/staking/v1beta1/params', STAKING_PARAMS],
    ['/cosmos/staking/v1beta1/pool', { pool: { bonded_tokens: INTEGER, not_bonded_tokens: INTEGER } }],
    ['/cosmos/distribution/v1beta1/delegators/{account}/rewards', { rewards: LIST, total: LIST }],
    ['/cosmos/distribution/v1beta1/params', { params: expect.objectContaining({ community_tax: DECIMAL, withdraw_addr_enabled: true }) as unknown }],
    ['/cosmos/authz/v1beta1/grants/granter/{account}?pagination.limit=1000', { grants: [], pagination: PAGE }],
    ['/cosmos/gov/v1beta1/proposals?pagination.limit=3000', { proposals: [], pagination: PAGE }],
    ['/cosmos/gov/v1/proposals?pagination.limit=3000', { proposals: [], pagination: PAGE }],
    ['/cosmos/mint/v1beta1/inflation', { inflation: DECIMAL }],
  ])('reads %s', (path, expected) => expectAnswer([path, expected]));

  it.each([
    ['/cosmos/bank/v1beta1/spendable_balances/test', 400],
    ['/ibc/apps/transfer/v1/params', 501],
    ['/cosmwasm/wasm/v1/contract/test/smart/test', 501],
    ['/feemarket/v1/gas_prices', 501],
    ['/osmosis/txfees/v1beta1/base_denom', 501],
  ])('takes %s for a feature by its status %i', async (path, status) => {
    expect((await served.get(path)).status).toBe(status);
  });

  it('takes 404 for an account that is new', async () => {
    const { status, body } = await served.get(`/cosmos/auth/v1beta1/accounts/${nobody}`);
    expect([status, body.code]).toEqual([404, 5]);
  });

  it('simulates with an empty key, sends, and follows the transaction over the WebSocket by its hash', async () => {
    const { account, client, node } = served;
    const message = { typeUrl: '/cosmos.bank.v1beta1.MsgSend', value: { fromAddress: account, toAddress: stranger, amount: coins(5, 'uremes') } };
    const signed = await client.sign(account, [message], { amount: coins(1000, 'uremes'), gas: '200000' }, '');
    const authInfo = AuthInfo.decode(signed.authInfoBytes);
    const [signer] = authInfo.signerInfos;
    const withoutKey = AuthInfo.encode({ ...authInfo, signerInfos: [{ ...signer!, publicKey: { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: new Uint8Array() } }] }).finish();
    const simulated = await served.post('/cosmos/tx/v1beta1/simulate', {
      tx_bytes: Buffer.from(TxRaw.encode({ bodyBytes: signed.bodyBytes, authInfoBytes: withoutKey, signatures: [new Uint8Array(64)] }).finish()).toString('base64'),
    });
    expect([simulated.status, simulated.body]).toEqual([200, { gas_info: { gas_wanted: INTEGER, gas_used: INTEGER }, result: expect.any(Object) as unknown }]);

    const status = (await (await fetch(`${node.url}/status`)).json()) as { result: { node_info: { network: string } } };
    expect(status.result.node_info.network).toBe(CHAIN_ID);
    const txBytes = TxRaw.encode(signed).finish();
    const socket = new WebSocket(`${node.url.replace('http', 'ws')}/websocket`, { origin: 'https://wallet.example' });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const heard: { id: number; result?: { query?: string; data?: { value?: { TxResult?: { tx: string } } }; tx?: string } }[] = [];
    socket.on('message', (data) => heard.push(JSON.parse((data as Buffer).toString('utf8')) as (typeof heard)[number]));
    const { body } = await served.post('/cosmos/tx/v1beta1/decode', { tx_bytes: Buffer.from(txBytes).toString('base64') });
    expect(body.tx.body.messages).toHaveLength(1);
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(txBytes)));
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { query: `tm.event='Tx' AND tx.hash='${hash.toString('hex').toUpperCase()}'` } }));
    while (!heard.some(({ id }) => id === 1)) await new Promise((resolve) => setTimeout(resolve, 10));
    const sent = await served.post('/cosmos/tx/v1beta1/txs', { tx_bytes: Buffer.from(txBytes).toString('base64'), mode: 'BROADCAST_MODE_SYNC' });
    expect(sent.body.tx_response).toMatchObject({ code: 0, txhash: hash.toString('hex').toUpperCase() });
    while (!heard.some(({ result }) => result?.data !== undefined)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(heard.find(({ result }) => result?.data !== undefined)!.result!.data!.value!.TxResult!.tx).toBe(Buffer.from(txBytes).toString('base64'));
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tx', params: { hash: hash.toString('base64'), prove: false } }));
    while (!heard.some(({ id }) => id === 2)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(heard.find(({ id }) => id === 2)!.result!.tx).toBe(Buffer.from(txBytes).toString('base64'));
    socket.close();
  });

  it('asks from a web page', async () => {
    for (const url of [`${served.rest}/cosmos/staking/v1beta1/params`, `${served.node.url}/status`]) {
      expect((await fetch(url, { headers: { Origin: 'https://wallet.example' } })).headers.get('access-control-allow-origin')).toBe('*');
    }
  });
});

const BLOCK = { block_id: expect.any(Object) as unknown, block: expect.objectContaining({ header: expect.objectContaining({ chain_id: CHAIN_ID, height: INTEGER, time: TEXT }) as unknown }) as unknown, sdk_block: expect.any(Object) as unknown };
const VALIDATOR_SET = { block_height: INTEGER, validators: [expect.objectContaining({ address: TEXT, voting_power: INTEGER }) as unknown], pagination: PAGE };

describe('Ping.pub', () => {
  it.each<Row>([
    ['/cosmos/auth/v1beta1/params', { params: expect.objectContaining({ max_memo_characters: INTEGER }) as unknown }],
    ['/cosmos/auth/v1beta1/accounts', { accounts: LIST, pagination: PAGE }],
    ['/cosmos/auth/v1beta1/accounts/{account}', { account: expect.objectContaining({ address: TEXT }) as unknown }],
    ['/cosmos/bank/v1beta1/params', { params: expect.objectContaining({ default_send_enabled: true }) as unknown }],
    ['/cosmos/bank/v1beta1/balances/{account}', { balances: LIST, pagination: PAGE }],
    ['/cosmos/bank/v1beta1/denoms_metadata', { metadatas: LIST, pagination: PAGE }],
    ['/cosmos/bank/v1beta1/supply', { supply: [{ denom: 'uremes', amount: INTEGER }], pagination: PAGE }],
    ['/cosmos/bank/v1beta1/supply/by_denom?denom=uremes', { amount: { denom: 'uremes', amount: INTEGER } }],
    ['/cosmos/distribution/v1beta1/params', { params: expect.objectContaining({ community_tax: DECIMAL, base_proposer_reward: DECIMAL, bonus_proposer_reward: DECIMAL }) as unknown }],
    ['/cosmos/distribution/v1beta1/community_pool', { pool: LIST }],
    ['/cosmos/distribution/v1beta1/delegators/{account}/rewards', { rewards: LIST, total: LIST }],
    ['/cosmos/slashing/v1beta1/params', { params: { signed_blocks_window: INTEGER, min_signed_per_window: DECIMAL, downtime_jail_duration: DURATION, slash_fraction_double_sign: DECIMAL, slash_fraction_downtime: DECIMAL } }],
    ['/cosmos/slashing/v1beta1/signing_infos', { info: LIST, pagination: PAGE }],
    ['/cosmos/gov/v1/params/voting', expect.objectContaining({ voting_params: { voting_period: DURATION } })],
    ['/cosmos/gov/v1/params/tallying', expect.objectContaining({ tally_params: { quorum: TEXT, threshold: TEXT, veto_threshold: TEXT } })],
    ['/cosmos/gov/v1/params/deposit', expect.objectContaining({ deposit_params: { min_deposit: [{ denom: 'uremes', amount: INTEGER }], max_deposit_period: DURATION } })],
    ['/cosmos/gov/v1/proposals?proposal_status=2&pagination.limit=50&pagination.reverse=true', { proposals: [], pagination: PAGE }],
    ['/cosmos/staking/v1beta1/params', STAKING_PARAMS],
    ['/cosmos/staking/v1beta1/pool', { pool: { bonded_tokens: INTEGER, not_bonded_tokens: INTEGER } }],
    ['/cosmos/staking/v1beta1/validators?status=BOND_STATUS_BONDED&pagination.limit=300', VALIDATORS],
    ['/cosmos/staking/v1beta1/delegations/{account}', { delegation_responses: LIST, pagination: PAGE }],
    ['/cosmos/staking/v1beta1/delegators/{account}/redelegations', { redelegation_responses: [], pagination: PAGE }],
    ['/cosmos/staking/v1beta1/delegators/{account}/unbonding_delegations', { unbonding_responses: [], pagination: PAGE }],
    ['/cosmos/mint/v1beta1/params', { params: { mint_denom: 'uremes', inflation_rate_change: DECIMAL, inflation_max: DECIMAL, inflation_min: DECIMAL, goal_bonded: DECIMAL, blocks_per_year: INTEGER } }],
    ['/cosmos/mint/v1beta1/inflation', { inflation: DECIMAL }],
    ['/cosmos/mint/v1beta1/annual_provisions', { annual_provisions: DECIMAL }],
    ['/cosmos/base/tendermint/v1beta1/blocks/latest', BLOCK],
    ['/cosmos/base/tendermint/v1beta1/blocks/1', BLOCK],
    ['/cosmos/base/tendermint/v1beta1/validatorsets/latest?pagination.limit=100', VALIDATOR_SET],
    ['/cosmos/base/tendermint/v1beta1/validatorsets/1?pagination.limit=100', VALIDATOR_SET],
    [`/cosmos/tx/v1beta1/txs?order_by=ORDER_BY_DESC&pagination.limit=20&query=${encodeURIComponent("message.sender='{account}'").replaceAll('%7B', '{').replaceAll('%7D', '}')}`, expect.objectContaining({ txs: LIST, tx_responses: LIST, total: INTEGER })],
  ])('reads %s', (path, expected) => expectAnswer([path, expected]));

  it('finds a version of the SDK that it knows', async () => {
    const { body } = await served.get('/cosmos/base/tendermint/v1beta1/node_info');
    expect(body.application_version.cosmos_sdk_version).toMatch(/^v0\.(?:5[0-9])\.[0-9]+$/);
  });

  it('shows a validator with its delegations, commission, rewards and signing', async () => {
    const one = async (path: string): Promise<Answer['body']> => {
      const { status, body } = await served.get(fill(path));
      expect([path, status]).toEqual([path, 200]);
      return body;
    };
    const { validator: shown } = await one('/cosmos/staking/v1beta1/validators/{validator}');
    expect(shown).toMatchObject({
      operator_address: validator,
      consensus_pubkey: { '@type': '/cosmos.crypto.ed25519.PubKey', key: TEXT },
      status: 'BOND_STATUS_BONDED',
      jailed: false,
      tokens: INTEGER,
      delegator_shares: DECIMAL,
      commission: { commission_rates: { rate: DECIMAL, max_rate: DECIMAL, max_change_rate: DECIMAL } },
      min_self_delegation: INTEGER,
    });
    const delegations = await one('/cosmos/staking/v1beta1/validators/{validator}/delegations');
    expect(delegations.delegation_responses[0]).toMatchObject({ delegation: { validator_address: validator, shares: DECIMAL }, balance: { denom: 'uremes', amount: INTEGER } });
    expect(await one('/cosmos/staking/v1beta1/validators/{validator}/unbonding_delegations')).toEqual({ unbonding_responses: [], pagination: PAGE });
    expect(await one('/cosmos/distribution/v1beta1/validators/{validator}/commission')).toEqual({ commission: { commission: LIST } });
    expect(await one('/cosmos/distribution/v1beta1/validators/{validator}/outstanding_rewards')).toEqual({ rewards: { rewards: LIST } });
    expect(await one('/cosmos/distribution/v1beta1/validators/{validator}/slashes')).toEqual({ slashes: [], pagination: PAGE });
    expect((await one('/cosmos/staking/v1beta1/delegations/{account}')).delegation_responses).toHaveLength(1);
    const { info } = await one('/cosmos/slashing/v1beta1/signing_infos');
    expect(info).toMatchObject([{ address: expect.stringMatching(/^remesvalcons1/) as string, missed_blocks_counter: '0', tombstoned: false, jailed_until: '1970-01-01T00:00:00Z' }]);
    const { body: set } = await served.get('/cosmos/base/tendermint/v1beta1/validatorsets/latest');
    expect(info[0].address).toBe(set.validators[0].address);
  });
});
