import { afterEach, describe, expect, it } from 'vitest';

import { ReadContext } from '../../src/chain/app/context.js';
import { AUTHORITY } from '../../src/chain/modules/authority.js';
import { exportGovGenesis } from '../../src/chain/modules/gov/genesis.js';
import { StateStore } from '../../src/chain/store/state.js';
import { moduleAddress } from '../../src/protocol/address.js';
import { coins } from '../../src/protocol/coins.js';
import { TxMsgData } from '../../src/protocol/gen/cosmos/base/abci/v1beta1/abci.js';
import { CommunityPoolSpendProposal } from '../../src/protocol/gen/cosmos/distribution/v1beta1/distribution.js';
import * as distribution from '../../src/protocol/gen/cosmos/distribution/v1beta1/tx.js';
import { ProposalStatus, VoteOption, type Params, type Proposal } from '../../src/protocol/gen/cosmos/gov/v1/gov.js';
import * as q from '../../src/protocol/gen/cosmos/gov/v1/query.js';
import * as v1 from '../../src/protocol/gen/cosmos/gov/v1/tx.js';
import { ProposalStatus as LegacyStatus, TextProposal } from '../../src/protocol/gen/cosmos/gov/v1beta1/gov.js';
import * as legacyQ from '../../src/protocol/gen/cosmos/gov/v1beta1/query.js';
import * as v1beta1 from '../../src/protocol/gen/cosmos/gov/v1beta1/tx.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import { profile } from '../../src/protocol/params.js';
import { type GovernanceChain, startGovernance } from './governance-harness.js';
import { message, msgSend, testAccount, type TestAccount, type TestBlock, type TestTxResult } from './harness.js';

const [alice, bob, carol, val, whale] = ['alice', 'bob', 'carol', 'val', 'whale'].map(testAccount) as [TestAccount, TestAccount, TestAccount, TestAccount, TestAccount];
const MIN = 500_000_000n;
const params = {
  min_deposit: [{ denom: 'uremes', amount: MIN.toString() }], max_deposit_period: '100s', voting_period: '50s', quorum: '0.4', threshold: '0.5', veto_threshold: '0.334',
  min_initial_deposit_ratio: '0.2', proposal_cancel_ratio: '0.5', min_deposit_ratio: '0.01', burn_vote_quorum: false, burn_proposal_deposit_prevote: false, burn_vote_veto: true,
};

let c: GovernanceChain;
async function start(): Promise<void> {
  c = await startGovernance({ val: 1000n, whale: 3000n }, {
    balances: { alice: 2_000_000_000n, bob: 2_000_000_000n, carol: 2_000_000_000n, val: 1_000_000_000n, whale: 1_000_000_000n },
    appState: { gov: { params } },
  });
  await c.chain.block();
}
afterEach(async () => {
  await c.chain.replay();
  await c.chain.close();
});

const GOV = '/cosmos.gov.v1';
const send = (account: TestAccount, ...messages: Any[]): Promise<TestTxResult> => c.chain.deliver(account, messages);
async function ok(account: TestAccount, ...messages: Any[]): Promise<TestTxResult> {
  const result = await send(account, ...messages);
  expect([result.log, result.code]).toEqual(['', 0]);
  return result;
}
const submission = (proposer: TestAccount, messages: Any[], deposit = MIN, change: Partial<v1.MsgSubmitProposal> = {}): Any =>
  message(`${GOV}.MsgSubmitProposal`, v1.MsgSubmitProposal, v1.MsgSubmitProposal.fromPartial({ messages, proposer: proposer.address, initialDeposit: coins(deposit), title: 'A title', summary: 'A summary', ...change }));
