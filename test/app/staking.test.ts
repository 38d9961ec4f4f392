/** Staking through transactions and queries, as wallets use it: texts and codes of the Cosmos SDK. */
import { createHash } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createApp } from '../../src/chain/app/app.js';
import { buildAppState } from '../../src/chain/app/genesis-state.js';
import { createModules } from '../../src/chain/app/modules.js';
import { MemoryDatabase } from '../../src/chain/store/memory.js';
import { coin } from '../../src/protocol/coins.js';
import { PubKey } from '../../src/protocol/gen/cosmos/crypto/ed25519/keys.js';
import { MsgUnjail } from '../../src/protocol/gen/cosmos/slashing/v1beta1/tx.js';
import * as q from '../../src/protocol/gen/cosmos/staking/v1beta1/query.js';
import * as tx from '../../src/protocol/gen/cosmos/staking/v1beta1/tx.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import type { ValidatorUpdate } from '../../src/protocol/gen/tendermint/abci/types.js';
import { profile } from '../../src/protocol/params.js';
import { operatorOfAccount } from '../../src/protocol/validator-address.js';
import { TestChain, message, testAccount, type TestAccount } from './harness.js';
import { remes } from './simulation.js';

const STAKING = '/cosmos.staking.v1beta1';
const keyOf = (name: string): Uint8Array => new Uint8Array(createHash('sha256').update(`consensus key of ${name}`).digest());
const operator = (name: string): string => operatorOfAccount(testAccount(name).address);
const [alice, bob, carol, dave] = ['alice', 'bob', 'carol', 'dave'].map(testAccount) as [TestAccount, TestAccount, TestAccount, TestAccount];
const [A, B, C] = [operator('alice'), operator('bob'), operator('carol')];
const CONSENSUS_KEY_URL = '/cosmos.crypto.ed25519.PubKey';

function appState(change: (state: Record<string, unknown>) => void = () => undefined): Record<string, unknown> {
  const state = buildAppState({
    profile: profile('dev'),
    validators: [
      { address: alice.address, consensusKey: keyOf('alice'), selfDelegation: remes(100), moniker: 'alice' },
      { address: bob.address, consensusKey: keyOf('bob'), selfDelegation: remes(50), moniker: 'bob' },
    ],
    balances: new Map([alice, bob, carol, dave].map(({ address }) => [address, remes(1000)])),
    nodes: [],
    models: [],
    datasets: [],
    beacon: new Uint8Array(32),
    beaconKeys: [],
  });
  change(state);
  return state;
}

let chain: TestChain;

const createValidator = (name: string, change: Partial<tx.MsgCreateValidator> = {}): Any =>
  message(`${STAKING}.MsgCreateValidator`, tx.MsgCreateValidator, {
    description: { moniker: name, identity: '', website: '', securityContact: '', details: '' },
    commission: { rate: '100000000000000000', maxRate: '200000000000000000', maxChangeRate: '10000000000000000' },
    minSelfDelegation: '1',
    delegatorAddress: '',
    validatorAddress: operator(name),
    pubkey: { typeUrl: CONSENSUS_KEY_URL, value: PubKey.encode({ key: keyOf(name) }).finish() },
    value: coin(remes(70)),
    ...change,
  });
const editValidator = (name: string, change: Partial<tx.MsgEditValidator>): Any => {
  const kept = '[do-not-modify]';
  const description = { moniker: kept, identity: kept, website: kept, securityContact: kept, details: kept };
  return message(`${STAKING}.MsgEditValidator`, tx.MsgEditValidator, { description, validatorAddress: operator(name), commissionRate: '', minSelfDelegation: '', ...change });
};
const delegate = (who: TestAccount, validatorAddress: string, amount: bigint): Any =>
  message(`${STAKING}.MsgDelegate`, tx.MsgDelegate, { delegatorAddress: who.address, validatorAddress, amount: coin(amount) });
const undelegate = (who: TestAccount, validatorAddress: string, amount: bigint): Any =>
  message(`${STAKING}.MsgUndelegate`, tx.MsgUndelegate, { delegatorAddress: who.address, validatorAddress, amount: coin(amount) });
const redelegate = (who: TestAccount, source: string, target: string, amount: bigint): Any =>
  message(`${STAKING}.MsgBeginRedelegate`, tx.MsgBeginRedelegate, {
    delegatorAddress: who.address,
    validatorSrcAddress: source,
    validatorDstAddress: target,
    amount: coin(amount),
  });

