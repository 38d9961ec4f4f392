/**
 * Random operations over all modules: after every block the money is where the books say. 1,500 operations by default;
 * R3MES_TEST_OPERATIONS sets another number, R3MES_TEST_SEED other choices.
 */
import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import { moduleAddress } from '../../src/protocol/address.js';
import { coin, coins } from '../../src/protocol/coins.js';
import { PubKey } from '../../src/protocol/gen/cosmos/crypto/ed25519/keys.js';
import * as distribution from '../../src/protocol/gen/cosmos/distribution/v1beta1/query.js';
import * as payout from '../../src/protocol/gen/cosmos/distribution/v1beta1/tx.js';
import { ProposalStatus } from '../../src/protocol/gen/cosmos/gov/v1/gov.js';
import { QueryProposalsRequest, QueryProposalsResponse } from '../../src/protocol/gen/cosmos/gov/v1/query.js';
import * as gov from '../../src/protocol/gen/cosmos/gov/v1/tx.js';
import { MsgUnjail } from '../../src/protocol/gen/cosmos/slashing/v1beta1/tx.js';
import * as q from '../../src/protocol/gen/cosmos/staking/v1beta1/query.js';
import { BondStatus, type Validator } from '../../src/protocol/gen/cosmos/staking/v1beta1/staking.js';
import * as staking from '../../src/protocol/gen/cosmos/staking/v1beta1/tx.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { MsgRegisterNode, MsgTopUpStake } from '../../src/protocol/gen/remes/remes/v1/tx.js';
import { BlockIDFlag } from '../../src/protocol/gen/tendermint/types/types.js';
import { operatorOfAccount } from '../../src/protocol/validator-address.js';
import { message, msgSend, type TestAccount } from './harness.js';
import { Simulation, remes } from './simulation.js';

const OPERATIONS = Number(process.env['R3MES_TEST_OPERATIONS'] ?? 1500);
const SEED = process.env['R3MES_TEST_SEED'] ?? 'money';
const PER_BLOCK = 25;
const [STAKING, DISTRIBUTION, GOV, REMES] = ['/cosmos.staking.v1beta1', '/cosmos.distribution.v1beta1', '/cosmos.gov.v1', '/remes.remes.v1'];
const PAGE = { key: new Uint8Array(), offset: 0n, limit: 1000n, countTotal: false, reverse: false };

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const consensusKey = (account: TestAccount): Buffer => digest(`consensus key of ${account.name}`);

