import type { ChainMessage, MessageTypeUrl } from '../client/index.js';

/**
 * Gas limits by message: several times what they use (test/unit/roles/messages.test.ts). Fixed limits spare a simulation
 * before each send, and a run with a seed stays the same whatever the node's state is at the moment of asking.
 */
const GAS_LIMITS = {
  '/remes.remes.v1.MsgSubmitGradient': 400_000n,
  '/remes.remes.v1.MsgAttestGradients': 250_000n,
  '/remes.remes.v1.MsgCommitAggregation': 250_000n,
  '/remes.remes.v1.MsgRevealAggregation': 1_000_000n,
  '/remes.remes.v1.MsgCommitReport': 250_000n,
  '/remes.remes.v1.MsgRevealReport': 800_000n,
  '/remes.remes.v1.MsgEscalateCase': 600_000n,
} as const satisfies Partial<Record<MessageTypeUrl, bigint>>;

type RoleMessage = Extract<ChainMessage, { typeUrl: keyof typeof GAS_LIMITS }>;

export interface Outgoing {
  readonly message: RoleMessage;
  readonly gasLimit: bigint;
}

/** The chain reads every included gradient to check a reveal: some 2,000 to 3,000 gas each. */
const REVEAL_GAS_PER_PARTICIPANT = 6_000n;

export function outgoing(message: RoleMessage): Outgoing {
  const participants = message.typeUrl === '/remes.remes.v1.MsgRevealAggregation' ? message.value.participants.length : 0;
  return { message, gasLimit: GAS_LIMITS[message.typeUrl] + REVEAL_GAS_PER_PARTICIPANT * BigInt(participants) };
}
