import { Model } from '../../../protocol/gen/remes/remes/v1/model.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, Table } from '../collections.js';

const STORE = 'model';
const PLACES = {
  models: { store: STORE, prefix: 0x01 }, // id -> Model
  current: { store: STORE, prefix: 0x02 }, // -> id of the model in training
} as const;

/** Where a model's adapter stands: what a window starts from and what an aggregation moves. */
export interface AdapterState {
  readonly adapterCid: string;
  readonly optimizerCid: string;
  readonly step: bigint;
}

export class ModelKeeper {
  readonly #models = new Table(PLACES.models, Model);
  readonly #current = new Counter(PLACES.current);

  get(ctx: QueryContext, id: bigint): Model | undefined {
    return this.#models.get(ctx, id);
  }

  /** The model in training. */
  current(ctx: QueryContext): Model | undefined {
    return this.#models.get(ctx, this.#current.get(ctx));
  }

  add(ctx: Context, model: Model): void {
    this.#models.set(ctx, model, model.id);
    if (this.#current.get(ctx) === 0n) this.#current.set(ctx, model.id);
  }

  /**
   * Gives the model another adapter: a new version, also when a revert takes it back, so that no submission for
   * the other state can fit.
   */
  setAdapter(ctx: Context, id: bigint, state: AdapterState): void {
    const model = this.#models.get(ctx, id);
    if (model === undefined) return;
    const version = model.version + 1n;
    this.#models.set(ctx, { ...model, ...state, version }, id);
    ctx.emit({
      type: 'adapter_changed',
      attributes: { model_id: id.toString(), version: version.toString(), adapter_cid: state.adapterCid, step: state.step.toString() },
    });
  }
}
