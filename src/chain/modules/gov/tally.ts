import { DECIMAL_ONE } from '../../../protocol/decimal.js';
import { VoteOption, type TallyResult } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import type { GovParams } from './params.js';

/** What somebody said, each share in 10⁻¹⁸; together 10¹⁸. */
export interface WeightedOption {
  readonly option: VoteOption;
  readonly weight: bigint;
}

export interface TallyVote {
  readonly voter: string;
  readonly options: readonly WeightedOption[];
}

/** A bonded validator: shares in 10⁻¹⁸, tokens in uremes. */
export interface TallyValidator {
  readonly operator: string;
  /** The account that runs it, whose vote is the validator's. */
  readonly account: string;
  readonly tokens: bigint;
  readonly shares: bigint;
}

export interface TallyDelegation {
  readonly operator: string;
  readonly shares: bigint;
}

/** Voting power by option, in 10⁻¹⁸ uremes. */
export interface Tally {
  readonly yes: bigint;
  readonly abstain: bigint;
  readonly no: bigint;
  readonly veto: bigint;
}

/**
 * Adds up voting power. Who delegates and votes speaks for their own shares; who does not is spoken for by their
 * validator, if it votes.
 */
export function tallyVotes(votes: readonly TallyVote[], validators: readonly TallyValidator[], delegationsOf: (voter: string) => readonly TallyDelegation[]): Tally {
  const power = new Map<VoteOption, bigint>();
  const add = (options: readonly WeightedOption[], amount: bigint): void => {
    for (const { option, weight } of options) power.set(option, (power.get(option) ?? 0n) + (amount * weight) / DECIMAL_ONE);
  };
  const byOperator = new Map(validators.map((validator) => [validator.operator, validator]));
  const voteOf = new Map(votes.map(({ voter, options }) => [voter, options]));
  const spokenFor = new Map<string, bigint>();
  for (const { voter, options } of votes) {
    for (const { operator, shares } of delegationsOf(voter)) {
      const validator = byOperator.get(operator);
      if (validator === undefined || validator.shares === 0n) continue;
      spokenFor.set(operator, (spokenFor.get(operator) ?? 0n) + shares);
      add(options, (shares * validator.tokens * DECIMAL_ONE) / validator.shares);
    }
  }
  for (const { operator, account, tokens, shares } of validators) {
    const options = voteOf.get(account);
    if (options === undefined || shares === 0n) continue;
    add(options, ((shares - (spokenFor.get(operator) ?? 0n)) * tokens * DECIMAL_ONE) / shares);
  }
  const of = (option: VoteOption): bigint => power.get(option) ?? 0n;
  return { yes: of(VoteOption.YES), abstain: of(VoteOption.ABSTAIN), no: of(VoteOption.NO), veto: of(VoteOption.NO_WITH_VETO) };
}

export type Outcome = 'passed' | 'rejected' | 'no_quorum' | 'vetoed';

/** @param bonded tokens of all bonded validators, uremes. */
export function outcomeOf(tally: Tally, bonded: bigint, params: GovParams): Outcome {
  const voted = tally.yes + tally.abstain + tally.no + tally.veto;
  if (bonded === 0n || voted < bonded * params.quorum) return 'no_quorum';
  const decided = voted - tally.abstain;
  if (decided === 0n) return 'rejected';
  if (tally.veto * DECIMAL_ONE > voted * params.vetoThreshold) return 'vetoed';
  return tally.yes * DECIMAL_ONE > decided * params.threshold ? 'passed' : 'rejected';
}

/** Whole uremes, as the SDK shows them. */
export function tallyMessage({ yes, abstain, no, veto }: Tally): TallyResult {
  const whole = (power: bigint): string => (power / DECIMAL_ONE).toString();
  return { yesCount: whole(yes), abstainCount: whole(abstain), noCount: whole(no), noWithVetoCount: whole(veto) };
}

export const NO_VOTES: TallyResult = { yesCount: '0', abstainCount: '0', noCount: '0', noWithVetoCount: '0' };
