/**
 * The Amino names of all messages (those of the Cosmos SDK; ours are `r3mes/…`), and where their JSON departs from the
 * rule in `amino.ts`: fields that are written although empty, decimals, and fields with another name.
 */
import { PubKey as Ed25519PubKey } from './gen/cosmos/crypto/ed25519/keys.js';
import { PubKey as Secp256k1PubKey } from './gen/cosmos/crypto/secp256k1/keys.js';
import * as bank from './gen/cosmos/bank/v1beta1/tx.js';
import { CommunityPoolSpendProposal } from './gen/cosmos/distribution/v1beta1/distribution.js';
import * as distribution from './gen/cosmos/distribution/v1beta1/tx.js';
import * as govV1 from './gen/cosmos/gov/v1/tx.js';
import { TextProposal } from './gen/cosmos/gov/v1beta1/gov.js';
import * as govV1beta1 from './gen/cosmos/gov/v1beta1/tx.js';
import { ParameterChangeProposal } from './gen/cosmos/params/v1beta1/params.js';
import * as slashing from './gen/cosmos/slashing/v1beta1/tx.js';
import * as staking from './gen/cosmos/staking/v1beta1/tx.js';
import * as remes from './gen/remes/remes/v1/tx.js';

export interface FieldRule {
  /** Written although empty. */
  readonly keep?: true;
  /** An integer of 18 decimals on the wire, a decimal fraction in JSON. */
  readonly decimal?: true;
  /** A Duration, which is text of nanoseconds in JSON. */
  readonly duration?: true;
  /** Name in JSON where it is not the field's own. */
  readonly name?: string;
}

/** A generated codec; what it holds is known to its table entry only. */
export interface AminoCodec {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
  fromJSON(object: unknown): unknown;
  fromPartial(object: never): unknown;
}

export interface AminoMessage {
  readonly name: string;
  readonly codec: { encode(message: unknown): { finish(): Uint8Array }; decode(bytes: Uint8Array): unknown; fromJSON(object: unknown): unknown; fromPartial(object: unknown): unknown };
  /** By path: names of fields joined by dots, lists without their index. */
  readonly rules?: Readonly<Record<string, FieldRule>>;
}

const KEEP: FieldRule = { keep: true };
const DECIMAL: FieldRule = { decimal: true };

function entry(name: string, codec: AminoCodec, rules?: Readonly<Record<string, FieldRule>>): AminoMessage {
  return { name, codec: codec, ...(rules === undefined ? {} : { rules }) };
}

/** Ours follow the rule without exception. */
const REMES = {
  MsgRegisterNode: remes.MsgRegisterNode,
  MsgTopUpStake: remes.MsgTopUpStake,
  MsgReactivateNode: remes.MsgReactivateNode,
  MsgUnregisterNode: remes.MsgUnregisterNode,
  MsgSubmitGradient: remes.MsgSubmitGradient,
  MsgAttestGradients: remes.MsgAttestGradients,
  MsgCommitAggregation: remes.MsgCommitAggregation,
  MsgRevealAggregation: remes.MsgRevealAggregation,
  MsgChallengeGradient: remes.MsgChallengeGradient,
  MsgChallengeAggregation: remes.MsgChallengeAggregation,
  MsgEscalateCase: remes.MsgEscalateCase,
  MsgCommitReport: remes.MsgCommitReport,
  MsgRevealReport: remes.MsgRevealReport,
  MsgUpdateAuthParams: remes.MsgUpdateAuthParams,
  MsgUpdateNodeParams: remes.MsgUpdateNodeParams,
  MsgUpdateTrainingParams: remes.MsgUpdateTrainingParams,
  MsgUpdateAggregationParams: remes.MsgUpdateAggregationParams,
  MsgUpdateChallengeParams: remes.MsgUpdateChallengeParams,
  MsgUpdateRewardParams: remes.MsgUpdateRewardParams,
} as const;

const GOV_PARAMS_RULES: Readonly<Record<string, FieldRule>> = {
  params: KEEP,
  'params.minDeposit': KEEP,
  'params.expeditedMinDeposit': KEEP,
  'params.maxDepositPeriod': { duration: true },
  'params.votingPeriod': { duration: true },
  'params.expeditedVotingPeriod': { duration: true },
};

const COMMISSION_RULES: Readonly<Record<string, FieldRule>> = {
  'commission.rate': DECIMAL,
  'commission.maxRate': DECIMAL,
  'commission.maxChangeRate': DECIMAL,
};

