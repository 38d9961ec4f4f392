/** The messages that can be sent, and cosmjs's registry of them. */
import { type GeneratedType, Registry } from '@cosmjs/proto-signing';

import { AMINO_MESSAGES } from '../protocol/amino-messages.js';
import { MsgSend } from '../protocol/gen/cosmos/bank/v1beta1/tx.js';
import * as tx from '../protocol/gen/remes/remes/v1/tx.js';

const CODECS = {
  '/cosmos.bank.v1beta1.MsgSend': MsgSend,
  '/remes.remes.v1.MsgRegisterNode': tx.MsgRegisterNode,
  '/remes.remes.v1.MsgTopUpStake': tx.MsgTopUpStake,
  '/remes.remes.v1.MsgReactivateNode': tx.MsgReactivateNode,
  '/remes.remes.v1.MsgUnregisterNode': tx.MsgUnregisterNode,
  '/remes.remes.v1.MsgSubmitGradient': tx.MsgSubmitGradient,
  '/remes.remes.v1.MsgAttestGradients': tx.MsgAttestGradients,
  '/remes.remes.v1.MsgCommitAggregation': tx.MsgCommitAggregation,
  '/remes.remes.v1.MsgRevealAggregation': tx.MsgRevealAggregation,
  '/remes.remes.v1.MsgChallengeGradient': tx.MsgChallengeGradient,
  '/remes.remes.v1.MsgChallengeAggregation': tx.MsgChallengeAggregation,
  '/remes.remes.v1.MsgEscalateCase': tx.MsgEscalateCase,
  '/remes.remes.v1.MsgCommitReport': tx.MsgCommitReport,
  '/remes.remes.v1.MsgRevealReport': tx.MsgRevealReport,
} as const;

type Codecs = typeof CODECS;
export type MessageTypeUrl = keyof Codecs;

/** A message with the type of its value tied to its URL. */
export type ChainMessage = {
  readonly [Url in MessageTypeUrl]: { readonly typeUrl: Url; readonly value: ReturnType<Codecs[Url]['decode']> };
}[MessageTypeUrl];

/** For an unmodified SigningStargateClient as well: ours, and all that this chain takes of the Cosmos modules. */
export function createRegistry(): Registry {
  const all = Object.entries(AMINO_MESSAGES).map(([typeUrl, { codec }]) => [typeUrl, codec] as const);
  // Our codecs take messages of their own types, where cosmjs's type of codec takes anything.
  return new Registry([...all, ...Object.entries(CODECS)] as unknown as [string, GeneratedType][]);
}
