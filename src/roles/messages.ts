import type { ChainMessage, MessageTypeUrl } from '../client/index.js';

/**
 * Gas limits by message: about twice what `bench/gas.js` prints. Fixed limits spare a simulation before each send, and a
 * run with a seed stays the same whatever the node's state is at the moment of asking.
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

export function outgoing(message: RoleMessage): Outgoing {
  return { message, gasLimit: GAS_LIMITS[message.typeUrl] };
}