export const AMINO_MESSAGES: Readonly<Record<string, AminoMessage>> = {
  '/cosmos.bank.v1beta1.MsgSend': entry('cosmos-sdk/MsgSend', bank.MsgSend, { amount: KEEP }),
  '/cosmos.bank.v1beta1.MsgMultiSend': entry('cosmos-sdk/MsgMultiSend', bank.MsgMultiSend, {
    inputs: KEEP,
    'inputs.coins': KEEP,
    outputs: KEEP,
    'outputs.coins': KEEP,
  }),
  '/cosmos.staking.v1beta1.MsgCreateValidator': entry('cosmos-sdk/MsgCreateValidator', staking.MsgCreateValidator, COMMISSION_RULES),
  '/cosmos.staking.v1beta1.MsgEditValidator': entry('cosmos-sdk/MsgEditValidator', staking.MsgEditValidator, { commissionRate: DECIMAL }),
  '/cosmos.staking.v1beta1.MsgDelegate': entry('cosmos-sdk/MsgDelegate', staking.MsgDelegate),
  '/cosmos.staking.v1beta1.MsgBeginRedelegate': entry('cosmos-sdk/MsgBeginRedelegate', staking.MsgBeginRedelegate),
  '/cosmos.staking.v1beta1.MsgUndelegate': entry('cosmos-sdk/MsgUndelegate', staking.MsgUndelegate),
  '/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation': entry('cosmos-sdk/MsgCancelUnbondingDelegation', staking.MsgCancelUnbondingDelegation),
  '/cosmos.staking.v1beta1.MsgUpdateParams': entry('cosmos-sdk/x/staking/MsgUpdateParams', staking.MsgUpdateParams, {
    params: KEEP,
    'params.unbondingTime': { duration: true },
    'params.minCommissionRate': DECIMAL,
  }),
  '/cosmos.slashing.v1beta1.MsgUpdateParams': entry('cosmos-sdk/x/slashing/MsgUpdateParams', slashing.MsgUpdateParams, {
    params: KEEP,
    'params.minSignedPerWindow': DECIMAL,
    'params.downtimeJailDuration': { duration: true },
    'params.slashFractionDoubleSign': DECIMAL,
    'params.slashFractionDowntime': DECIMAL,
  }),
  '/cosmos.slashing.v1beta1.MsgUnjail': entry('cosmos-sdk/MsgUnjail', slashing.MsgUnjail, { validatorAddr: { name: 'address' } }),
  '/cosmos.distribution.v1beta1.MsgSetWithdrawAddress': entry('cosmos-sdk/MsgModifyWithdrawAddress', distribution.MsgSetWithdrawAddress),
  '/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward': entry('cosmos-sdk/MsgWithdrawDelegationReward', distribution.MsgWithdrawDelegatorReward),
  '/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission': entry('cosmos-sdk/MsgWithdrawValidatorCommission', distribution.MsgWithdrawValidatorCommission),
  '/cosmos.distribution.v1beta1.MsgFundCommunityPool': entry('cosmos-sdk/MsgFundCommunityPool', distribution.MsgFundCommunityPool, { amount: KEEP }),
  '/cosmos.distribution.v1beta1.MsgUpdateParams': entry('cosmos-sdk/distribution/MsgUpdateParams', distribution.MsgUpdateParams, {
    'params.communityTax': DECIMAL,
    'params.baseProposerReward': DECIMAL,
    'params.bonusProposerReward': DECIMAL,
  }),
  '/cosmos.distribution.v1beta1.MsgCommunityPoolSpend': entry('cosmos-sdk/distr/MsgCommunityPoolSpend', distribution.MsgCommunityPoolSpend, { amount: KEEP }),
  '/cosmos.gov.v1.MsgSubmitProposal': entry('cosmos-sdk/v1/MsgSubmitProposal', govV1.MsgSubmitProposal, { initialDeposit: KEEP }),
  '/cosmos.gov.v1.MsgExecLegacyContent': entry('cosmos-sdk/v1/MsgExecLegacyContent', govV1.MsgExecLegacyContent),
  '/cosmos.gov.v1.MsgVote': entry('cosmos-sdk/v1/MsgVote', govV1.MsgVote, { proposalId: KEEP }),
  '/cosmos.gov.v1.MsgVoteWeighted': entry('cosmos-sdk/v1/MsgVoteWeighted', govV1.MsgVoteWeighted, { proposalId: KEEP }),
  '/cosmos.gov.v1.MsgDeposit': entry('cosmos-sdk/v1/MsgDeposit', govV1.MsgDeposit, { proposalId: KEEP, amount: KEEP }),
  '/cosmos.gov.v1.MsgUpdateParams': entry('cosmos-sdk/x/gov/v1/MsgUpdateParams', govV1.MsgUpdateParams, GOV_PARAMS_RULES),
  '/cosmos.gov.v1.MsgCancelProposal': entry('cosmos-sdk/v1/MsgCancelProposal', govV1.MsgCancelProposal, { proposalId: KEEP }),
  '/cosmos.gov.v1beta1.MsgSubmitProposal': entry('cosmos-sdk/MsgSubmitProposal', govV1beta1.MsgSubmitProposal, { initialDeposit: KEEP }),
  '/cosmos.gov.v1beta1.MsgVote': entry('cosmos-sdk/MsgVote', govV1beta1.MsgVote, { proposalId: KEEP }),
  '/cosmos.gov.v1beta1.MsgVoteWeighted': entry('cosmos-sdk/MsgVoteWeighted', govV1beta1.MsgVoteWeighted, {
    proposalId: KEEP,
    options: KEEP,
    'options.weight': DECIMAL,
  }),
  '/cosmos.gov.v1beta1.MsgDeposit': entry('cosmos-sdk/MsgDeposit', govV1beta1.MsgDeposit, { proposalId: KEEP, amount: KEEP }),
  '/cosmos.gov.v1beta1.TextProposal': entry('cosmos-sdk/TextProposal', TextProposal),
  '/cosmos.params.v1beta1.ParameterChangeProposal': entry('cosmos-sdk/ParameterChangeProposal', ParameterChangeProposal, { changes: KEEP }),
  '/cosmos.distribution.v1beta1.CommunityPoolSpendProposal': entry('cosmos-sdk/CommunityPoolSpendProposal', CommunityPoolSpendProposal, { amount: KEEP }),
  ...Object.fromEntries(Object.entries(REMES).map(([name, codec]) => [`/remes.remes.v1.${name}`, entry(`r3mes/${name}`, codec)])),
};

/** Keys inside of messages: a name, and the key in base64. */
export const AMINO_PUBKEYS: Readonly<Record<string, { readonly name: string; readonly codec: { decode(bytes: Uint8Array): { key: Uint8Array } } }>> = {
  '/cosmos.crypto.ed25519.PubKey': { name: 'tendermint/PubKeyEd25519', codec: Ed25519PubKey },
  '/cosmos.crypto.secp256k1.PubKey': { name: 'tendermint/PubKeySecp256k1', codec: Secp256k1PubKey },
};
