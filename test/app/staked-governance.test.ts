/** Real stake decides on real parameters, and earns its fees: all modules together. */
import { createHash } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AUTHORITY } from '../../src/chain/modules/authority.js';
import { moduleAddress } from '../../src/protocol/address.js';
import { coin, coins } from '../../src/protocol/coins.js';
import { PubKey } from '../../src/protocol/gen/cosmos/crypto/ed25519/keys.js';
import * as distribution from '../../src/protocol/gen/cosmos/distribution/v1beta1/query.js';
import { MsgWithdrawDelegatorReward, MsgWithdrawValidatorCommission } from '../../src/protocol/gen/cosmos/distribution/v1beta1/tx.js';
import { ProposalStatus, VoteOption } from '../../src/protocol/gen/cosmos/gov/v1/gov.js';
import { QueryProposalRequest, QueryProposalResponse } from '../../src/protocol/gen/cosmos/gov/v1/query.js';
import * as v1 from '../../src/protocol/gen/cosmos/gov/v1/tx.js';
import * as v1beta1 from '../../src/protocol/gen/cosmos/gov/v1beta1/tx.js';
import { ParameterChangeProposal } from '../../src/protocol/gen/cosmos/params/v1beta1/params.js';
import * as params from '../../src/protocol/gen/cosmos/params/v1beta1/query.js';
import { MsgCreateValidator, MsgDelegate } from '../../src/protocol/gen/cosmos/staking/v1beta1/tx.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import { QueryGetParamsRequest, QueryGetParamsResponse } from '../../src/protocol/gen/remes/remes/v1/query.js';
import * as remesTx from '../../src/protocol/gen/remes/remes/v1/tx.js';
import { BlockIDFlag } from '../../src/protocol/gen/tendermint/types/types.js';
import { profile } from '../../src/protocol/params.js';
import { operatorOfAccount } from '../../src/protocol/validator-address.js';
import { message, testAccount, type TestAccount } from './harness.js';
import { Simulation, remes } from './simulation.js';

const DISTRIBUTION = '/cosmos.distribution.v1beta1';
const validator = testAccount('outsider');
const operator = operatorOfAccount(validator.address);
const key = createHash('sha256').update('a consensus key').digest();
const consensusAddress = createHash('sha256').update(key).digest().subarray(0, 20);

let sim: Simulation;
async function ok(account: TestAccount, ...messages: Any[]): Promise<void> {
  const { log, code } = await sim.chain.deliver(account, messages);
  expect([log, code]).toEqual(['', 0]);
}
beforeEach(async () => {
  sim = await Simulation.start({ miners: 0, proposers: 0, verifiers: 0 });
  await sim.chain.block();
  const create = {
    description: { moniker: 'v', identity: '', website: '', securityContact: '', details: '' },
    commission: { rate: '100000000000000000', maxRate: '200000000000000000', maxChangeRate: '10000000000000000' },
    minSelfDelegation: '1',
    delegatorAddress: validator.address,
    validatorAddress: operator,
    pubkey: { typeUrl: '/cosmos.crypto.ed25519.PubKey', value: PubKey.encode({ key }).finish() },
    value: coin(remes(1000)),
  };
  await ok(validator, message('/cosmos.staking.v1beta1.MsgCreateValidator', MsgCreateValidator, create));
});
afterEach(async () => {
  await sim.chain.replay();
  await sim.chain.close();
});

const update = (change: Partial<ReturnType<typeof profile>['reward']>): Any =>
  message('/remes.remes.v1.MsgUpdateRewardParams', remesTx.MsgUpdateRewardParams, { authority: AUTHORITY, params: { ...profile('dev').reward, ...change } });
const submission = (messages: Any[]): Any =>
  message('/cosmos.gov.v1.MsgSubmitProposal', v1.MsgSubmitProposal, v1.MsgSubmitProposal.fromPartial({ messages, proposer: validator.address, initialDeposit: coins(remes(10)), title: 'Change', summary: 'Why' }));
const legacy = (changes: ParameterChangeProposal['changes']): Any =>
  message('/cosmos.gov.v1beta1.MsgSubmitProposal', v1beta1.MsgSubmitProposal, {
    content: message('/cosmos.params.v1beta1.ParameterChangeProposal', ParameterChangeProposal, { title: 'Change', description: 'Why', changes }),
    initialDeposit: coins(remes(10)),
    proposer: validator.address,
  });
const vote = (proposalId: bigint): Promise<void> =>
  ok(validator, message('/cosmos.gov.v1.MsgVote', v1.MsgVote, { proposalId, voter: validator.address, option: VoteOption.YES, metadata: '' }));
const decided = async (proposalId: bigint): Promise<unknown> => {
  await sim.chain.block([], { timeSeconds: sim.chain.timeSeconds + 61n });
  const { proposal } = await sim.chain.ask('/cosmos.gov.v1.Query/Proposal', QueryProposalRequest, { proposalId }, QueryProposalResponse);
  return [proposal?.status, proposal?.failedReason];
};
const all = () => sim.chain.ask('/remes.remes.v1.Query/GetParams', QueryGetParamsRequest, {}, QueryGetParamsResponse);