async function propose(proposer: TestAccount, messages: Any[], deposit = MIN): Promise<bigint> {
  const result = await ok(proposer, submission(proposer, messages, deposit));
  return v1.MsgSubmitProposalResponse.decode(TxMsgData.decode(result.data).msgResponses[0]!.value).proposalId;
}
const vote = (voter: TestAccount, proposalId: bigint, option: VoteOption): Promise<TestTxResult> =>
  ok(voter, message(`${GOV}.MsgVote`, v1.MsgVote, { proposalId, voter: voter.address, option, metadata: '' }));
const deposit = (depositor: TestAccount, proposalId: bigint, amount: bigint): Any =>
  message(`${GOV}.MsgDeposit`, v1.MsgDeposit, { proposalId, depositor: depositor.address, amount: coins(amount) });
const proposal = async (proposalId: bigint): Promise<Proposal> =>
  (await c.chain.ask(`${GOV}.Query/Proposal`, q.QueryProposalRequest, { proposalId }, q.QueryProposalResponse)).proposal!;
const spend = (recipient: string, amount: bigint): Any =>
  message('/cosmos.distribution.v1beta1.MsgCommunityPoolSpend', distribution.MsgCommunityPoolSpend, { authority: AUTHORITY, recipient, amount: coins(amount) });
const fund = (from: TestAccount, amount: bigint): Any =>
  message('/cosmos.distribution.v1beta1.MsgFundCommunityPool', distribution.MsgFundCommunityPool, { depositor: from.address, amount: coins(amount) });
const pass = (): Promise<TestBlock> => c.chain.block([], { timeSeconds: c.chain.timeSeconds + 60n });

