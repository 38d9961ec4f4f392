import {
  QueryGetRegistrationRequest,
  QueryGetRegistrationResponse,
  QueryGetRegistrationsRequest,
  QueryGetRegistrationsResponse,
  QueryGetSlashesRequest,
  QueryGetSlashesResponse,
} from '../../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type QueryHandler } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { NodeKeeper } from './keeper.js';

export function nodeQueries(keeper: NodeKeeper): QueryHandler[] {
  return [
    defineQuery({
      path: '/remes.remes.v1.Query/GetRegistration',
      request: QueryGetRegistrationRequest,
      response: QueryGetRegistrationResponse,
      handle: (ctx, q) => {
        const registration = keeper.registration(ctx, q.part, q.address);
        if (registration === undefined) throw notFound(`registration of ${q.address}`);
        return { registration };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetRegistrations',
      request: QueryGetRegistrationsRequest,
      response: QueryGetRegistrationsResponse,
      handle: (ctx, q) => {
        const { items, pagination } = paginate(q.pagination, keeper.members(ctx, q.part), (i) => keeper.memberAt(ctx, q.part, i));
        return { registrations: items, pagination };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetSlashes',
      request: QueryGetSlashesRequest,
      response: QueryGetSlashesResponse,
      handle: (ctx, q) => {
        const ids = q.address === '' ? undefined : keeper.slashIdsOf(ctx, q.address);
        const total = ids === undefined ? keeper.slashCount(ctx) : BigInt(ids.length);
        const { items, pagination } = paginate(q.pagination, total, (i) =>
          keeper.slashRecord(ctx, ids === undefined ? i + 1n : (ids[Number(i)] ?? 0n)),
        );
        return { slashes: items, pagination };
      },
    }),
  ];
}
