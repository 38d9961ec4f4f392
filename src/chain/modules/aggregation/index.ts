import { QueryGetAggregationRequest, QueryGetAggregationResponse } from '../../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type Module } from '../../module.js';
import { bpsField, message, positiveUint32Field, positiveUint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { notFound } from '../query-kit.js';
import type { AggregationKeeper } from './keeper.js';
import { aggregationMessages } from './messages.js';

export { AggregationKeeper } from './keeper.js';

/** Genesis and governance go by the same rules. */
export const aggregationParamsSchema = message({
  attesting_blocks: positiveUint64Field.refine(
    (blocks) => blocks >= 2n,
    'expected at least 2: proposers are drawn in the first block of the phase and can be heard from the second on',
  ),
  committing_blocks: positiveUint64Field,
  revealing_blocks: positiveUint64Field,
  proposers_per_window: positiveUint32Field.max(100),
  missing_slash_bps: bpsField,
  fraud_slash_bps: bpsField,
});

const schema = message({
  params: aggregationParamsSchema,
});

export function aggregationModule(keeper: AggregationKeeper): Module {
  return {
    name: 'aggregation',
    messages: aggregationMessages(keeper),
    queries: [
      defineQuery({
        path: '/remes.remes.v1.Query/GetAggregation',
        request: QueryGetAggregationRequest,
        response: QueryGetAggregationResponse,
        handle: (ctx, q) => {
          const { state } = keeper.training;
          const window = q.windowId === 0n ? state.newest(ctx) : state.window(ctx, q.windowId);
          if (window === undefined) throw notFound(`window ${q.windowId}`);
          return { accepted: window.accepted, proposers: keeper.records(ctx, window) };
        },
      }),
    ],
    initGenesis: (ctx, state) => keeper.setParams(ctx, parseGenesis('aggregation', schema, state).params),
    beginBlock: (ctx) => keeper.beginBlock(ctx),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
