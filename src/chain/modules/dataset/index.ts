import { z } from 'zod';

import { DatasetStatus } from '../../../protocol/gen/remes/remes/v1/dataset.js';
import {
  QueryGetDatasetRequest,
  QueryGetDatasetResponse,
  QueryGetDatasetsRequest,
  QueryGetDatasetsResponse,
} from '../../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type Module } from '../../module.js';
import { cidField, message, positiveUint32Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { notFound, paginate } from '../query-kit.js';
import type { DatasetKeeper } from './keeper.js';

export { DatasetKeeper } from './keeper.js';

const schema = message({
  datasets: z
    .array(
      message({
        name: z.string().min(1).max(100),
        manifest_cid: cidField,
        tokenizer_cid: cidField,
        chunk_tokens: positiveUint32Field,
        training_chunks: positiveUint32Field,
        held_out_chunks: positiveUint32Field,
      }),
    )
    .max(100),
});

export function datasetModule(keeper: DatasetKeeper): Module {
  return {
    name: 'dataset',
    messages: [],
    queries: [
      defineQuery({
        path: '/remes.remes.v1.Query/GetDataset',
        request: QueryGetDatasetRequest,
        response: QueryGetDatasetResponse,
        handle: (ctx, q) => {
          const dataset = keeper.get(ctx, q.datasetId);
          if (dataset === undefined) throw notFound(`dataset ${q.datasetId}`);
          return { dataset };
        },
      }),
      defineQuery({
        path: '/remes.remes.v1.Query/GetDatasets',
        request: QueryGetDatasetsRequest,
        response: QueryGetDatasetsResponse,
        handle: (ctx, q) => {
          const { items, pagination } = paginate(q.pagination, keeper.count(ctx), (i) => keeper.get(ctx, i + 1n));
          return { datasets: items, pagination };
        },
      }),
    ],
    initGenesis: (ctx, state) => {
      for (const dataset of parseGenesis('dataset', schema, state).datasets) {
        keeper.add(ctx, { ...dataset, status: DatasetStatus.APPROVED });
      }
    },
  };
}