class Choices {
  #count = 0;
  below(limit: number): number {
    return digest(`${SEED} ${this.#count++}`).readUInt32BE() % limit;
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

interface Operation {
  readonly account: TestAccount;
  readonly messages: Any[];
}

/** What anybody might send; much of it is refused, as in life. */
function operation(choices: Choices, accounts: readonly TestAccount[], operators: readonly TestAccount[], lastProposal: number): Operation {
  const account = choices.of(accounts);
  const who = account.address;
  const other = choices.of(accounts).address;
  const operator = operatorOfAccount(choices.of(operators).address);
  const target = operatorOfAccount(choices.of(operators).address);
  // Odd amounts, so that dividing leaves remainders; now and then more than anybody has.
  const amount = BigInt(choices.below(20) === 0 ? 4_000_000_000_000 : 1 + choices.below(90_000_000));
  const proposalId = BigInt(1 + choices.below(lastProposal + 1));
  const one = (typeUrl: string, codec: Parameters<typeof message>[1], value: unknown): Operation => ({ account, messages: [message(typeUrl, codec, value)] });
  switch (choices.below(15)) {
    case 0:
    case 1:
      return { account, messages: [msgSend(who, other, amount)] };
    case 2:
    case 3:
    case 4:
      return one(`${STAKING}.MsgDelegate`, staking.MsgDelegate, { delegatorAddress: who, validatorAddress: operator, amount: coin(amount) });
    case 5:
    case 6:
      return one(`${STAKING}.MsgUndelegate`, staking.MsgUndelegate, { delegatorAddress: who, validatorAddress: operator, amount: coin(amount / 3n + 1n) });
    case 7:
      return one(`${STAKING}.MsgBeginRedelegate`, staking.MsgBeginRedelegate, { delegatorAddress: who, validatorSrcAddress: operator, validatorDstAddress: target, amount: coin(amount / 3n + 1n) });
    case 8:
      return one(`${DISTRIBUTION}.MsgWithdrawDelegatorReward`, payout.MsgWithdrawDelegatorReward, { delegatorAddress: who, validatorAddress: operator });
    case 9:
      return one(`${GOV}.MsgSubmitProposal`, gov.MsgSubmitProposal, gov.MsgSubmitProposal.fromPartial({ proposer: who, initialDeposit: coins(remes(2 + choices.below(12))), title: 'Text', summary: 'Words' }));
    case 10:
      return one(`${GOV}.MsgDeposit`, gov.MsgDeposit, { proposalId, depositor: who, amount: coins(amount) });
    case 11:
      return one(`${GOV}.MsgVote`, gov.MsgVote, { proposalId, voter: who, option: 1 + choices.below(4), metadata: '' });
    case 12:
      return one(`${REMES}.MsgTopUpStake`, MsgTopUpStake, { address: who, part: 1 + choices.below(3), amount: coin(amount) });
    case 13:
      return one(`${REMES}.MsgRegisterNode`, MsgRegisterNode, { address: who, part: Part.MINER, stake: coin(remes(1000 + choices.below(500))), payoutAddress: '' });
    default: {
      const by = choices.of(operators);
      const operatorAddress = operatorOfAccount(by.address);
      const own = choices.below(2) === 0
        ? message(`${DISTRIBUTION}.MsgWithdrawValidatorCommission`, payout.MsgWithdrawValidatorCommission, { validatorAddress: operatorAddress })
        : message('/cosmos.slashing.v1beta1.MsgUnjail', MsgUnjail, { validatorAddr: operatorAddress });
      return { account: by, messages: [own] };
    }
  }
}

const createValidator = (account: TestAccount, stake: bigint): Operation => ({
  account,
  messages: [
    message(`${STAKING}.MsgCreateValidator`, staking.MsgCreateValidator, {
      description: { moniker: account.name, identity: '', website: '', securityContact: '', details: '' },
      commission: { rate: '70000000000000000', maxRate: '200000000000000000', maxChangeRate: '10000000000000000' },
      minSelfDelegation: (stake / 2n).toString(),
      delegatorAddress: account.address,
      validatorAddress: operatorOfAccount(account.address),
      pubkey: { typeUrl: '/cosmos.crypto.ed25519.PubKey', value: PubKey.encode({ key: consensusKey(account) }).finish() },
      value: coin(stake),
    }),
  ],
});

const validatorsOf = async ({ chain }: Simulation): Promise<Validator[]> =>
  (await chain.ask(`${STAKING}.Query/Validators`, q.QueryValidatorsRequest, { status: '', pagination: PAGE }, q.QueryValidatorsResponse)).validators;

/** Both sides of every equation of the Cosmos modules, as queries tell them. */
async function cosmosBooks({ chain }: Simulation, validators: readonly Validator[]): Promise<{ left: object; right: object }> {
  let [bonded, notBonded, outstanding] = [0n, 0n, 0n];
  const [shares, sums]: [Record<string, bigint>, Record<string, bigint>] = [{}, {}];
  for (const validator of validators) {
    const { operatorAddress } = validator;
    if (validator.status === BondStatus.BONDED) bonded += BigInt(validator.tokens);
    else notBonded += BigInt(validator.tokens);
    const { delegationResponses } = await chain.ask(`${STAKING}.Query/ValidatorDelegations`, q.QueryValidatorDelegationsRequest, { validatorAddr: operatorAddress, pagination: PAGE }, q.QueryValidatorDelegationsResponse);
    shares[operatorAddress] = BigInt(validator.delegatorShares);
    sums[operatorAddress] = delegationResponses.reduce((sum, { delegation }) => sum + BigInt(delegation?.shares ?? '0'), 0n);
    const { unbondingResponses } = await chain.ask(`${STAKING}.Query/ValidatorUnbondingDelegations`, q.QueryValidatorUnbondingDelegationsRequest, { validatorAddr: operatorAddress, pagination: PAGE }, q.QueryValidatorUnbondingDelegationsResponse);
    for (const { entries } of unbondingResponses) for (const { balance } of entries) notBonded += BigInt(balance);
    const { rewards } = await chain.ask(`${DISTRIBUTION}.Query/ValidatorOutstandingRewards`, distribution.QueryValidatorOutstandingRewardsRequest, { validatorAddress: operatorAddress }, distribution.QueryValidatorOutstandingRewardsResponse);
    outstanding += BigInt(rewards?.rewards[0]?.amount ?? '0');
  }
  const { pool } = await chain.ask(`${DISTRIBUTION}.Query/CommunityPool`, distribution.QueryCommunityPoolRequest, {}, distribution.QueryCommunityPoolResponse);
  outstanding += BigInt(pool[0]?.amount ?? '0');
  const { proposals } = await chain.ask(`${GOV}.Query/Proposals`, QueryProposalsRequest, QueryProposalsRequest.fromPartial({ pagination: PAGE }), QueryProposalsResponse);
  const open = proposals.filter(({ status }) => status === ProposalStatus.DEPOSIT_PERIOD || status === ProposalStatus.VOTING_PERIOD);
  return {
    left: { shares, bonded, notBonded, distribution: outstanding, deposits: open.reduce((sum, { totalDeposit }) => sum + BigInt(totalDeposit[0]?.amount ?? '0'), 0n) },
    right: {
      shares: sums,
      bonded: await chain.balance(moduleAddress('bonded_tokens_pool')),
      notBonded: await chain.balance(moduleAddress('not_bonded_tokens_pool')),
      distribution: (await chain.balance(moduleAddress('distribution'))) * 10n ** 18n,
      deposits: await chain.balance(moduleAddress('gov')),
    },
  };
}

it(`keeps the books right through ${OPERATIONS} random operations`, { timeout: 1_800_000 }, async () => {
  const choices = new Choices();
  const sim = await Simulation.start({ miners: 4, proposers: 3, verifiers: 5, seed: SEED, change: (p) => ({ ...p, gov: { ...p.gov, votingPeriod: { seconds: 20n, nanos: 0 }, maxDepositPeriod: { seconds: 15n, nanos: 0 } } }) });
  const operators = [...sim.miners, ...sim.verifiers].slice(0, 5).map(({ account }) => account);
  const accounts = [...sim.miners, ...sim.proposers, ...sim.verifiers].map(({ account }) => account).concat(sim.outsider);
  await sim.step();
  await sim.step(operators.map((account, i) => createValidator(account, remes(100 + 37 * i))));
  expect(sim.failures).toEqual([]);
  const done: Record<string, number> = {};
  let sent = 0;
  let lastProposal = 0;
  while (sent < OPERATIONS) {
    const operations = Array.from({ length: PER_BLOCK }, () => operation(choices, accounts, operators, lastProposal));
    const bonded = (await validatorsOf(sim)).filter(({ status }) => status === BondStatus.BONDED).map(({ operatorAddress }) => operatorAddress);
    const votes = operators
      .filter(({ address }) => bonded.includes(operatorOfAccount(address)))
      .map((account) => ({ validator: { address: new Uint8Array(digestOf(consensusKey(account))), power: 100n }, blockIdFlag: choices.below(9) === 0 ? BlockIDFlag.ABSENT : BlockIDFlag.COMMIT }));
    const block = await sim.step(operations, { commit: { round: 0, votes } });
    sent += PER_BLOCK;
    const results = block.results.slice(-PER_BLOCK);
    for (const [i, { code, events }] of results.entries()) {
      const name = operations[i]!.messages[0]!.typeUrl.split('.').at(-1)!;
      if (code === 0) done[name] = (done[name] ?? 0) + 1;
      lastProposal = Math.max(lastProposal, ...events.map(({ attributes }) => Number(attributes['proposal_id'] ?? 0)));
    }
    const [r3mes, cosmos] = [await sim.invariants(), await cosmosBooks(sim, await validatorsOf(sim))];
    expect({ height: block.height, ...r3mes.left, ...cosmos.left }).toEqual({ height: block.height, ...r3mes.right, ...cosmos.right });
  }
  console.log(`${sent} operations in ${sim.chain.height} blocks; carried out: ${JSON.stringify(done)}`);
  // Each kind came through at least once, or it was not tried.
  for (const name of ['MsgSend', 'MsgDelegate', 'MsgUndelegate', 'MsgBeginRedelegate', 'MsgWithdrawDelegatorReward', 'MsgSubmitProposal', 'MsgDeposit', 'MsgVote', 'MsgTopUpStake', 'MsgRegisterNode']) {
    expect([name, done[name] ?? 0]).toEqual([name, expect.any(Number)]);
    expect(done[name] ?? 0).toBeGreaterThan(0);
  }
  expect(sim.trail.minted).toBeGreaterThan(0n);
  await sim.chain.close();
});

function digestOf(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, 20);
}
