import { utf8 } from '../../../protocol/bytes.js';
import { DECIMAL_ONE, parseDecimal } from '../../../protocol/decimal.js';
import type { Proposal as ProposalV1, TallyResult as TallyV1, Vote as VoteV1 } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import * as v1 from '../../../protocol/gen/cosmos/gov/v1/query.js';
import { VoteOption, type Proposal, type TallyResult, type Vote } from '../../../protocol/gen/cosmos/gov/v1beta1/gov.js';
import * as q from '../../../protocol/gen/cosmos/gov/v1beta1/query.js';
import { type QueryContext, type QueryHandler, defineQuery } from '../../module.js';
import { contentOf } from './contents.js';
import type { GovKeeper } from './keeper.js';
import { newStatus, oldOption, oldStatus } from './legacy-enums.js';
import { findProposals, govQueries, paramsType } from './queries.js';

const PATH = '/cosmos.gov.v1beta1.Query';

function legacyTally({ yesCount, abstainCount, noCount, noWithVetoCount }: TallyV1): TallyResult {
  return { yes: yesCount, abstain: abstainCount, no: noCount, noWithVeto: noWithVetoCount };
}

function legacyProposal(p: ProposalV1): Proposal {
  return {
    proposalId: p.id,
    content: contentOf(p),
    status: oldStatus(p.status),
    finalTallyResult: p.finalTallyResult === undefined ? undefined : legacyTally(p.finalTallyResult),
    submitTime: p.submitTime,
    depositEndTime: p.depositEndTime,
    totalDeposit: p.totalDeposit,
    votingStartTime: p.votingStartTime,
    votingEndTime: p.votingEndTime,
  };
}

function legacyVote({ proposalId, voter, options }: VoteV1): Vote {
  const weighted = options.map(({ option, weight }) => ({ option: oldOption(option), weight: parseDecimal(weight).toString() }));
  const [only] = weighted;
  const isWhole = weighted.length === 1 && only?.weight === DECIMAL_ONE.toString();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- clients of v1beta1 read it
  return { proposalId, voter, option: isWhole ? only.option : VoteOption.UNSPECIFIED, options: weighted };
}

/** A Dec in a bytes field: the text of the whole number. */
const shareBytes = (text: string): Uint8Array => utf8(parseDecimal(text).toString());

/** The same state as v1 answers from, in the messages of v1beta1. */
export function legacyGovQueries(keeper: GovKeeper): readonly QueryHandler[] {
  const newer = new Map(govQueries(keeper).map((handler) => [handler.path, handler]));
  /** Answers by v1, for what has the same request in both. */
  const ask = <R>(method: string, ctx: QueryContext, request: Uint8Array, response: { decode(bytes: Uint8Array): R }): R => {
    const handler = newer.get(`/cosmos.gov.v1.Query/${method}`);
    if (handler === undefined) throw new Error(`no query ${method}`);
    return response.decode(handler.handle(ctx, request));
  };
  return [
    defineQuery({
      path: `${PATH}/Proposal`,
      request: q.QueryProposalRequest,
      response: q.QueryProposalResponse,
      handle: (ctx, request) => {
        const { proposal } = ask('Proposal', ctx, v1.QueryProposalRequest.encode(request).finish(), v1.QueryProposalResponse);
        return { proposal: proposal === undefined ? undefined : legacyProposal(proposal) };
      },
    }),
    defineQuery({
      path: `${PATH}/Proposals`,
      request: q.QueryProposalsRequest,
      response: q.QueryProposalsResponse,
      handle: (ctx, { proposalStatus, voter, depositor, pagination }) => {
        const { items, pagination: next } = findProposals(keeper, ctx, { status: newStatus(proposalStatus), voter, depositor, pagination });
        return { proposals: items.map(legacyProposal), pagination: next };
      },
    }),
    defineQuery({
      path: `${PATH}/Vote`,
      request: q.QueryVoteRequest,
      response: q.QueryVoteResponse,
      handle: (ctx, request) => {
        const { vote } = ask('Vote', ctx, v1.QueryVoteRequest.encode(request).finish(), v1.QueryVoteResponse);
        return { vote: vote === undefined ? undefined : legacyVote(vote) };
      },
    }),
    defineQuery({
      path: `${PATH}/Votes`,
      request: q.QueryVotesRequest,
      response: q.QueryVotesResponse,
      handle: (ctx, request) => {
        const { votes, pagination } = ask('Votes', ctx, v1.QueryVotesRequest.encode(request).finish(), v1.QueryVotesResponse);
        return { votes: votes.map(legacyVote), pagination };
      },
    }),
    defineQuery({
      path: `${PATH}/Params`,
      request: q.QueryParamsRequest,
      response: q.QueryParamsResponse,
      handle: (ctx, request) => {
        paramsType(request.paramsType);
        const p = keeper.state.paramsMessage(ctx);
        return {
          votingParams: { votingPeriod: p.votingPeriod },
          depositParams: { minDeposit: p.minDeposit, maxDepositPeriod: p.maxDepositPeriod },
          tallyParams: { quorum: shareBytes(p.quorum), threshold: shareBytes(p.threshold), vetoThreshold: shareBytes(p.vetoThreshold) },
        };
      },
    }),
    defineQuery({
      path: `${PATH}/Deposit`,
      request: q.QueryDepositRequest,
      response: q.QueryDepositResponse,
      handle: (ctx, request) => ask('Deposit', ctx, v1.QueryDepositRequest.encode(request).finish(), q.QueryDepositResponse),
    }),
    defineQuery({
      path: `${PATH}/Deposits`,
      request: q.QueryDepositsRequest,
      response: q.QueryDepositsResponse,
      handle: (ctx, request) => ask('Deposits', ctx, v1.QueryDepositsRequest.encode(request).finish(), q.QueryDepositsResponse),
    }),
    defineQuery({
      path: `${PATH}/TallyResult`,
      request: q.QueryTallyResultRequest,
      response: q.QueryTallyResultResponse,
      handle: (ctx, request) => {
        const { tally } = ask('TallyResult', ctx, v1.QueryTallyResultRequest.encode(request).finish(), v1.QueryTallyResultResponse);
        return { tally: tally === undefined ? undefined : legacyTally(tally) };
      },
    }),
  ];
}