async function ok(account: TestAccount, ...messages: Any[]): Promise<void> {
  const { code, log } = await chain.deliver(account, messages);
  expect([log, code]).toEqual(['', 0]);
}

async function refused(account: TestAccount, one: Any, codespace: string, code: number, text: RegExp): Promise<void> {
  const result = await chain.deliver(account, [one]);
  expect({ codespace: result.codespace, code: result.code }).toEqual({ codespace, code });
  expect(result.log).toMatch(text);
}

interface Codec<T> {
  encode(value: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}
const ask = <Q, R>(method: string, request: Codec<Q>, value: Q, response: Codec<R>): Promise<R> => chain.ask(`${STAKING}.Query/${method}`, request, value, response);
async function logOf<Q>(method: string, codec: Codec<Q>, value: Q): Promise<string> {
  const { log } = await chain.app.query({ path: `${STAKING}.Query/${method}`, data: codec.encode(value).finish(), height: 0n, prove: false });
  return log;
}
const none = undefined;

describe('staking by transactions', () => {
  beforeEach(async () => {
    chain = await TestChain.start({ appState: appState(), createApp: (database, report) => createApp({ database, report, ...createModules() }) });
    await chain.block();
  });
  afterEach(async () => {
    await chain.replay();
    await chain.close();
  });

  it('creates, delegates, redelegates, unbonds and cancels, and queries tell each of it', async () => {
    await ok(carol, createValidator('carol'));
    await ok(dave, delegate(dave, A, remes(30)), delegate(dave, B, remes(10)));
    await ok(dave, redelegate(dave, A, C, remes(5)));
    await ok(dave, undelegate(dave, B, remes(4)));
    const height = chain.height;

    const { validators } = await ask('Validators', q.QueryValidatorsRequest, { status: 'BOND_STATUS_BONDED', pagination: none }, q.QueryValidatorsResponse);
    expect(validators.map(({ tokens }) => BigInt(tokens)).sort()).toEqual([remes(125), remes(56), remes(75)].sort());
    expect((await ask('Pool', q.QueryPoolRequest, {}, q.QueryPoolResponse)).pool).toEqual({ bondedTokens: remes(256).toString(), notBondedTokens: remes(4).toString() });
    const delegations = await ask('DelegatorDelegations', q.QueryDelegatorDelegationsRequest, { delegatorAddr: dave.address, pagination: none }, q.QueryDelegatorDelegationsResponse);
    expect(delegations.delegationResponses.map(({ balance }) => balance?.amount)).toEqual([25, 6, 5].map((n) => remes(n).toString()));
    expect(delegations.pagination?.total).toBe(3n);
    const toC = await ask('ValidatorDelegations', q.QueryValidatorDelegationsRequest, { validatorAddr: C, pagination: none }, q.QueryValidatorDelegationsResponse);
    expect(toC.delegationResponses).toHaveLength(2);
    const moved = await ask(
      'Redelegations',
      q.QueryRedelegationsRequest,
      { delegatorAddr: dave.address, srcValidatorAddr: '', dstValidatorAddr: '', pagination: none },
      q.QueryRedelegationsResponse,
    );
    expect(moved.redelegationResponses[0]?.entries[0]?.balance).toBe(remes(5).toString());
    const unbonding = await ask('UnbondingDelegation', q.QueryUnbondingDelegationRequest, { delegatorAddr: dave.address, validatorAddr: B }, q.QueryUnbondingDelegationResponse);
    expect(unbonding.unbond?.entries).toMatchObject([{ creationHeight: height, balance: remes(4).toString() }]);
    for (const [method, request, response] of [
      ['DelegatorUnbondingDelegations', q.QueryDelegatorUnbondingDelegationsRequest, q.QueryDelegatorUnbondingDelegationsResponse],
      ['DelegatorValidators', q.QueryDelegatorValidatorsRequest, q.QueryDelegatorValidatorsResponse],
    ] as const) {
      const bytes = await chain.app.query({ path: `${STAKING}.Query/${method}`, data: request.encode({ delegatorAddr: dave.address, pagination: none }).finish(), height: 0n, prove: false });
      expect([method, response.decode(bytes.value).pagination?.total]).toEqual([method, method === 'DelegatorValidators' ? 3n : 1n]);
    }
    expect((await ask('HistoricalInfo', q.QueryHistoricalInfoRequest, { height }, q.QueryHistoricalInfoResponse)).hist?.valset).toHaveLength(3);
    expect((await ask('Params', q.QueryParamsRequest, {}, q.QueryParamsResponse)).params?.maxValidators).toBe(100);

    await ok(
      dave,
      message(`${STAKING}.MsgCancelUnbondingDelegation`, tx.MsgCancelUnbondingDelegation, {
        delegatorAddress: dave.address,
        validatorAddress: B,
        amount: coin(remes(1)),
        creationHeight: height,
      }),
    );
    const before = await chain.balance(dave.address);
    const { events } = await chain.block([], { timeSeconds: chain.timeSeconds + 22n * 86_400n });
    expect(await chain.balance(dave.address)).toBe(before + remes(3));
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['complete_unbonding', 'complete_redelegation']));
  });

