import { Dataset, DatasetStatus } from '../../../protocol/gen/remes/remes/v1/dataset.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, Table } from '../collections.js';

const STORE = 'dataset';
const PLACES = {
  datasets: { store: STORE, prefix: 0x01 }, // id -> Dataset
  count: { store: STORE, prefix: 0x02 }, // -> highest id
} as const;

export class DatasetKeeper {
  readonly #datasets = new Table(PLACES.datasets, Dataset);
  readonly #count = new Counter(PLACES.count);

  get(ctx: QueryContext, id: bigint): Dataset | undefined {
    return this.#datasets.get(ctx, id);
  }

  count(ctx: QueryContext): bigint {
    return this.#count.get(ctx);
  }

  /** Ids are given in order from 1. */
  add(ctx: Context, dataset: Omit<Dataset, 'id'>): bigint {
    const id = this.#count.add(ctx, 1n);
    this.#datasets.set(ctx, { ...dataset, id }, id);
    return id;
  }

  /** The newest approved dataset whose tokens are of this tokenizer: what windows draw from. */
  forTokenizer(ctx: QueryContext, tokenizerCid: string): Dataset | undefined {
    for (let id = this.count(ctx); id > 0n; id--) {
      const dataset = this.get(ctx, id);
      if (dataset?.status === DatasetStatus.APPROVED && dataset.tokenizerCid === tokenizerCid) return dataset;
    }
    return undefined;
  }
}
