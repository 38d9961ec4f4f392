/** Parameters of all modules: asked for together, changed by governance alone and by the rules of genesis. */
import { InvalidInputError } from '../../protocol/errors.js';
import { ParameterChangeProposal } from '../../protocol/gen/cosmos/params/v1beta1/params.js';
import * as sdk from '../../protocol/gen/cosmos/params/v1beta1/query.js';
import { Part } from '../../protocol/gen/remes/remes/v1/node.js';
import { QueryGetParamsRequest, QueryGetParamsResponse } from '../../protocol/gen/remes/remes/v1/query.js';
import * as tx from '../../protocol/gen/remes/remes/v1/tx.js';
import { type Context, type Module, defineQuery } from '../module.js';
import { type AggregationKeeper, aggregationParamsSchema } from '../modules/aggregation/index.js';
import { type AccountKeeper, authParamsSchema } from '../modules/auth/index.js';
import { type ChallengeKeeper, challengeParamsSchema } from '../modules/challenge/index.js';
import { type ContentHandler, defineContent } from '../modules/gov/index.js';
import { type NodeKeeper, nodeParamsSchema } from '../modules/node/index.js';
import { type ParamSpace, changeParam, governedParams, paramOf } from '../modules/param-spaces.js';
import { type RewardKeeper, checkEconomics, rewardParamsSchema } from '../modules/reward/index.js';
import { type TrainingKeeper, trainingParamsSchema } from '../modules/training/index.js';

export interface ParamsDeps {
  readonly accounts: AccountKeeper;
  readonly nodes: NodeKeeper;
  readonly training: TrainingKeeper;
  readonly aggregation: AggregationKeeper;
  readonly challenge: ChallengeKeeper;
  readonly reward: RewardKeeper;
  /** Of the Cosmos modules. */
  readonly spaces: readonly ParamSpace[];
}

/** Most changes that one proposal may hold. */
const MAX_CHANGES = 64;

export function createParams(deps: ParamsDeps): { module: Module; content: ContentHandler } {
  const { accounts, nodes, training, aggregation, challenge, reward } = deps;
  /** What is written must leave cheating a loss, as in genesis. */
  const soundly = (ctx: Context, write: () => void): void => {
    write();
    try {
      checkEconomics(nodes.minStake(ctx, Part.MINER), challenge.state.params(ctx), reward.params(ctx));
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      throw new InvalidInputError(error.message.replace(/^genesis: /, ''), error.hint);
    }
  };
  const governed = [
    governedParams({
      subspace: 'auth',
      typeUrl: '/remes.remes.v1.MsgUpdateAuthParams',
      message: tx.MsgUpdateAuthParams,
      response: tx.MsgUpdateAuthParamsResponse,
      done: {},
      schema: authParamsSchema,
      read: (ctx) => accounts.params(ctx),
      write: (ctx, params) => accounts.setParams(ctx, params),
    }),
    governedParams({
      subspace: 'node',
      typeUrl: '/remes.remes.v1.MsgUpdateNodeParams',
      message: tx.MsgUpdateNodeParams,
      response: tx.MsgUpdateNodeParamsResponse,
      done: {},
      schema: nodeParamsSchema,
      read: (ctx) => nodes.params(ctx),
      write: (ctx, params) => soundly(ctx, () => nodes.setParams(ctx, params)),
    }),
    governedParams({
      subspace: 'training',
      typeUrl: '/remes.remes.v1.MsgUpdateTrainingParams',
      message: tx.MsgUpdateTrainingParams,
      response: tx.MsgUpdateTrainingParamsResponse,
      done: {},
      schema: trainingParamsSchema,
      read: (ctx) => training.state.params(ctx),
      write: (ctx, params) => training.state.setParams(ctx, params),
    }),
    governedParams({
      subspace: 'aggregation',
      typeUrl: '/remes.remes.v1.MsgUpdateAggregationParams',
      message: tx.MsgUpdateAggregationParams,
      response: tx.MsgUpdateAggregationParamsResponse,
      done: {},
      schema: aggregationParamsSchema,
      read: (ctx) => aggregation.params(ctx),
      write: (ctx, params) => aggregation.setParams(ctx, params),
    }),
    governedParams({
      subspace: 'challenge',
      typeUrl: '/remes.remes.v1.MsgUpdateChallengeParams',
      message: tx.MsgUpdateChallengeParams,
      response: tx.MsgUpdateChallengeParamsResponse,
      done: {},
      schema: challengeParamsSchema,
      read: (ctx) => challenge.state.params(ctx),
      write: (ctx, params) => soundly(ctx, () => challenge.state.setParams(ctx, params)),
    }),
    governedParams({
      subspace: 'reward',
      typeUrl: '/remes.remes.v1.MsgUpdateRewardParams',
      message: tx.MsgUpdateRewardParams,
      response: tx.MsgUpdateRewardParamsResponse,
      done: {},
      schema: rewardParamsSchema,
      read: (ctx) => reward.params(ctx),
      write: (ctx, params) => soundly(ctx, () => reward.setParams(ctx, params)),
    }),
  ];
  const spaces = new Map([...governed.map(({ space }) => space), ...deps.spaces].map((space) => [space.subspace, space]));
  const module: Module = {
    name: 'params',
    messages: governed.map(({ handler }) => handler),
    queries: [
      defineQuery({
        path: '/remes.remes.v1.Query/GetParams',
        request: QueryGetParamsRequest,
        response: QueryGetParamsResponse,
        handle: (ctx) => ({
          node: nodes.params(ctx),
          training: training.state.params(ctx),
          aggregation: aggregation.params(ctx),
          challenge: challenge.state.params(ctx),
          reward: reward.params(ctx),
          auth: accounts.params(ctx),
        }),
      }),
      defineQuery({
        path: '/cosmos.params.v1beta1.Query/Params',
        request: sdk.QueryParamsRequest,
        response: sdk.QueryParamsResponse,
        handle: (ctx, { subspace, key }) => {
          const { name, value } = paramOf(spaces, ctx, subspace, key);
          return { param: { subspace, key: name, value: JSON.stringify(value) } };
        },
      }),
      defineQuery({
        path: '/cosmos.params.v1beta1.Query/Subspaces',
        request: sdk.QuerySubspacesRequest,
        response: sdk.QuerySubspacesResponse,
        handle: (ctx) => ({ subspaces: [...spaces.values()].map((space) => ({ subspace: space.subspace, keys: Object.keys(space.read(ctx)) })) }),
      }),
    ],
    initGenesis: () => undefined,
  };
  const content = defineContent({
    typeUrl: '/cosmos.params.v1beta1.ParameterChangeProposal',
    message: ParameterChangeProposal,
    checkStateless: ({ changes }) => {
      if (changes.length > 0 && changes.length <= MAX_CHANGES) return;
      throw new InvalidInputError(`changes: expected 1 to ${MAX_CHANGES}, got ${changes.length}`);
    },
    execute: (ctx, { changes }) => {
      for (const change of changes) changeParam(spaces, ctx, change);
    },
  });
  return { module, content };
}