  it('refuses by the codes of the Cosmos SDK', async () => {
    await refused(dave, createValidator('alice'), 'sdk', 8, /does not match signer/);
    await refused(alice, createValidator('alice'), 'staking', 4, /validator already exist for this operator address/);
    await refused(carol, createValidator('carol', { pubkey: { typeUrl: CONSENSUS_KEY_URL, value: PubKey.encode({ key: keyOf('bob') }).finish() } }), 'staking', 5, /must use new validator pubkey/);
    await refused(carol, createValidator('carol', { pubkey: { typeUrl: '/cosmos.crypto.secp256k1.PubKey', value: new Uint8Array() } }), 'staking', 6, /not supported/);
    await refused(carol, createValidator('carol', { minSelfDelegation: remes(71).toString() }), 'staking', 16, /minimum self delegation/);
    await refused(carol, createValidator('carol', { commission: { rate: '300000000000000000', maxRate: '200000000000000000', maxChangeRate: '0' } }), 'staking', 11, /max rate/);
    await refused(dave, delegate(dave, C, 1n), 'staking', 3, /validator does not exist/);
    await refused(dave, delegate(dave, A, remes(2000)), 'sdk', 5, /insufficient funds/);
    await refused(dave, undelegate(dave, A, 1n), 'staking', 19, /no delegation for \(address, validator\) tuple/);
    await refused(alice, undelegate(alice, A, remes(101)), 'sdk', 18, /invalid shares amount/);
    await refused(alice, redelegate(alice, A, A, 1n), 'staking', 29, /same validator/);
    await refused(alice, redelegate(alice, A, C, 1n), 'staking', 31, /destination validator not found/);
    await ok(dave, delegate(dave, A, remes(10)));
    await ok(dave, redelegate(dave, A, B, remes(5)));
    await refused(dave, redelegate(dave, B, A, remes(1)), 'staking', 32, /already in progress/);
    for (let i = 0; i < 7; i++) await ok(dave, undelegate(dave, A, 1000n));
    await refused(dave, undelegate(dave, A, 1000n), 'staking', 27, /too many unbonding/);
    await refused(alice, message('/cosmos.slashing.v1beta1.MsgUnjail', MsgUnjail, { validatorAddr: A }), 'slashing', 5, /not jailed/);
  });

  it('changes a commission once a day, by what was promised', async () => {
    await refused(alice, editValidator('alice', { commissionRate: '70000000000000000' }), 'staking', 15, /max change rate/);
    await refused(alice, editValidator('alice', { commissionRate: '210000000000000000' }), 'staking', 11, /max rate/);
    await ok(alice, editValidator('alice', { commissionRate: '60000000000000000' }));
    await refused(alice, editValidator('alice', { commissionRate: '50000000000000000' }), 'staking', 12, /once in 24h/);
    await refused(alice, editValidator('alice', { minSelfDelegation: '1' }), 'staking', 17, /cannot be decrease/);
    await ok(alice, editValidator('alice', { minSelfDelegation: remes(60).toString() }));
    const { validator } = await ask('Validator', q.QueryValidatorRequest, { validatorAddr: A }, q.QueryValidatorResponse);
    expect(validator).toMatchObject({ description: { moniker: 'alice' }, commission: { commissionRates: { rate: '60000000000000000' } }, minSelfDelegation: '60000000' });
    await ok(alice, undelegate(alice, A, remes(41)));
    expect((await ask('Validator', q.QueryValidatorRequest, { validatorAddr: A }, q.QueryValidatorResponse)).validator?.jailed).toBe(true);
  });

