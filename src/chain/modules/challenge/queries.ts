import { CasePhase } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import {
  QueryGetCaseRequest,
  QueryGetCaseResponse,
  QueryGetCasesRequest,
  QueryGetCasesResponse,
  QueryGetDutiesRequest,
  QueryGetDutiesResponse,
  QueryGetOpenDutiesRequest,
  QueryGetOpenDutiesResponse,
} from '../../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type QueryHandler } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { ChallengeState } from './state.js';

export function challengeQueries(state: ChallengeState): QueryHandler[] {
  return [
    defineQuery({
      path: '/remes.remes.v1.Query/GetOpenDuties',
      request: QueryGetOpenDutiesRequest,
      response: QueryGetOpenDutiesResponse,
      handle: (ctx, q) => ({ duties: state.openDuties(ctx, q.verifier) }),
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetDuties',
      request: QueryGetDutiesRequest,
      response: QueryGetDutiesResponse,
      handle: (ctx, q) => {
        const { items, pagination } = paginate(q.pagination, state.windowDutyCount(ctx, q.windowId), (i) => state.windowDutyAt(ctx, q.windowId, i));
        return { duties: items, pagination };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetCase',
      request: QueryGetCaseRequest,
      response: QueryGetCaseResponse,
      handle: (ctx, q) => {
        const found = state.case(ctx, q.caseId);
        if (found === undefined) throw notFound(`case ${q.caseId}`);
        return { case: found, duties: state.subjectDuties(ctx, found).filter((d) => d.caseId === found.id) };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetCases',
      request: QueryGetCasesRequest,
      response: QueryGetCasesResponse,
      handle: (ctx, q) => {
        const ofWindow = q.windowId === 0n ? undefined : state.windowCases(ctx, q.windowId);
        const total = ofWindow === undefined ? state.caseCount(ctx) : BigInt(ofWindow.length);
        const { items, pagination } = paginate(q.pagination, total, (i) => {
          const found = ofWindow === undefined ? state.case(ctx, i + 1n) : ofWindow[Number(i)];
          return q.openOnly && found?.phase === CasePhase.CLOSED ? undefined : found;
        });
        return { cases: items, pagination };
      },
    }),
  ];
}
