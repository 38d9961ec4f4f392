import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { paramsOf } from '../../../../../src/chain/modules/gov/params.js';
import { type TallyDelegation, type TallyVote, outcomeOf, tallyMessage, tallyVotes } from '../../../../../src/chain/modules/gov/tally.js';
import { DECIMAL_ONE } from '../../../../../src/protocol/decimal.js';
import { VoteOption } from '../../../../../src/protocol/gen/cosmos/gov/v1/gov.js';
import { profile } from '../../../../../src/protocol/params.js';

const params = paramsOf(profile('network').gov);
const one = (option: VoteOption) => [{ option, weight: DECIMAL_ONE }];
const validator = (operator: string, tokens: bigint, shares = tokens * DECIMAL_ONE) => ({ operator, account: `${operator}-account`, tokens, shares });
const delegations = (map: Record<string, TallyDelegation[]>) => (voter: string) => map[voter] ?? [];
const shares = (operator: string, amount: bigint): TallyDelegation => ({ operator, shares: amount * DECIMAL_ONE });

describe('a tally', () => {
  it('gives a validator the power of those who delegated to it and said nothing', () => {
    const votes: TallyVote[] = [
      { voter: 'v-account', options: one(VoteOption.YES) },
      { voter: 'alice', options: one(VoteOption.NO) },
      { voter: 'bob', options: [{ option: VoteOption.ABSTAIN, weight: DECIMAL_ONE / 2n }, { option: VoteOption.NO_WITH_VETO, weight: DECIMAL_ONE / 2n }] },
    ];
    const of = delegations({ 'v-account': [shares('v', 10n)], alice: [shares('v', 30n), shares('w', 5n)], bob: [shares('w', 20n)] });
    const tally = tallyVotes(votes, [validator('v', 100n), validator('w', 50n)], of);
    expect(tallyMessage(tally)).toEqual({ yesCount: '70', noCount: '35', abstainCount: '10', noWithVetoCount: '10' });
  });

  it('counts tokens, not shares, and nothing of validators that are not bonded', () => {
    const votes: TallyVote[] = [{ voter: 'alice', options: one(VoteOption.YES) }];
    const of = delegations({ alice: [shares('v', 50n), shares('gone', 1000n)] });
    expect(tallyVotes(votes, [validator('v', 50n, 100n * DECIMAL_ONE)], of).yes).toBe(25n * DECIMAL_ONE);
  });

  it('never counts more than is bonded', () => {
    const voters = ['a', 'b', 'v-account', 'w-account'];
    const vote = fc.record({ voter: fc.constantFrom(...voters), option: fc.constantFrom(VoteOption.YES, VoteOption.NO, VoteOption.ABSTAIN, VoteOption.NO_WITH_VETO) });
    const stakes = fc.array(fc.bigInt(0n, 1_000_000n), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(fc.uniqueArray(vote, { selector: (v) => v.voter }), stakes, fc.tuple(fc.bigInt(1n, 2_000_000n), fc.bigInt(1n, 2_000_000n)), (votes, list, tokens) => {
        const table = Object.fromEntries(voters.map((voter, i) => [voter, [shares('v', list[i]!), shares('w', list[i + 4]!)]]));
        const sum = (from: number) => list.slice(from, from + 4).reduce((s, n) => s + n, 0n) * DECIMAL_ONE;
        const validators = [validator('v', tokens[0], sum(0)), validator('w', tokens[1], sum(4))];
        const { yes, no, abstain, veto } = tallyVotes(votes.map(({ voter, option }) => ({ voter, options: one(option) })), validators, delegations(table));
        expect(yes + no + abstain + veto).toBeLessThanOrEqual((tokens[0] + tokens[1]) * DECIMAL_ONE);
      }),
    );
  });
});

describe('an outcome', () => {
  const tally = (yes: bigint, no = 0n, abstain = 0n, veto = 0n) => ({ yes: yes * DECIMAL_ONE, no: no * DECIMAL_ONE, abstain: abstain * DECIMAL_ONE, veto: veto * DECIMAL_ONE });
  it.each([
    ['needs four tenths of all that is bonded', tally(39n), 'no_quorum'],
    ['is reached by exactly four tenths', tally(40n), 'passed'],
    ['needs more than half of what did not abstain', tally(20n, 20n, 10n), 'rejected'],
    ['is a veto above 33.4 %', tally(66n, 0n, 0n, 34n), 'vetoed'],
    ['is none at 33 %', tally(67n, 0n, 0n, 33n), 'passed'],
    ['of abstentions alone is a rejection', tally(0n, 0n, 50n), 'rejected'],
  ])('%s', (_what, given, expected) => expect(outcomeOf(given, 100n, params)).toBe(expected));
  it('of an empty set is no quorum', () => expect(outcomeOf(tally(0n), 0n, params)).toBe('no_quorum'));
});
