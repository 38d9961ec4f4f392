import {
  QueryAllEvidenceRequest,
  QueryAllEvidenceResponse,
  QueryEvidenceRequest,
  QueryEvidenceResponse,
} from '../../../protocol/gen/cosmos/evidence/v1beta1/query.js';
import { Equivocation } from '../../../protocol/gen/cosmos/evidence/v1beta1/evidence.js';
import {
  QueryParamsRequest,
  QueryParamsResponse,
  QuerySigningInfoRequest,
  QuerySigningInfoResponse,
  QuerySigningInfosRequest,
  QuerySigningInfosResponse,
} from '../../../protocol/gen/cosmos/slashing/v1beta1/query.js';
import type { Any } from '../../../protocol/gen/google/protobuf/any.js';
import { toHex } from '../../../protocol/bytes.js';
import { parseConsensusAddress } from '../../../protocol/validator-address.js';
import { type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { SlashingKeeper } from './keeper.js';

const packed = (evidence: Equivocation): Any => ({
  typeUrl: '/cosmos.evidence.v1beta1.Equivocation',
  value: Equivocation.encode(evidence).finish(),
});

/** Of slashing, and of evidence: both tell of what this module has done. */
export function slashingQueries(keeper: SlashingKeeper): readonly QueryHandler[] {
  const { state } = keeper;
  return [
    defineQuery({
      path: '/cosmos.slashing.v1beta1.Query/Params',
      request: QueryParamsRequest,
      response: QueryParamsResponse,
      handle: (ctx) => ({ params: state.params(ctx) }),
    }),
    defineQuery({
      path: '/cosmos.slashing.v1beta1.Query/SigningInfo',
      request: QuerySigningInfoRequest,
      response: QuerySigningInfoResponse,
      handle: (ctx, { consAddress }) => {
        const info = state.info(ctx, parseConsensusAddress(consAddress));
        if (info === undefined) throw notFound(`SigningInfo for validator ${consAddress}`);
        return { valSigningInfo: keeper.shownInfo(ctx, info) };
      },
    }),
    defineQuery({
      path: '/cosmos.slashing.v1beta1.Query/SigningInfos',
      request: QuerySigningInfosRequest,
      response: QuerySigningInfosResponse,
      handle: (ctx, q) => {
        const { items, pagination } = paginate(q.pagination, state.count(ctx), (i) => state.infoAt(ctx, i));
        return { info: items.map((info) => keeper.shownInfo(ctx, info)), pagination };
      },
    }),
    defineQuery({
      path: '/cosmos.evidence.v1beta1.Query/Evidence',
      request: QueryEvidenceRequest,
      response: QueryEvidenceResponse,
      handle: (ctx, { evidenceHash }) => {
        const evidence = state.evidence(ctx, evidenceHash);
        if (evidence === undefined) throw notFound(`evidence ${toHex(evidenceHash).toUpperCase().slice(0, 64)}`);
        return { evidence: packed(evidence) };
      },
    }),
    defineQuery({
      path: '/cosmos.evidence.v1beta1.Query/AllEvidence',
      request: QueryAllEvidenceRequest,
      response: QueryAllEvidenceResponse,
      handle: (ctx, q) => {
        const { items, pagination } = paginate(q.pagination, state.evidenceCount(ctx), (i) => state.evidenceAt(ctx, i));
        return { evidence: items.map(packed), pagination };
      },
    }),
  ];
}
