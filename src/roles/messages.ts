import type { Any } from '../protocol/gen/google/protobuf/any.js';
import {
  MsgAttestGradients,
  MsgCommitAggregation,
  MsgCommitReport,
  MsgEscalateCase,
  MsgRevealAggregation,
  MsgRevealReport,
  MsgSubmitGradient,
} from '../protocol/gen/remes/remes/v1/tx.js';

/**
 * Gas limits by message: about twice what `bench/gas.js` measured. Fixed limits spare a simulation before each send,
 * and a run with a seed stays the same whatever the node's state is at the moment of asking.
 */
const CATALOGUE = {
  submitGradient: { typeUrl: '/remes.remes.v1.MsgSubmitGradient', codec: MsgSubmitGradient, gasLimit: 400_000n },
  attestGradients: { typeUrl: '/remes.remes.v1.MsgAttestGradients', codec: MsgAttestGradients, gasLimit: 250_000n },
  commitAggregation: { typeUrl: '/remes.remes.v1.MsgCommitAggregation', codec: MsgCommitAggregation, gasLimit: 250_000n },
  revealAggregation: { typeUrl: '/remes.remes.v1.MsgRevealAggregation', codec: MsgRevealAggregation, gasLimit: 1_000_000n },
  commitReport: { typeUrl: '/remes.remes.v1.MsgCommitReport', codec: MsgCommitReport, gasLimit: 250_000n },
  revealReport: { typeUrl: '/remes.remes.v1.MsgRevealReport', codec: MsgRevealReport, gasLimit: 800_000n },
  escalateCase: { typeUrl: '/remes.remes.v1.MsgEscalateCase', codec: MsgEscalateCase, gasLimit: 600_000n },
} as const;

export type MessageName = keyof typeof CATALOGUE;
type ValueOf<N extends MessageName> = ReturnType<(typeof CATALOGUE)[N]['codec']['decode']>;

export interface Outgoing {
  readonly message: Any;
  readonly gasLimit: bigint;
}

export function outgoing<N extends MessageName>(name: N, value: ValueOf<N>): Outgoing {
  const { typeUrl, codec, gasLimit } = CATALOGUE[name];
  const encode = codec.encode as (message: ValueOf<N>) => { finish(): Uint8Array };
  return { message: { typeUrl, value: encode(value).finish() }, gasLimit };
}