describe('parameters', () => {
  it('change by a message of governance', async () => {
    await ok(validator, submission([update({ minerBase: '1500000' })]));
    await vote(1n);
    expect(await decided(1n)).toEqual([ProposalStatus.PASSED, '']);
    expect((await all()).reward?.minerBase).toBe('1500000');
  });

  it('change one by one, by names that clients of the SDK know as well', async () => {
    await ok(validator, legacy([{ subspace: 'training', key: 'collecting_blocks', value: '"12"' }, { subspace: 'distribution', key: 'communitytax', value: '"0.1"' }, { subspace: 'gov', key: 'voting_period', value: '"30s"' }]));
    await vote(1n);
    expect(await decided(1n)).toEqual([ProposalStatus.PASSED, '']);
    expect((await all()).training?.collectingBlocks).toBe(12n);
    const tax = await sim.chain.ask('/cosmos.params.v1beta1.Query/Params', params.QueryParamsRequest, { subspace: 'distribution', key: 'CommunityTax' }, params.QueryParamsResponse);
    expect(tax.param).toEqual({ subspace: 'distribution', key: 'community_tax', value: '"0.100000000000000000"' });
    const { subspaces } = await sim.chain.ask('/cosmos.params.v1beta1.Query/Subspaces', params.QuerySubspacesRequest, {}, params.QuerySubspacesResponse);
    expect(subspaces.map((s) => s.subspace)).toEqual(['auth', 'node', 'training', 'aggregation', 'challenge', 'reward', 'distribution', 'gov']);
  });

  it('under which cheating pays, or that genesis would refuse, are refused', async () => {
    const refused = async (proposal: Any, log: RegExp): Promise<void> => expect((await sim.chain.deliver(validator, [proposal])).log).toMatch(log);
    const floor = message('/remes.remes.v1.MsgUpdateChallengeParams', remesTx.MsgUpdateChallengeParams, { authority: AUTHORITY, params: { ...profile('dev').challenge, auditFloorBps: 10 } });
    await refused(submission([floor]), /: cheating would pay: expected audit_floor_bps × slash/);
    const stake = message('/remes.remes.v1.MsgUpdateNodeParams', remesTx.MsgUpdateNodeParams, { authority: AUTHORITY, params: { ...profile('dev').node, minStakeMiner: '0' } });
    await refused(submission([stake]), /cheating would pay/);
    await refused(legacy([{ subspace: 'challenge', key: 'wrong_gradient_slash_bps', value: '0' }]), /cheating would pay/);
    await refused(submission([update({ minerShareBps: 9000 })]), /params\.miner_share_bps: expected the three shares to be at most 10000 together/);
    await refused(submission([update({ nominalBlockMs: 0n })]), /params\.nominal_block_ms: expected an integer above 0/);
    await refused(legacy([{ subspace: 'training', key: 'colour', value: '1' }]), /key: expected collecting_blocks, /);
    await refused(legacy([{ subspace: 'weather', key: 'x', value: '1' }]), /subspace: expected auth, node/);
    await refused(legacy([{ subspace: 'training', key: 'collecting_blocks', value: 'many' }]), /expected JSON, got "many"/);
    await refused(legacy([]), /changes: expected 1 to 64, got 0/);
    await refused(update({ minerBase: '1' }), /wrong number of signers|account \w+ does not exist|does not match signer 0/);
    expect((await all()).challenge?.auditFloorBps).toBe(10_000);
  });
});

describe('fees', () => {
  it('reach the validator and who delegated to it', async () => {
    const treasury = testAccount('treasury');
    await ok(treasury, message('/cosmos.staking.v1beta1.MsgDelegate', MsgDelegate, { delegatorAddress: treasury.address, validatorAddress: operator, amount: coin(remes(3000)) }));
    const commit = { round: 0, votes: [{ validator: { address: consensusAddress, power: 4000n }, blockIdFlag: BlockIDFlag.COMMIT }] };
    await sim.chain.block([], { commit });
    await ok(treasury, message('/cosmos.staking.v1beta1.MsgDelegate', MsgDelegate, { delegatorAddress: treasury.address, validatorAddress: operator, amount: coin(1n) }));
    const pending = async (delegatorAddress: string): Promise<string | undefined> =>
      (await sim.chain.ask(`${DISTRIBUTION}.Query/DelegationRewards`, distribution.QueryDelegationRewardsRequest, { delegatorAddress, validatorAddress: operator }, distribution.QueryDelegationRewardsResponse)).rewards[0]?.amount;
    await sim.chain.block([], { commit });
    // 2,500 of fees twice: of each 1,250 the validators', a tenth of it commission; a quarter of the rest is the validator's own.
    expect(Number(await pending(validator.address)) / 1e18).toBeCloseTo(2 * 281.25, 3);
    expect(Number(await pending(treasury.address)) / 1e18).toBeCloseTo(843.75, 3); // the first was paid out by delegating again
    const before = await sim.chain.balance(validator.address);
    await ok(
      validator,
      message(`${DISTRIBUTION}.MsgWithdrawDelegatorReward`, MsgWithdrawDelegatorReward, { delegatorAddress: validator.address, validatorAddress: operator }),
      message(`${DISTRIBUTION}.MsgWithdrawValidatorCommission`, MsgWithdrawValidatorCommission, { validatorAddress: operator }),
    );
    expect((await sim.chain.balance(validator.address)) - before).toBe(562n + 250n - 2_500n);
    const { left } = await sim.invariants();
    expect(left['balances']).toBe(await sim.chain.supply());
    expect(await sim.chain.balance(moduleAddress('distribution'))).toBeGreaterThan(0n);
  });
});
