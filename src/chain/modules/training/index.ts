import { z } from 'zod';

import type { Context, Module } from '../../module.js';
import { bytesField, positiveUint32Field, positiveUint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { TrainingKeeper } from './keeper.js';
import { trainingMessages } from './messages.js';
import { trainingQueries } from './queries.js';

export { beaconTx } from './beacon.js';
export { TrainingKeeper } from './keeper.js';

const schema = z.strictObject({
  params: z.strictObject({
    collectingBlocks: positiveUint64Field,
    chunksPerJob: positiveUint32Field,
    maxGradientsPerBlock: positiveUint32Field.max(10_000),
    maxPayloadBytes: positiveUint64Field,
  }),
  beacon: bytesField(32),
  beaconKeys: z.array(z.strictObject({ consensusAddress: bytesField(20), vrfPublicKey: bytesField(32) })).max(1000),
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
