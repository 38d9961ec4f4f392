/** Blocks and results as CometBFT's RPC writes them, read into messages. */
import { z } from 'zod';

import { base64Bytes, int64Text } from '../../client/rpc.js';
import type { Event } from '../../protocol/gen/tendermint/abci/types.js';
import type { Block } from '../../protocol/gen/tendermint/types/block.js';
import { Evidence } from '../../protocol/gen/tendermint/types/evidence.js';
import { type BlockID, type Commit, type Header, Vote, blockIDFlagFromJSON, signedMsgTypeFromJSON } from '../../protocol/gen/tendermint/types/types.js';
import { parseRfc3339 } from '../../protocol/rfc3339.js';

const hexBytes = z
  .string()
  .regex(/^(?:[0-9a-fA-F]{2})*$/)
  .nullish()
  .transform((text) => new Uint8Array(Buffer.from(text ?? '', 'hex')));
const time = z.string().transform((text) => parseRfc3339(text));

export const blockId = z
  .object({ hash: hexBytes, parts: z.object({ total: z.number(), hash: hexBytes }) })
  .transform(({ hash, parts }): BlockID => ({ hash, partSetHeader: parts }));

export const header = z
  .object({
    version: z.object({ block: int64Text, app: int64Text.default(0n) }),
    chain_id: z.string(),
    height: int64Text,
    time,
    last_block_id: blockId,
    last_commit_hash: hexBytes,
    data_hash: hexBytes,
    validators_hash: hexBytes,
    next_validators_hash: hexBytes,
    consensus_hash: hexBytes,
    app_hash: hexBytes,
    last_results_hash: hexBytes,
    evidence_hash: hexBytes,
    proposer_address: hexBytes,
  })
  .transform(
    (h): Header => ({
      version: h.version,
      chainId: h.chain_id,
      height: h.height,
      time: h.time,
      lastBlockId: h.last_block_id,
      lastCommitHash: h.last_commit_hash,
      dataHash: h.data_hash,
      validatorsHash: h.validators_hash,
      nextValidatorsHash: h.next_validators_hash,
      consensusHash: h.consensus_hash,
      appHash: h.app_hash,
      lastResultsHash: h.last_results_hash,
      evidenceHash: h.evidence_hash,
      proposerAddress: h.proposer_address,
    }),
  );

const commit = z
  .object({
    height: int64Text,
    round: z.number(),
    block_id: blockId,
    signatures: z.array(z.object({ block_id_flag: z.number(), validator_address: hexBytes, timestamp: time, signature: base64Bytes })).nullish(),
  })
  .transform(
    (c): Commit => ({
      height: c.height,
      round: c.round,
      blockId: c.block_id,
      signatures: (c.signatures ?? []).map((s) => ({ blockIdFlag: blockIDFlagFromJSON(s.block_id_flag), validatorAddress: s.validator_address, timestamp: s.timestamp, signature: s.signature })),
    }),
  );

const vote = z
  .object({
    type: z.number(),
    height: int64Text,
    round: z.number(),
    block_id: blockId,
    timestamp: time,
    validator_address: hexBytes,
    validator_index: z.number(),
    signature: base64Bytes,
  })
  .transform((v) =>
    Vote.fromPartial({
      type: signedMsgTypeFromJSON(v.type),
      height: v.height,
      round: v.round,
      blockId: v.block_id,
      timestamp: v.timestamp,
      validatorAddress: v.validator_address,
      validatorIndex: v.validator_index,
      signature: v.signature,
    }),
  );

const duplicateVote = z
  .object({
    type: z.literal('tendermint/DuplicateVoteEvidence'),
    value: z.object({ vote_a: vote, vote_b: vote, TotalVotingPower: int64Text, ValidatorPower: int64Text, Timestamp: time }),
  })
  .transform(({ value: { vote_a: voteA, vote_b: voteB, ...rest } }) =>
    Evidence.fromPartial({
      sum: {
        $case: 'duplicateVoteEvidence',
        value: { voteA, voteB, totalVotingPower: rest.TotalVotingPower, validatorPower: rest.ValidatorPower, timestamp: rest.Timestamp },
      },
    }),
  );

