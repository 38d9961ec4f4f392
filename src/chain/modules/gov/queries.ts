import { InvalidInputError } from '../../../protocol/errors.js';
import { ProposalStatus, type Proposal } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import * as q from '../../../protocol/gen/cosmos/gov/v1/query.js';
import type { PageRequest, PageResponse } from '../../../protocol/gen/cosmos/base/query/v1beta1/pagination.js';
import { type QueryContext, type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { GovKeeper } from './keeper.js';

const PATH = '/cosmos.gov.v1.Query';
const PARAM_TYPES = ['voting', 'tallying', 'deposit'];

/** Which parameters somebody asks for. Nothing means all, which v1 alone can answer. @throws InvalidInputError */
export function paramsType(asked: string): string {
  if (asked === '' || asked === 'params' || PARAM_TYPES.includes(asked)) return asked;
  throw new InvalidInputError(`params_type: expected ${PARAM_TYPES.join(', ')}, got ${JSON.stringify(asked.slice(0, 80))}`);
}

/** Proposals of a status, with a vote or a deposit of somebody; all where nothing is asked. */
export function findProposals(
  keeper: GovKeeper,
  ctx: QueryContext,
  filter: { readonly status: ProposalStatus; readonly voter: string; readonly depositor: string; readonly pagination: PageRequest | undefined },
): { items: Proposal[]; pagination: PageResponse } {
  const { status, voter, depositor, pagination } = filter;
  const { state } = keeper;
  if (status === ProposalStatus.UNSPECIFIED && voter === '' && depositor === '') {
    return paginate(pagination, state.lastId(ctx), (index) => state.proposal(ctx, index + 1n));
  }
  const found = state
    .proposals(ctx)
    .filter((p) => status === ProposalStatus.UNSPECIFIED || p.status === status)
    .filter((p) => voter === '' || state.vote(ctx, p.id, voter) !== undefined)
    .filter((p) => depositor === '' || state.deposit(ctx, p.id, depositor) !== undefined);
  return paginate(pagination, BigInt(found.length), (index) => found[Number(index)]);
}

export function govQueries(keeper: GovKeeper): readonly QueryHandler[] {
  const { state } = keeper;
  const mustGet = (ctx: QueryContext, id: bigint): Proposal => {
    if (id === 0n) throw new InvalidInputError('proposal_id: expected an id from 1 on, got 0');
    const proposal = state.proposal(ctx, id);
    if (proposal === undefined) throw notFound(`proposal ${id}`);
    return proposal;
  };
  return [
    defineQuery({
      path: `${PATH}/Proposal`,
      request: q.QueryProposalRequest,
      response: q.QueryProposalResponse,
      handle: (ctx, { proposalId }) => ({ proposal: mustGet(ctx, proposalId) }),
    }),
    defineQuery({
      path: `${PATH}/Proposals`,
      request: q.QueryProposalsRequest,
      response: q.QueryProposalsResponse,
      handle: (ctx, { proposalStatus, voter, depositor, pagination }) => {
        const { items, pagination: next } = findProposals(keeper, ctx, { status: proposalStatus, voter, depositor, pagination });
        return { proposals: items, pagination: next };
      },
    }),
    defineQuery({
      path: `${PATH}/Vote`,
      request: q.QueryVoteRequest,
      response: q.QueryVoteResponse,
      handle: (ctx, { proposalId, voter }) => {
        mustGet(ctx, proposalId);
        const vote = state.vote(ctx, proposalId, voter);
        if (vote === undefined) throw notFound(`vote of ${voter.slice(0, 80)} on proposal ${proposalId}`);
        return { vote };
      },
    }),
    defineQuery({
      path: `${PATH}/Votes`,
      request: q.QueryVotesRequest,
      response: q.QueryVotesResponse,
      handle: (ctx, { proposalId, pagination }) => {
        mustGet(ctx, proposalId);
        const { items, pagination: next } = paginate(pagination, state.voters.size(ctx, proposalId), (index) => {
          const voter = state.voters.at(ctx, index, proposalId);
          return voter === undefined ? undefined : state.vote(ctx, proposalId, voter);
        });
        return { votes: items, pagination: next };
      },
    }),
    defineQuery({
      path: `${PATH}/Params`,
      request: q.QueryParamsRequest,
      response: q.QueryParamsResponse,
      handle: (ctx, request) => {
        const type = paramsType(request.paramsType);
        const params = state.paramsMessage(ctx);
        const { minDeposit, maxDepositPeriod, votingPeriod, quorum, threshold, vetoThreshold } = params;
        return {
          votingParams: type === 'voting' ? { votingPeriod } : undefined,
          depositParams: type === 'deposit' ? { minDeposit, maxDepositPeriod } : undefined,
          tallyParams: type === 'tallying' ? { quorum, threshold, vetoThreshold } : undefined,
          params,
        };
      },
    }),
    defineQuery({
      path: `${PATH}/Deposit`,
      request: q.QueryDepositRequest,
      response: q.QueryDepositResponse,
      handle: (ctx, { proposalId, depositor }) => {
        mustGet(ctx, proposalId);
        const deposit = state.deposit(ctx, proposalId, depositor);
        if (deposit === undefined) throw notFound(`deposit of ${depositor.slice(0, 80)} on proposal ${proposalId}`);
        return { deposit };
      },
    }),
    defineQuery({
      path: `${PATH}/Deposits`,
      request: q.QueryDepositsRequest,
      response: q.QueryDepositsResponse,
      handle: (ctx, { proposalId, pagination }) => {
        mustGet(ctx, proposalId);
        const { items, pagination: next } = paginate(pagination, state.depositors.size(ctx, proposalId), (index) => {
          const depositor = state.depositors.at(ctx, index, proposalId);
          return depositor === undefined ? undefined : state.deposit(ctx, proposalId, depositor);
        });
        return { deposits: items, pagination: next };
      },
    }),
    defineQuery({
      path: `${PATH}/TallyResult`,
      request: q.QueryTallyResultRequest,
      response: q.QueryTallyResultResponse,
      handle: (ctx, { proposalId }) => ({ tally: keeper.tallyResult(ctx, mustGet(ctx, proposalId)) }),
    }),
  ];
}
