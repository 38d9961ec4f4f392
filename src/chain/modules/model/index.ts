import { z } from 'zod';

import { Model } from '../../../protocol/gen/remes/remes/v1/model.js';
import { QueryGetModelParamsRequest, QueryGetModelParamsResponse } from '../../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type Context, type Module } from '../../module.js';
import { cidField, message, positiveUint32Field, positiveUint64Field, uint32Field, uint64Field } from '../genesis-fields.js';
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

const schema = message({
  models: z
    .array(
      message({
        id: positiveUint64Field,
        name: z.string().min(1).max(100),
        backbone_cid: cidField,
        tokenizer_cid: cidField,
        sequence_length: positiveUint32Field,
        arithmetic_version: positiveUint32Field,
        vocab_size: positiveUint32Field,
        layer_count: positiveUint32Field,
        lora: message({ rank: positiveUint32Field.max(MAX_RANK), alpha: positiveUint32Field, targets: targetsField }),
        optimizer: message({
          learning_rate_bits: uint32Field,
          beta1_bits: uint32Field,
          beta2_bits: uint32Field,
          epsilon_bits: uint32Field,
          weight_decay_bits: uint32Field,
          clip_norm_bits: positiveUint32Field,
        }),
        adapter_parameters: positiveUint64Field,
        full_parameters: positiveUint64Field,
        adapter_cid: cidField,
        optimizer_cid: z.union([z.literal(''), cidField]).default(''),
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
