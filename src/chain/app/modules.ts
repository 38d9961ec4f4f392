import { moduleAddress } from '../../protocol/address.js';
import type { MessageHandler, Module, ProposerTx } from '../module.js';
import { AggregationKeeper, aggregationModule } from '../modules/aggregation/index.js';
import { GOV_ACCOUNT } from '../modules/authority.js';
import { authzModule } from '../modules/authz/index.js';
import { ChallengeKeeper, challengeModule } from '../modules/challenge/index.js';
import { DatasetKeeper, datasetModule } from '../modules/dataset/index.js';
import { DISTRIBUTION_ACCOUNT, DistributionKeeper, communityPoolSpend, distributionModule, distributionParamSpace } from '../modules/distribution/index.js';
import { feegrantModule } from '../modules/feegrant/index.js';
import { GovKeeper, defineContent, govModule, govParamSpace } from '../modules/gov/index.js';
import { mintModule } from '../modules/mint/index.js';
import { ModelKeeper, modelModule } from '../modules/model/index.js';
import { NodeKeeper, nodeModule } from '../modules/node/index.js';
import { RewardKeeper, rewardModule } from '../modules/reward/index.js';
import { SlashingKeeper, slashingModule } from '../modules/slashing/index.js';
import { BONDED_POOL, NOT_BONDED_POOL, StakingKeeper, stakingModule } from '../modules/staking/index.js';
import { beaconTx, TrainingKeeper, trainingModule } from '../modules/training/index.js';
import { FEE_COLLECTOR } from './ante.js';
import { attempt } from './attempt.js';
import { createBase, type Base } from './base.js';
import type { Report } from './executor.js';
import { createParams } from './params.js';

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
 * @param report hears of bugs in messages of proposals, which no transaction can carry.
 */
export function createModules(vrfSecret?: Uint8Array, report: Report = () => undefined): ModuleSet {
  const base = createBase([STAKE_ESCROW, BOND_ESCROW, BONDED_POOL, NOT_BONDED_POOL, DISTRIBUTION_ACCOUNT, GOV_ACCOUNT]);
  const { bank, accounts, closed } = base;
  const nodes = new NodeKeeper(bank, moduleAddress(STAKE_ESCROW));
  const models = new ModelKeeper();
  const staking = new StakingKeeper(bank);
  const slashing = new SlashingKeeper(staking);
  const datasets = new DatasetKeeper();
  const training = new TrainingKeeper(nodes, models, datasets);
  const aggregation = new AggregationKeeper(nodes, training, models);
  const challenge = new ChallengeKeeper({ bank, nodes, training, aggregation }, moduleAddress(BOND_ESCROW));
  const reward = new RewardKeeper({ bank, nodes, training, aggregation, challenge });

  staking.addHooks(slashing.hooks);
  aggregation.connect(challenge);
  training.onCollectingEnded((ctx, window) => aggregation.collectingEnded(ctx, window));
  training.onCollectingEnded((ctx, window) => challenge.collectingEnded(ctx, window));
  challenge.onCaseClosed((ctx, parties) => reward.caseClosed(ctx, parties));

  const distribution = new DistributionKeeper({ bank, staking, fees: accounts, feeCollector: moduleAddress(FEE_COLLECTOR), closed });
  const gov = new GovKeeper(bank, staking);
  staking.addHooks(distribution.hooks);
  const spaces = [distributionParamSpace(distribution), govParamSpace(gov)];
  const params = createParams({ accounts, nodes, training, aggregation, challenge, reward, spaces });
  const economics = {
    minStake: nodes.minStake.bind(nodes),
    challengeParams: challenge.state.params.bind(challenge.state),
  };
  const modules: Module[] = [
    stakingModule(staking),
    slashingModule(slashing),
    distributionModule(distribution),
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
    params.module,
    govModule(gov, bank, [defineContent(communityPoolSpend(distribution)), params.content]),
  ];
  const handlers = new Map<string, MessageHandler>([...base.modules, ...modules].flatMap((module) => module.messages).map((handler) => [handler.typeUrl, handler]));
  gov.connect({ handler: (typeUrl) => handlers.get(typeUrl), attempt: (ctx, run, keep) => attempt(ctx, run, keep, report) });
  return { base, modules, proposerTx: beaconTx(training.state, vrfSecret) };
}