/** Without the conflicting block, which is a proof for machines: they ask the RPC. */
const lightClientAttack = z
  .object({
    type: z.literal('tendermint/LightClientAttackEvidence'),
    value: z.object({ CommonHeight: int64Text, TotalVotingPower: int64Text, Timestamp: time }),
  })
  .transform(({ value }) =>
    Evidence.fromPartial({
      sum: {
        $case: 'lightClientAttackEvidence',
        value: { commonHeight: value.CommonHeight, totalVotingPower: value.TotalVotingPower, timestamp: value.Timestamp },
      },
    }),
  );

const block = z
  .object({
    header,
    data: z.object({ txs: z.array(base64Bytes).nullish() }),
    evidence: z.object({ evidence: z.array(z.union([duplicateVote, lightClientAttack])).nullish() }).nullish(),
    last_commit: commit.nullish(),
  })
  .transform(
    (b): Block => ({
      header: b.header,
      data: { txs: b.data.txs ?? [] },
      evidence: { evidence: b.evidence?.evidence ?? [] },
      lastCommit: b.last_commit ?? undefined,
    }),
  );

/** Answer to `block`. */
export const blockAnswer = z.object({ block_id: blockId, block });
/** Answer to `header`. */
export const headerAnswer = z.object({ header });

const events = z
  .array(
    z.object({
      type: z.string(),
      attributes: z.array(z.object({ key: z.string(), value: z.string().nullish(), index: z.boolean().nullish() })).nullish(),
    }),
  )
  .nullish()
  .transform((list): Event[] =>
    (list ?? []).map(({ type, attributes }) => ({
      type,
      attributes: (attributes ?? []).map(({ key, value, index }) => ({ key, value: value ?? '', index: index ?? false })),
    })),
  );

/** A transaction in its block: an answer to `tx`, and one item of `tx_search`. */
export const txAnswer = z.object({
  hash: hexBytes,
  height: int64Text,
  tx_result: z.object({
    code: z.number().default(0),
    data: base64Bytes,
    log: z.string().default(''),
    info: z.string().default(''),
    gas_wanted: int64Text.default(0n),
    gas_used: int64Text.default(0n),
    events,
    codespace: z.string().default(''),
  }),
  tx: base64Bytes,
});
export type FoundTx = z.output<typeof txAnswer>;

export const txSearchAnswer = z.object({ txs: z.array(txAnswer).nullish().transform((list) => list ?? []), total_count: int64Text });

/** Answer to `broadcast_tx_sync` and `broadcast_tx_async`. */
export const broadcastAnswer = z.object({ code: z.number().default(0), log: z.string().default(''), codespace: z.string().default(''), hash: z.string() });

export const statusAnswer = z.object({
  node_info: z.object({
    protocol_version: z.object({ p2p: int64Text, block: int64Text, app: int64Text }),
    id: z.string(),
    listen_addr: z.string(),
    network: z.string(),
    version: z.string(),
    channels: hexBytes,
    moniker: z.string(),
    other: z.object({ tx_index: z.string(), rpc_address: z.string() }),
  }),
  sync_info: z.object({
    latest_app_hash: hexBytes,
    latest_block_height: int64Text,
    latest_block_time: time,
    earliest_block_height: int64Text,
    catching_up: z.boolean(),
  }),
});

export const validatorsAnswer = z.object({
  block_height: int64Text,
  validators: z
    .array(
      z.object({
        address: hexBytes,
        pub_key: z.object({ type: z.string(), value: base64Bytes }),
        voting_power: int64Text,
        proposer_priority: int64Text.default(0n),
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
  total: int64Text,
});
