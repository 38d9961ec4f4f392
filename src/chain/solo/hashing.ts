/**
 * What CometBFT v0.38 hashes and signs: headers, parts, commits, results, validators and parameters. Merkle trees are
 * those of RFC 6962. Messages whose Go fields cannot be null are always present here too, as they are on the wire.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';

import { ExecTxResult } from '../../protocol/gen/tendermint/abci/types.js';
import { Timestamp } from '../../protocol/gen/google/protobuf/timestamp.js';
import type { Block } from '../../protocol/gen/tendermint/types/block.js';
import { type ConsensusParams, HashedParams } from '../../protocol/gen/tendermint/types/params.js';
import {
  BlockID,
  type Commit,
  CommitSig,
  type Header,
  PartSetHeader,
  SignedMsgType,
} from '../../protocol/gen/tendermint/types/types.js';
import { SimpleValidator } from '../../protocol/gen/tendermint/types/validator.js';
import { Consensus } from '../../protocol/gen/tendermint/version/types.js';
import { sha256 } from '../../protocol/hash.js';
import { merkleRoot } from '../../protocol/merkle.js';

/** Bytes of a block behind one leaf of the tree in its id. */
const PART_BYTES = 65_536;

/** The id of the block before the first one. */
export const NO_BLOCK_ID: BlockID = { hash: new Uint8Array(), partSetHeader: { total: 0, hash: new Uint8Array() } };

/** A single field 1, or nothing at all for a default value: how header fields that are no messages are hashed. */
function wrapped(write: (writer: BinaryWriter) => void, isDefault: boolean): Uint8Array {
  if (isDefault) return new Uint8Array();
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}
const wrappedBytes = (value: Uint8Array): Uint8Array => wrapped((w) => w.uint32(10).bytes(value), value.length === 0);
const wrappedString = (value: string): Uint8Array => wrapped((w) => w.uint32(10).string(value), value === '');
const wrappedInt64 = (value: bigint): Uint8Array => wrapped((w) => w.uint32(8).int64(value), value === 0n);

/** Hash of a header, which is the hash of its block. Source: Header.Hash of CometBFT's types/block.go. */
export function headerHash(header: Header): Uint8Array {
  return merkleRoot([
    Consensus.encode(header.version ?? { block: 0n, app: 0n }).finish(),
    wrappedString(header.chainId),
    wrappedInt64(header.height),
    Timestamp.encode(header.time ?? { seconds: 0n, nanos: 0 }).finish(),
    BlockID.encode(header.lastBlockId ?? NO_BLOCK_ID).finish(),
    wrappedBytes(header.lastCommitHash),
    wrappedBytes(header.dataHash),
    wrappedBytes(header.validatorsHash),
    wrappedBytes(header.nextValidatorsHash),
    wrappedBytes(header.consensusHash),
    wrappedBytes(header.appHash),
    wrappedBytes(header.lastResultsHash),
    wrappedBytes(header.evidenceHash),
    wrappedBytes(header.proposerAddress),
  ]);
}

/** Hash of the transactions: the tree over their hashes. */
export function dataHash(txs: readonly Uint8Array[]): Uint8Array {
  return merkleRoot(txs.map(sha256));
}

export function commitHash(commit: Commit): Uint8Array {
  return merkleRoot(commit.signatures.map((signature) => CommitSig.encode(signature).finish()));
}

/** Hash of what the transactions of a block did. Logs, events and codespaces do not belong to it. */
export function resultsHash(results: readonly ExecTxResult[]): Uint8Array {
  return merkleRoot(
    results.map(({ code, data, gasWanted, gasUsed }) =>
      ExecTxResult.encode({ code, data, log: '', info: '', gasWanted, gasUsed, events: [], codespace: '' }).finish(),
    ),
  );
}

/** Hash of the set of one validator, with its ed25519 key. */
export function validatorsHash(publicKey: Uint8Array, power: bigint): Uint8Array {
  return merkleRoot([
    SimpleValidator.encode({ pubKey: { sum: { $case: 'ed25519', value: publicKey } }, votingPower: power }).finish(),
  ]);
}

export function consensusHash(params: ConsensusParams): Uint8Array {
  const hashed = { blockMaxBytes: params.block?.maxBytes ?? 0n, blockMaxGas: params.block?.maxGas ?? 0n };
  return sha256(HashedParams.encode(hashed).finish());
}

/** Id and size of a block: hash of its header, and the tree over the parts of its encoding. */
export function blockId(block: Block, encoded: Uint8Array): BlockID {
  if (block.header === undefined) throw new Error('a block without header has no id');
  const parts: Uint8Array[] = [];
  for (let at = 0; at < encoded.length; at += PART_BYTES) parts.push(encoded.subarray(at, at + PART_BYTES));
  return { hash: headerHash(block.header), partSetHeader: { total: parts.length, hash: merkleRoot(parts) } };
}

/** What a validator signs to commit a block in round 0: CanonicalVote of type precommit, behind its length. */
export function voteSignBytes(chainId: string, height: bigint, id: BlockID, time: Timestamp): Uint8Array {
  const vote = new BinaryWriter();
  vote.uint32(8).int32(SignedMsgType.PRECOMMIT);
  vote.uint32(17).sfixed64(height);
  const parts = PartSetHeader.encode(id.partSetHeader ?? { total: 0, hash: new Uint8Array() }).finish();
  vote.uint32(34).bytes(new BinaryWriter().uint32(10).bytes(id.hash).uint32(18).bytes(parts).finish());
  vote.uint32(42).bytes(Timestamp.encode(time).finish());
  vote.uint32(50).string(chainId);
  return new BinaryWriter().bytes(vote.finish()).finish();
}
