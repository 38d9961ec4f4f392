import { z } from 'zod';

import { Model } from '../../../protocol/gen/remes/remes/v1/model.js';
import { QueryGetModelParamsRequest, QueryGetModelParamsResponse } from '../../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type Context, type Module } from '../../module.js';
import { cidField, positiveUint32Field, positiveUint64Field, uint32Field, uint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { notFound } from '../query-kit.js';
import type { ModelKeeper } from './keeper.js';

export { ModelKeeper, type AdapterState } from './keeper.js';

/** All linear layers that may carry LoRA, in the order that `targets` has. */
export const LORA_TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

const MAX_RANK = 64;

const targetsField = z
  .array(z.enum(LORA_TARGETS))
  .min(1)
  .refine(
    (targets) => targets.every((t, i) => i === 0 || LORA_TARGETS.indexOf(t) > LORA_TARGETS.indexOf(targets[i - 1] ?? t)),
    `expected targets without repetition in the order ${LORA_TARGETS.join(', ')}`,
  );

const schema = z.strictObject({
  models: z
    .array(
      z.strictObject({
        id: positiveUint64Field,
        name: z.string().min(1).max(100),
        backboneCid: cidField,
        tokenizerCid: cidField,
        sequenceLength: positiveUint32Field,
        arithmeticVersion: positiveUint32Field,
        vocabSize: positiveUint32Field,
        layerCount: positiveUint32Field,
        lora: z.strictObject({ rank: positiveUint32Field.max(MAX_RANK), alpha: positiveUint32Field, targets: targetsField }),
        optimizer: z.strictObject({
          learningRateBits: uint32Field,
          beta1Bits: uint32Field,
          beta2Bits: uint32Field,
          epsilonBits: uint32Field,
          weightDecayBits: uint32Field,
          clipNormBits: positiveUint32Field,
        }),
        adapterParameters: positiveUint64Field,
        fullParameters: positiveUint64Field,
        adapterCid: cidField,
        optimizerCid: z.union([z.literal(''), cidField]).default(''),
        step: uint64Field.default(0n),
        version: uint64Field.default(0n),
      }),
    )
    .max(100),
});

function initGenesis(ctx: Context, keeper: ModelKeeper, state: unknown): void {
  for (const model of parseGenesis('model', schema, state).models) keeper.add(ctx, Model.fromPartial(model));
}

export function modelModule(keeper: ModelKeeper): Module {
  return {
    name: 'model',
    messages: [],
    queries: [
      defineQuery({
        path: '/remes.remes.v1.Query/GetModelParams',
        request: QueryGetModelParamsRequest,
        response: QueryGetModelParamsResponse,
        handle: (ctx, q) => {
          const model = q.modelId === 0n ? keeper.current(ctx) : keeper.get(ctx, q.modelId);
          if (model === undefined) throw notFound(q.modelId === 0n ? 'model in training' : `model ${q.modelId}`);
          return { model };
        },
      }),
    ],
    initGenesis: (ctx, state) => initGenesis(ctx, keeper, state),
  };
}
