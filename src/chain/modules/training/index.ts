import { z } from 'zod';

import type { Context, Module } from '../../module.js';
import { bytesField, message, positiveUint32Field, positiveUint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { TrainingKeeper } from './keeper.js';
import { trainingMessages } from './messages.js';
import { trainingQueries } from './queries.js';

export { beaconTx } from './beacon.js';
export { TrainingKeeper } from './keeper.js';

/** Genesis and governance go by the same rules. */
export const trainingParamsSchema = message({
  collecting_blocks: positiveUint64Field,
  chunks_per_job: positiveUint32Field,
  max_gradients_per_block: positiveUint32Field.max(10_000),
  max_payload_bytes: positiveUint64Field,
});

const schema = message({
  params: trainingParamsSchema,
  beacon: bytesField(32),
  beacon_keys: z.array(message({ consensus_address: bytesField(20), vrf_public_key: bytesField(32) })).max(1000),
});

function initGenesis(ctx: Context, keeper: TrainingKeeper, state: unknown): void {
  const genesis = parseGenesis('training', schema, state);
  keeper.state.setParams(ctx, genesis.params);
  keeper.state.setBeacon(ctx, { height: 0n, value: genesis.beacon });
  for (const key of genesis.beaconKeys) keeper.state.setBeaconKey(ctx, key);
}

export function trainingModule(keeper: TrainingKeeper): Module {
  return {
    name: 'training',
    messages: trainingMessages(keeper),
    queries: trainingQueries(keeper.state),
    initGenesis: (ctx, state) => initGenesis(ctx, keeper, state),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
