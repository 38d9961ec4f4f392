import { InvalidInputError } from '../../../protocol/errors.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { ChallengeParams, RewardParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import {
  QueryGetEmissionRequest,
  QueryGetEmissionResponse,
  QueryGetRewardsRequest,
  QueryGetRewardsResponse,
  QueryGetWindowRewardsRequest,
  QueryGetWindowRewardsResponse,
} from '../../../protocol/gen/remes/remes/v1/query.js';
import { BASIS_POINTS } from '../../../protocol/params.js';
import { defineQuery, type Context, type Module, type QueryContext } from '../../module.js';
import { amountField, bpsField, message, positiveUint64Field } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { paginate } from '../query-kit.js';
import type { RewardKeeper } from './keeper.js';

export { RewardKeeper } from './keeper.js';

/** What the check of the economics needs to see. */
export interface Economics {
  minStake(ctx: QueryContext, part: Part): bigint;
  challengeParams(ctx: QueryContext): ChallengeParams;
}

/** Genesis and governance go by the same rules. */
export const rewardParamsSchema = message({
  miner_base: amountField,
  miner_share_bps: bpsField,
  proposer_share_bps: bpsField,
  auditor_share_bps: bpsField,
  first_year_emission: amountField,
  yearly_decay_bps: bpsField,
  mining_allocation: amountField,
  supply_cap: amountField,
  nominal_block_ms: positiveUint64Field,
})
  .refine((p) => p.minerShareBps + p.proposerShareBps + p.auditorShareBps <= 10_000, {
    path: ['miner_share_bps'],
    error: 'expected the three shares to be at most 10000 together',
  });

const schema = message({
  params: rewardParamsSchema,
});

/**
 * Refuses parameters under which cheating pays: what a wrong gradient costs at the lowest audit probability must exceed
 * what it earns when it is not audited. p · slash > (1 − p) · largest face value. The whole slash counts, because no friend
 * of the miner can take the bounty once an audit is drawn (challenge/bounty.ts).
 */
export function checkEconomics(minStake: bigint, challenge: ChallengeParams, reward: RewardParams): void {
  const p = BigInt(challenge.auditFloorBps);
  const slash = (minStake * BigInt(challenge.wrongGradientSlashBps)) / BASIS_POINTS;
  const largestFace = 2n * BigInt(reward.minerBase);
  if (p * slash > (BASIS_POINTS - p) * largestFace) return;
  throw new InvalidInputError(
    `genesis: cheating would pay: expected audit_floor_bps × slash (${p} × ${slash}) above ` +
      `(10000 − audit_floor_bps) × largest reward (${BASIS_POINTS - p} × ${largestFace})`,
    'raise node.min_stake_miner, challenge.audit_floor_bps or challenge.wrong_gradient_slash_bps, or lower reward.miner_base',
  );
}

function initGenesis(ctx: Context, keeper: RewardKeeper, economics: Economics, state: unknown): void {
  const { params } = parseGenesis('reward', schema, state);
  checkEconomics(economics.minStake(ctx, Part.MINER), economics.challengeParams(ctx), params);
  keeper.setParams(ctx, params);
}

export function rewardModule(keeper: RewardKeeper, economics: Economics): Module {
  return {
    name: 'reward',
    messages: [],
    queries: [
      defineQuery({
        path: '/remes.remes.v1.Query/GetRewards',
        request: QueryGetRewardsRequest,
        response: QueryGetRewardsResponse,
        handle: (ctx, q) => {
          const { items, pagination } = paginate(q.pagination, keeper.recordCountOf(ctx, q.address), (i) => keeper.recordOf(ctx, q.address, i));
          return { rewards: items, pagination };
        },
      }),
      defineQuery({
        path: '/remes.remes.v1.Query/GetWindowRewards',
        request: QueryGetWindowRewardsRequest,
        response: QueryGetWindowRewardsResponse,
        handle: (ctx, q) => ({ rewards: keeper.windowRecords(ctx, q.windowId) }),
      }),
      defineQuery({
        path: '/remes.remes.v1.Query/GetEmission',
        request: QueryGetEmissionRequest,
        response: QueryGetEmissionResponse,
        handle: (ctx) => ({ emission: { minted: keeper.minted(ctx).toString() } }),
      }),
    ],
    initGenesis: (ctx, state) => initGenesis(ctx, keeper, economics, state),
    endBlock: (ctx) => keeper.endBlock(ctx),
  };
}