  it('says "not found" in the words that clients look for', async () => {
    const pair = { delegatorAddr: dave.address, validatorAddr: A };
    expect(await logOf('Delegation', q.QueryDelegationRequest, pair)).toMatch(/rpc error: code = NotFound.*key not found/);
    expect(await logOf('UnbondingDelegation', q.QueryUnbondingDelegationRequest, pair)).toMatch(/rpc error: code = NotFound/);
    expect(await logOf('DelegatorValidator', q.QueryDelegatorValidatorRequest, pair)).toMatch(/rpc error: code = NotFound/);
    expect(await logOf('Validator', q.QueryValidatorRequest, { validatorAddr: C })).toMatch(/rpc error: code = NotFound desc = validator remesvaloper/);
    expect(await logOf('HistoricalInfo', q.QueryHistoricalInfoRequest, { height: 999n })).toMatch(/rpc error: code = NotFound/);
    expect(await logOf('Validators', q.QueryValidatorsRequest, { status: 'BONDED', pagination: none })).toMatch(/code = InvalidArgument.*invalid validator status/);
    expect(await logOf('Validator', q.QueryValidatorRequest, { validatorAddr: dave.address })).toMatch(/code = InvalidArgument/);
  });
});

describe('validators of a genesis', () => {
  const start = async (state: Record<string, unknown>, validators: ValidatorUpdate[]) =>
    createApp({ database: new MemoryDatabase(), report: () => undefined, ...createModules() }).initChain({
      time: { seconds: 1n, nanos: 0 },
      chainId: 'r3mes-test',
      consensusParams: none,
      validators,
      appStateBytes: Buffer.from(JSON.stringify(state)),
      initialHeight: 1n,
    });
  const validator = (name: string, power: bigint): ValidatorUpdate => ({ pubKey: { sum: { $case: 'ed25519', value: keyOf(name) } }, power });

  it('are those that are bonded first, and the document must say the same', async () => {
    const document = [validator('bob', 50n), validator('alice', 100n)];
    const powers = (await start(appState(), document)).validators.map(({ power }) => power);
    expect(powers).toEqual([100n, 50n]);
    expect((await start(appState(), [])).validators).toHaveLength(2);
    expect((await start(appState((state) => delete state['staking']), [validator('dave', 1n)]).catch((error: unknown) => error))).toMatchObject({
      message: expect.stringMatching(/^app_state\.staking: coins of the bonded pool: expected 0/) as string,
    });
    await expect(start(appState(), [validator('bob', 50n), validator('alice', 99n)])).rejects.toThrow(/validators: key [0-9a-f]{64} has power 99 in the genesis document, but 100/);
    await expect(start(appState(), [validator('bob', 50n)])).rejects.toThrow(/is a validator by app_state.staking, but not in the genesis document/);
  });

  it.each<[string, (staking: { validators: Record<string, unknown>[]; delegations: Record<string, unknown>[] } & Record<string, unknown>) => void, RegExp]>([
    ['shares that nobody has', (s) => s.delegations.pop(), /app_state\.staking: shares of validator remesvaloper/],
    ['tokens that nobody paid', (s) => (s.validators[0]!['tokens'] = '1'), /app_state\.staking: coins of the bonded pool/],
    ['one key twice', (s) => (s.validators[1]!['consensus_pubkey'] = s.validators[0]!['consensus_pubkey']), /validators\[1\]\.consensus_pubkey: belongs to two/],
    ['one operator twice', (s) => s.validators.push(s.validators[0]!), /validators\[2\]\.operator_address: .* is named twice/],
    ['a delegation to nobody', (s) => (s.delegations[1]!['validator_address'] = C), /delegations\[1\]\.validator_address: there is no validator/],
    ['another denom', (s) => (s['params'] = { unbonding_time: '60s', max_validators: 1, max_entries: 1, historical_entries: 1, bond_denom: 'stake', min_commission_rate: '0' }), /app_state\.staking\.params: bond_denom/],
    ['a field of nobody', (s) => (s['validator'] = []), /app_state\.staking.*validator/],
  ])('with %s are refused by name', async (_what, change, error) => {
    const state = appState((all) => change(all['staking'] as never));
    await expect(start(state, [])).rejects.toThrow(error);
  });
});
