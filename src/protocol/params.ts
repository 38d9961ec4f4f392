/**
 * Parameter profiles. `network` holds the numbers of docs/protocol.md; `dev` shrinks windows so that a laptop sees a
 * whole round in seconds, and audits every job.
 */
import { DENOM } from './coins.js';
import type {
  AggregationParams,
  AuthParams,
  ChallengeParams,
  NodeParams,
  RewardParams,
  TrainingParams,
} from './gen/remes/remes/v1/params.js';
import type { Params as DistributionParams } from './gen/cosmos/distribution/v1beta1/distribution.js';
import type { Params as GovParams } from './gen/cosmos/gov/v1/gov.js';

/** Base units of one REMES. */
export const UREMES_PER_REMES = 1_000_000n;
export const BASIS_POINTS = 10_000n;
export const SECONDS_PER_YEAR = 31_536_000n;

export type ProfileName = 'network' | 'dev';

/** Parameters of all modules. */
export interface Profile {
  readonly auth: AuthParams;
  readonly node: NodeParams;
  readonly training: TrainingParams;
  readonly aggregation: AggregationParams;
  readonly challenge: ChallengeParams;
  readonly reward: RewardParams;
  readonly gov: GovParams;
  readonly distribution: DistributionParams;
}

const remes = (amount: bigint): string => (amount * UREMES_PER_REMES).toString();

const DAY_SECONDS = 86_400n;

const network: Profile = {
  auth: {
    maxMemoCharacters: 256n,
    txSizeCostPerByte: 10n,
    sigVerifyCostSecp256k1: 1000n,
    minGasPriceMicro: 2500n,
    maxTxBytes: 65_536n,
    feeBurnBps: 2000n,
  },
  node: {
    minStakeMiner: remes(1_000n),
    minStakeProposer: remes(50_000n),
    minStakeVerifier: remes(10_000n),
    epochBlocks: 100n,
    unbondingBlocks: 0n,
    unbondingSeconds: 21n * DAY_SECONDS,
    maxMissedInARow: 3,
    bountyBps: 5000,
  },
  training: {
    collectingBlocks: 100n,
    chunksPerJob: 1,
    maxGradientsPerBlock: 2000,
    maxPayloadBytes: 1_073_741_824n,
  },
  aggregation: {
    attestingBlocks: 10n,
    committingBlocks: 10n,
    revealingBlocks: 10n,
    proposersPerWindow: 3,
    missingSlashBps: 100,
    fraudSlashBps: 5000,
  },
  challenge: {
    challengeBlocks: 100n,
    reportMarginBlocks: 3n,
    reportRevealBlocks: 2n,
    bond: remes(100n),
    layer2Blocks: 5n,
    layer3Blocks: 50n,
    appealBlocks: 100n,
    escalationBlocks: 20n,
    redrawBlocks: 50n,
    panelSize: 3,
    appealPanelSize: 5,
    auditBps: 1000,
    auditFloorBps: 100,
    doubleAuditBps: 1000,
    probationJobs: 10,
    wrongGradientSlashBps: 5000,
    falseVerdictSlashBps: 5000,
    lazySlashBps: 2000,
    silenceSlashBps: 100,
  },
  reward: {
    minerBase: remes(2n),
    minerShareBps: 8000,
    proposerShareBps: 1000,
    auditorShareBps: 1000,
    firstYearEmission: remes(60_000_000n),
    yearlyDecayBps: 1000,
    miningAllocation: remes(300_000_000n),
    supplyCap: remes(1_000_000_000n),
    nominalBlockMs: 5000n,
  },
  gov: {
    minDeposit: [{ denom: DENOM, amount: remes(500n) }],
    maxDepositPeriod: { seconds: 14n * DAY_SECONDS, nanos: 0 },
    votingPeriod: { seconds: 14n * DAY_SECONDS, nanos: 0 },
    quorum: '0.4',
    threshold: '0.5',
    vetoThreshold: '0.334',
    minInitialDepositRatio: '0.2',
    proposalCancelRatio: '0.5',
    proposalCancelDest: '',
    expeditedVotingPeriod: undefined,
    expeditedThreshold: '',
    expeditedMinDeposit: [],
    burnVoteQuorum: false,
    burnProposalDepositPrevote: false,
    burnVoteVeto: true,
    minDepositRatio: '0.01',
  },
  // Of the fees 20 % are burned (auth.feeBurnBps), 30 % are the community pool's, the rest is the validators'.
  distribution: {
    communityTax: '300000000000000000',
    baseProposerReward: '0',
    bonusProposerReward: '0',
    withdrawAddrEnabled: true,
  },
};

const dev: Profile = {
  ...network,
  node: { ...network.node, epochBlocks: 8n, unbondingBlocks: 30n, unbondingSeconds: 0n },
  training: { ...network.training, collectingBlocks: 8n },
  aggregation: { ...network.aggregation, attestingBlocks: 2n, committingBlocks: 3n, revealingBlocks: 3n },
  challenge: {
    ...network.challenge,
    challengeBlocks: 6n,
    reportRevealBlocks: 1n,
    layer2Blocks: 3n,
    layer3Blocks: 6n,
    appealBlocks: 6n,
    escalationBlocks: 2n,
    redrawBlocks: 6n,
    auditBps: 10_000,
    auditFloorBps: 10_000,
  },
  gov: {
    ...network.gov,
    minDeposit: [{ denom: DENOM, amount: remes(10n) }],
    maxDepositPeriod: { seconds: 300n, nanos: 0 },
    votingPeriod: { seconds: 60n, nanos: 0 },
  },
};

/** The parameters of a profile; a copy that the caller may change. */
export function profile(name: ProfileName): Profile {
  return structuredClone(name === 'dev' ? dev : network);
}