describe('a proposal', () => {
  it('that is paid for and voted for is executed, and its deposits go back', async () => {
    await start();
    await ok(bob, fund(bob, 1000n));
    const before = await c.chain.balance(alice.address);
    const id = await propose(alice, [spend(carol.address, 700n)]);
    expect((await proposal(id)).status).toBe(ProposalStatus.VOTING_PERIOD);
    expect(await c.chain.balance(AUTHORITY)).toBe(MIN);
    await vote(whale, id, VoteOption.NO);
    await vote(whale, id, VoteOption.YES);
    const tally = await c.chain.ask(`${GOV}.Query/TallyResult`, q.QueryTallyResultRequest, { proposalId: id }, q.QueryTallyResultResponse);
    expect(tally.tally).toMatchObject({ yesCount: '3000', noCount: '0' });
    const carolBefore = await c.chain.balance(carol.address);
    await pass();
    expect(await proposal(id)).toMatchObject({ status: ProposalStatus.PASSED, failedReason: '', finalTallyResult: { yesCount: '3000' }, title: 'A title', proposer: alice.address });
    expect(await c.chain.balance(carol.address)).toBe(carolBefore + 700n);
    expect(before - (await c.chain.balance(alice.address))).toBe(2_500n); // its fee
    expect(await c.chain.balance(AUTHORITY)).toBe(0n);
    const votes = await c.chain.ask(`${GOV}.Query/Votes`, q.QueryVotesRequest, q.QueryVotesRequest.fromPartial({ proposalId: id }), q.QueryVotesResponse);
    expect(votes.votes).toEqual([]);
  });

  it('becomes open to votes when others pay the rest, and goes with everything back where nobody does', async () => {
    await start();
    const [open, dropped] = [await propose(alice, [], MIN / 5n), await propose(bob, [], MIN / 5n)];
    expect((await send(carol, message(`${GOV}.MsgVote`, v1.MsgVote, { proposalId: open, voter: carol.address, option: VoteOption.YES, metadata: '' }))).log).toMatch(/not in its voting period: inactive proposal/);
    await ok(carol, deposit(carol, open, (MIN * 4n) / 5n));
    expect((await proposal(open)).status).toBe(ProposalStatus.VOTING_PERIOD);
    const list = await c.chain.ask(`${GOV}.Query/Deposits`, q.QueryDepositsRequest, q.QueryDepositsRequest.fromPartial({ proposalId: open }), q.QueryDepositsResponse);
    expect(list.deposits.map((d) => [d.depositor, d.amount[0]?.amount])).toEqual([[alice.address, '100000000'], [carol.address, '400000000']]);
    const before = await c.chain.balance(bob.address);
    const block = await c.chain.block([], { timeSeconds: c.chain.timeSeconds + 101n });
    expect(block.events).toContainEqual({ type: 'inactive_proposal', attributes: { proposal_id: dropped.toString(), proposal_result: 'proposal_dropped' } });
    expect(await c.chain.balance(bob.address)).toBe(before + MIN / 5n);
    expect((await proposal(open)).status).toBe(ProposalStatus.REJECTED); // no quorum
    await expect(proposal(dropped)).rejects.toThrow(/NotFound/);
  });

  it('with a veto loses its deposits', async () => {
    await start();
    const id = await propose(alice, []);
    const supply = await c.chain.supply();
    await vote(whale, id, VoteOption.NO_WITH_VETO);
    await pass();
    expect((await proposal(id)).status).toBe(ProposalStatus.REJECTED);
    // The deposit, and two tenths of the proposer's and the voter's fees.
    expect(supply - (await c.chain.supply())).toBe(MIN + 1000n);
    expect(await c.chain.balance(AUTHORITY)).toBe(0n);
  });

  it('that cannot be executed any more fails as a whole and says why', async () => {
    await start();
    await ok(bob, fund(bob, 1_000_000n));
    const first = await propose(alice, [spend(carol.address, 900_000n)]);
    const second = await propose(bob, [spend(carol.address, 1n), spend(carol.address, 900_000n)]);
    await vote(whale, first, VoteOption.YES);
    await vote(whale, second, VoteOption.YES);
    const before = await c.chain.balance(carol.address);
    await pass();
    const failed = await proposal(second);
    expect([(await proposal(first)).status, failed.status]).toEqual([ProposalStatus.PASSED, ProposalStatus.FAILED]);
    expect(failed.failedReason).toMatch(/the community pool has \d+uremes, less than 900000uremes/);
    expect(await c.chain.balance(carol.address)).toBe(before + 900_000n);
    expect(await c.chain.balance(AUTHORITY)).toBe(0n);
  });

  it('is taken back by its proposer alone, who pays for that', async () => {
    await start();
    const before = await c.chain.balance(alice.address);
    const id = await propose(alice, []);
    const cancel = (who: TestAccount): Any => message(`${GOV}.MsgCancelProposal`, v1.MsgCancelProposal, { proposalId: id, proposer: who.address });
    expect((await send(bob, cancel(bob))).log).toMatch(/expected the proposer/);
    await ok(alice, cancel(alice));
    expect(before - (await c.chain.balance(alice.address))).toBe(MIN / 2n + 5_000n);
    await expect(proposal(id)).rejects.toThrow(/NotFound/);
    await pass();
    expect((await send(alice, deposit(alice, id, MIN))).log).toMatch(/unknown proposal/);
  });

  it('changes the parameters of governance, by the rules of genesis', async () => {
    await start();
    const update = (change: Partial<Params>): Any =>
      message(`${GOV}.MsgUpdateParams`, v1.MsgUpdateParams, { authority: AUTHORITY, params: { ...profile('network').gov, votingPeriod: { seconds: 30n, nanos: 0 }, ...change } });
    const refuse = async (change: Partial<Params>, log: RegExp): Promise<void> => expect((await send(alice, submission(alice, [update(change)]))).log).toMatch(log);
    await refuse({ minDeposit: [] }, /params\.min_deposit: expected a deposit above 0/);
    await refuse({ threshold: '1' }, /params\.threshold: expected a share below 1/);
    await refuse({ votingPeriod: { seconds: 0n, nanos: 5 } }, /params\.voting_period: expected whole seconds/);
    await refuse({ quorum: '-1' }, /params\.quorum: expected a decimal fraction/);
    await refuse({ proposalCancelDest: alice.address }, /params\.proposal_cancel_dest/);
    const id = await propose(alice, [update({})]);
    await vote(whale, id, VoteOption.YES);
    await pass();
    const answer = await c.chain.ask(`${GOV}.Query/Params`, q.QueryParamsRequest, { paramsType: 'voting' }, q.QueryParamsResponse);
    expect([answer.votingParams?.votingPeriod?.seconds, answer.params?.votingPeriod?.seconds, answer.depositParams]).toEqual([30n, 30n, undefined]);
  });

  it('of other messages, for another signer, without a title or with a small deposit is refused', async () => {
    await start();
    const refuse = async (messages: Any[], log: RegExp, amount = MIN, change: Partial<v1.MsgSubmitProposal> = {}): Promise<void> =>
      expect((await send(alice, submission(alice, messages, amount, change))).log).toMatch(log);
    await refuse([msgSend(AUTHORITY, alice.address, 1n)], /is no message for proposals/);
    await refuse([{ typeUrl: '/cosmos.group.v1.MsgVote', value: new Uint8Array() }], /is no message for proposals/);
    const other = message('/cosmos.distribution.v1beta1.MsgCommunityPoolSpend', distribution.MsgCommunityPoolSpend, { authority: alice.address, recipient: alice.address, amount: coins(1n) });
    await refuse([other], /invalid authority; expected/);
    expect((await send(alice, other)).log).toMatch(/invalid authority/);
    await refuse([spend(carol.address, 10n ** 15n)], /could not be executed as it stands: the community pool has/);
    await refuse([], /expected a title, got none/, MIN, { title: ' ' });
    await refuse([], /expected an initial deposit of at least 100000000uremes, got 1uremes/, 1n);
    await refuse([], /expedited proposals are not supported/, MIN, { expedited: true });
    await refuse([], /metadata: expected at most 255 bytes, got 256/, MIN, { metadata: 'x'.repeat(256) });
    expect(await c.chain.balance(AUTHORITY)).toBe(0n);
    const id = await propose(alice, [], MIN / 5n);
    expect((await send(bob, deposit(bob, id, 1n))).log).toMatch(/expected a deposit of at least 5000000uremes, got 1uremes/);
    expect((await send(bob, msgSend(bob.address, AUTHORITY, 1n))).log).toMatch(/not allowed to receive/);
  });

  it('of v1beta1 is the same, votes in parts included', async () => {
    await start();
    await ok(bob, fund(bob, 1000n));
    const LEGACY = '/cosmos.gov.v1beta1';
    const submit = (content: Any): Any => message(`${LEGACY}.MsgSubmitProposal`, v1beta1.MsgSubmitProposal, { content, initialDeposit: coins(MIN), proposer: alice.address });
    const text = message(`${LEGACY}.TextProposal`, TextProposal, { title: 'Old', description: 'But good' });
    await ok(alice, submit(text));
    const give = { title: 'Give', description: 'To carol', recipient: carol.address, amount: coins(100n) };
    await ok(bob, message(`${LEGACY}.MsgSubmitProposal`, v1beta1.MsgSubmitProposal, { content: message('/cosmos.distribution.v1beta1.CommunityPoolSpendProposal', CommunityPoolSpendProposal, give), initialDeposit: coins(MIN), proposer: bob.address }));
    const weighted = { proposalId: 1n, voter: whale.address, options: [{ option: 1, weight: '700000000000000000' }, { option: 3, weight: '300000000000000000' }] };
    await ok(whale, message(`${LEGACY}.MsgVoteWeighted`, v1beta1.MsgVoteWeighted, weighted), message(`${LEGACY}.MsgVote`, v1beta1.MsgVote, { proposalId: 2n, voter: whale.address, option: 1 }));
    const wrong = message(`${LEGACY}.MsgVoteWeighted`, v1beta1.MsgVoteWeighted, { ...weighted, options: weighted.options.slice(1) });
    expect((await send(whale, wrong)).log).toMatch(/expected weights that make 1 together/);
    await ok(carol, message(`${LEGACY}.MsgDeposit`, v1beta1.MsgDeposit, { proposalId: 1n, depositor: carol.address, amount: coins(MIN) }));
    const one = await c.chain.ask(`${LEGACY}.Query/Vote`, legacyQ.QueryVoteRequest, { proposalId: 1n, voter: whale.address }, legacyQ.QueryVoteResponse);
    expect(one.vote?.options).toEqual(weighted.options);
    const tally = await c.chain.ask(`${LEGACY}.Query/TallyResult`, legacyQ.QueryTallyResultRequest, { proposalId: 1n }, legacyQ.QueryTallyResultResponse);
    expect(tally.tally).toEqual({ yes: '2100', no: '900', abstain: '0', noWithVeto: '0' });
    const shares = (await c.chain.ask(`${LEGACY}.Query/Params`, legacyQ.QueryParamsRequest, { paramsType: 'tallying' }, legacyQ.QueryParamsResponse)).tallyParams;
    expect(Buffer.from(shares!.quorum).toString()).toBe('400000000000000000');
    const before = await c.chain.balance(carol.address);
    await pass();
    expect(await c.chain.balance(carol.address)).toBe(before + 100n + MIN);
    const { proposals } = await c.chain.ask(`${LEGACY}.Query/Proposals`, legacyQ.QueryProposalsRequest, legacyQ.QueryProposalsRequest.fromPartial({ proposalStatus: LegacyStatus.PASSED }), legacyQ.QueryProposalsResponse);
    expect(proposals.map((p) => [p.proposalId, TextProposal.decode(p.content!.value).title])).toEqual([[1n, 'Old'], [2n, 'Give']]);
    expect((await proposal(1n)).title).toBe('Old');
    const unknown = await c.chain.query(`${LEGACY}.Query/Params`, legacyQ.QueryParamsRequest.encode({ paramsType: 'x' }).finish());
    expect(unknown.log).toMatch(/InvalidArgument/);
  });
});

