import { z } from 'zod';

import { DENOM } from '../../../protocol/coins.js';
import { DECIMAL_ONE, formatDecimal, parseDecimal } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { Params } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import type { Duration } from '../../../protocol/gen/google/protobuf/duration.js';
import { decimalField, durationField } from '../genesis-fields.js';
import { coinsField } from '../genesis.js';

/** Parameters as the state machine uses them: amounts in uremes, shares in 10⁻¹⁸, periods in seconds. */
export interface GovParams {
  readonly minDeposit: bigint;
  readonly maxDepositSeconds: bigint;
  readonly votingSeconds: bigint;
  readonly quorum: bigint;
  readonly threshold: bigint;
  readonly vetoThreshold: bigint;
  readonly minInitialDepositRatio: bigint;
  readonly cancelRatio: bigint;
  readonly minDepositRatio: bigint;
  readonly burnVoteQuorum: boolean;
  readonly burnPrevote: boolean;
  readonly burnVeto: boolean;
}

const share = decimalField.refine((value) => value <= DECIMAL_ONE, 'expected a share of at most 1');
const positiveShare = share.refine((value) => value > 0n, 'expected a share above 0');
const period = durationField.refine((seconds) => seconds > 0n, 'expected a period above 0');
const none = z.literal(['', '0', '0.000000000000000000']);

/** Genesis and governance refuse parameters under which nothing could ever pass, or everything would. */
export const govParamsSchema = z
  .strictObject({
    min_deposit: coinsField.refine((amount) => amount > 0n, `expected a deposit above 0 ${DENOM}: without one proposals cost nothing`),
    max_deposit_period: period,
    voting_period: period,
    quorum: share,
    threshold: positiveShare.refine((value) => value < DECIMAL_ONE, 'expected a share below 1: a proposal passes above it'),
    veto_threshold: positiveShare,
    min_initial_deposit_ratio: share,
    proposal_cancel_ratio: share,
    /** What is lost on cancelling is burned: nobody is to gain by it. */
    proposal_cancel_dest: z.literal('').optional(),
    min_deposit_ratio: share,
    burn_vote_quorum: z.boolean(),
    burn_proposal_deposit_prevote: z.boolean(),
    burn_vote_veto: z.boolean(),
    /** There are no expedited proposals here: the fields may only be empty. */
    expedited_voting_period: z.null().optional(),
    expedited_threshold: none.optional(),
    expedited_min_deposit: z.array(z.never()).max(0, 'expected none: there are no expedited proposals').optional(),
  })
  .transform(
    (p): GovParams => ({
      minDeposit: p.min_deposit,
      maxDepositSeconds: p.max_deposit_period,
      votingSeconds: p.voting_period,
      quorum: p.quorum,
      threshold: p.threshold,
      vetoThreshold: p.veto_threshold,
      minInitialDepositRatio: p.min_initial_deposit_ratio,
      cancelRatio: p.proposal_cancel_ratio,
      minDepositRatio: p.min_deposit_ratio,
      burnVoteQuorum: p.burn_vote_quorum,
      burnPrevote: p.burn_proposal_deposit_prevote,
      burnVeto: p.burn_vote_veto,
    }),
  );

const seconds = (duration: Duration | undefined, field: string): string => {
  if (duration === undefined) throw new InvalidInputError(`params.${field}: expected a duration, got none`);
  if (duration.nanos !== 0) throw new InvalidInputError(`params.${field}: expected whole seconds, got ${duration.nanos} nanoseconds`);
  return `${duration.seconds}s`;
};

/** Parameters of a message as genesis would write them, to be checked by the same rules. @throws InvalidInputError */
export function paramsJson(p: Params): Record<string, unknown> {
  return {
    min_deposit: p.minDeposit,
    max_deposit_period: seconds(p.maxDepositPeriod, 'max_deposit_period'),
    voting_period: seconds(p.votingPeriod, 'voting_period'),
    quorum: p.quorum,
    threshold: p.threshold,
    veto_threshold: p.vetoThreshold,
    min_initial_deposit_ratio: p.minInitialDepositRatio,
    proposal_cancel_ratio: p.proposalCancelRatio,
    proposal_cancel_dest: p.proposalCancelDest,
    min_deposit_ratio: p.minDepositRatio,
    burn_vote_quorum: p.burnVoteQuorum,
    burn_proposal_deposit_prevote: p.burnProposalDepositPrevote,
    burn_vote_veto: p.burnVoteVeto,
    expedited_voting_period: p.expeditedVotingPeriod === undefined ? null : seconds(p.expeditedVotingPeriod, 'expedited_voting_period'),
    expedited_threshold: p.expeditedThreshold,
    expedited_min_deposit: p.expeditedMinDeposit,
  };
}

/** As the state and queries carry them. */
export function paramsMessage(p: GovParams): Params {
  return {
    minDeposit: [{ denom: DENOM, amount: p.minDeposit.toString() }],
    maxDepositPeriod: { seconds: p.maxDepositSeconds, nanos: 0 },
    votingPeriod: { seconds: p.votingSeconds, nanos: 0 },
    quorum: formatDecimal(p.quorum),
    threshold: formatDecimal(p.threshold),
    vetoThreshold: formatDecimal(p.vetoThreshold),
    minInitialDepositRatio: formatDecimal(p.minInitialDepositRatio),
    proposalCancelRatio: formatDecimal(p.cancelRatio),
    proposalCancelDest: '',
    expeditedVotingPeriod: undefined,
    expeditedThreshold: '',
    expeditedMinDeposit: [],
    burnVoteQuorum: p.burnVoteQuorum,
    burnProposalDepositPrevote: p.burnPrevote,
    burnVoteVeto: p.burnVeto,
    minDepositRatio: formatDecimal(p.minDepositRatio),
  };
}

/** Parameters that were checked when they were written. */
export function paramsOf(p: Params): GovParams {
  return {
    minDeposit: BigInt(p.minDeposit[0]?.amount ?? '0'),
    maxDepositSeconds: p.maxDepositPeriod?.seconds ?? 0n,
    votingSeconds: p.votingPeriod?.seconds ?? 0n,
    quorum: parseDecimal(p.quorum),
    threshold: parseDecimal(p.threshold),
    vetoThreshold: parseDecimal(p.vetoThreshold),
    minInitialDepositRatio: parseDecimal(p.minInitialDepositRatio),
    cancelRatio: parseDecimal(p.proposalCancelRatio),
    minDepositRatio: parseDecimal(p.minDepositRatio),
    burnVoteQuorum: p.burnVoteQuorum,
    burnPrevote: p.burnProposalDepositPrevote,
    burnVeto: p.burnVoteVeto,
  };
}
