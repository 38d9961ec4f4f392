import { moduleAddress } from '../../protocol/address.js';
import { QueryGetParamsRequest, QueryGetParamsResponse } from '../../protocol/gen/remes/remes/v1/query.js';
import { defineQuery, type Module, type ProposerTx } from '../module.js';
import { AggregationKeeper, aggregationModule } from '../modules/aggregation/index.js';
import { authzModule } from '../modules/authz/index.js';
import { ChallengeKeeper, challengeModule } from '../modules/challenge/index.js';
import { DatasetKeeper, datasetModule } from '../modules/dataset/index.js';
import { feegrantModule } from '../modules/feegrant/index.js';
import { mintModule } from '../modules/mint/index.js';
import { ModelKeeper, modelModule } from '../modules/model/index.js';
import { NodeKeeper, nodeModule } from '../modules/node/index.js';
import { RewardKeeper, rewardModule } from '../modules/reward/index.js';
import { beaconTx, TrainingKeeper, trainingModule } from '../modules/training/index.js';
import { createBase, type Base } from './base.js';

/** Module accounts that hold stakes and bonds. */
export const STAKE_ESCROW = 'node';
export const BOND_ESCROW = 'challenge';

export interface ModuleSet {
  readonly base: Base;
  /** After auth and bank, in the order of genesis and of block hooks. */
  readonly modules: readonly Module[];
  readonly proposerTx: ProposerTx;
}

/**
 * All modules of r3mes, wired. The order of hooks matters in one place: cases close before an aggregation is accepted,
 * so that who was condemned in a block gets no job of the window that opens in it.
 * @param vrfSecret 32 bytes, only where this node proposes blocks.
 */
export function createModules(vrfSecret?: Uint8Array): ModuleSet {
  const base = createBase([STAKE_ESCROW, BOND_ESCROW]);
  const { bank, accounts, closed } = base;
  const nodes = new NodeKeeper(bank, moduleAddress(STAKE_ESCROW));
  const models = new ModelKeeper();
  const datasets = new DatasetKeeper();
  const training = new TrainingKeeper(nodes, models, datasets);
  const aggregation = new AggregationKeeper(nodes, training, models);
  const challenge = new ChallengeKeeper({ bank, nodes, training, aggregation }, moduleAddress(BOND_ESCROW));
  const reward = new RewardKeeper({ bank, nodes, training, aggregation, challenge });

  aggregation.connect(challenge);
  training.onCollectingEnded((ctx, window) => aggregation.collectingEnded(ctx, window));
  training.onCollectingEnded((ctx, window) => challenge.collectingEnded(ctx, window));
  challenge.onCaseClosed((ctx, parties) => reward.caseClosed(ctx, parties));

  const params: Module = {
    name: 'params',
    messages: [],
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
    ],
    initGenesis: () => undefined,
  };
  const economics = {
    minStake: nodes.minStake.bind(nodes),
    challengeParams: challenge.state.params.bind(challenge.state),
  };
  return {
    base,
    modules: [
      nodeModule(nodes, bank, closed),
      modelModule(models),
      datasetModule(datasets),
      trainingModule(training),
      challengeModule(challenge),
      aggregationModule(aggregation),
      rewardModule(reward, economics),
      mintModule(reward, bank),
      authzModule(),
      feegrantModule(),
      params,
    ],
    proposerTx: beaconTx(training.state, vrfSecret),
  };
}
