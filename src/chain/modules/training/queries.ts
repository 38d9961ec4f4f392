import {
  QueryGetBeaconRequest,
  QueryGetBeaconResponse,
  QueryGetGradientRequest,
  QueryGetGradientResponse,
  QueryGetGradientsRequest,
  QueryGetGradientsResponse,
  QueryGetJobRequest,
  QueryGetJobResponse,
  QueryGetJobsRequest,
  QueryGetJobsResponse,
  QueryGetWindowRequest,
  QueryGetWindowResponse,
} from '../../../protocol/gen/remes/remes/v1/query.js';
import type { TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { defineQuery, type QueryContext, type QueryHandler } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { TrainingState } from './state.js';

function mustWindow(ctx: QueryContext, state: TrainingState, id: bigint): TrainingWindow {
  const window = id === 0n ? state.newest(ctx) : state.window(ctx, id);
  if (window === undefined) throw notFound(id === 0n ? 'window' : `window ${id}`);
  return window;
}

export function trainingQueries(state: TrainingState): QueryHandler[] {
  return [
    defineQuery({
      path: '/remes.remes.v1.Query/GetBeacon',
      request: QueryGetBeaconRequest,
      response: QueryGetBeaconResponse,
      handle: (ctx) => ({ beacon: state.beacon(ctx) }),
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetWindow',
      request: QueryGetWindowRequest,
      response: QueryGetWindowResponse,
      handle: (ctx, q) => ({ window: mustWindow(ctx, state, q.windowId) }),
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetJobs',
      request: QueryGetJobsRequest,
      response: QueryGetJobsResponse,
      handle: (ctx, q) => {
        const window = mustWindow(ctx, state, q.windowId);
        const { items, pagination } = paginate(q.pagination, BigInt(window.jobCount), (i) => state.job(ctx, window.id, Number(i)));
        return { jobs: items, pagination };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetJob',
      request: QueryGetJobRequest,
      response: QueryGetJobResponse,
      handle: (ctx, q) => {
        const window = mustWindow(ctx, state, q.windowId);
        const job = state.jobOfMiner(ctx, window.id, q.miner);
        if (job === undefined) throw notFound(`job of ${q.miner} in window ${window.id}`);
        return { job };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetGradient',
      request: QueryGetGradientRequest,
      response: QueryGetGradientResponse,
      handle: (ctx, q) => {
        const gradient = state.gradient(ctx, q.gradientId);
        if (gradient === undefined) throw notFound(`gradient ${q.gradientId}`);
        return { gradient };
      },
    }),
    defineQuery({
      path: '/remes.remes.v1.Query/GetGradients',
      request: QueryGetGradientsRequest,
      response: QueryGetGradientsResponse,
      handle: (ctx, q) => {
        const window = mustWindow(ctx, state, q.windowId);
        const { items, pagination } = paginate(q.pagination, BigInt(window.gradientCount), (i) => state.gradientAt(ctx, window.id, Number(i)));
        return { gradients: items, pagination };
      },
    }),
  ];
}