it('open proposals go through an export and an import, deposits and votes included', async () => {
  await start();
  await propose(alice, []);
  await propose(bob, [], MIN / 5n);
  await vote(val, 1n, VoteOption.YES);
  const block = { chainId: 'x', height: c.chain.height, timeSeconds: c.chain.timeSeconds, genesisTimeSeconds: 0n, proposerAddress: new Uint8Array() };
  const exported = exportGovGenesis(c.gov, new ReadContext(block, new StateStore(c.chain.database))) as Record<string, unknown>;
  const held = (await c.chain.balance(moduleAddress('gov'))).toString();
  const bank = { balances: [{ address: AUTHORITY, coins: [{ denom: 'uremes', amount: held }] }] };
  const second = await startGovernance({ val: 1000n, whale: 3000n }, { appState: { gov: JSON.parse(JSON.stringify(exported)), bank }, genesisTimeSeconds: c.chain.timeSeconds, balances: { carol: 1_000_000n } });
  await second.chain.block();
  const answer = await second.chain.ask(`${GOV}.Query/Proposals`, q.QueryProposalsRequest, q.QueryProposalsRequest.fromPartial({}), q.QueryProposalsResponse);
  expect(answer.proposals.map((p) => p.status)).toEqual([ProposalStatus.VOTING_PERIOD, ProposalStatus.DEPOSIT_PERIOD]);
  await second.chain.block([], { timeSeconds: second.chain.timeSeconds + 200n });
  expect(await second.chain.balance(AUTHORITY)).toBe(0n);
  await second.chain.close();
  await expect(startGovernance({}, { appState: { gov: { ...exported } } })).rejects.toThrow(/app_state\.bank\.balances: expected 600000000 uremes for the gov account/);
  await expect(startGovernance({}, { appState: { gov: { params: { ...params, quorum: '2' } } } })).rejects.toThrow(/app_state\.gov\.params\.quorum: expected a share of at most 1/);
});
