/** Pure construction of what goes into a block and into the ABCI requests about it. */
import { R3mesError } from '../../protocol/errors.js';
import type {
  CommitInfo,
  ExtendedCommitInfo,
  RequestFinalizeBlock,
  RequestPrepareProposal,
  RequestProcessProposal,
  ResponseFinalizeBlock,
  ValidatorUpdate,
} from '../../protocol/gen/tendermint/abci/types.js';
import type { Timestamp } from '../../protocol/gen/google/protobuf/timestamp.js';
import type { Block } from '../../protocol/gen/tendermint/types/block.js';
import type { ConsensusParams } from '../../protocol/gen/tendermint/types/params.js';
import { BlockIDFlag, type BlockID, type Commit } from '../../protocol/gen/tendermint/types/types.js';
import { NO_BLOCK_ID, commitHash, consensusHash, dataHash, validatorsHash, voteSignBytes } from './hashing.js';
import { merkleRoot } from '../../protocol/merkle.js';
import type { ValidatorKey } from './validator-key.js';

/** Block protocol of CometBFT v0.38. */
export const BLOCK_PROTOCOL = 11n;
const MAX_BLOCK_BYTES = 104_857_600n;
/** CometBFT's bounds for what is not transactions: encoding, header, commit, and the signature in it. */
const BLOCK_OVERHEAD_BYTES = 11n + 626n + 94n + 109n;
const NO_BYTES = new Uint8Array();

/** What the next block builds on. */
export interface ChainState {
  readonly chainId: string;
  readonly initialHeight: bigint;
  /** Newest executed block; `initialHeight` − 1 before the first one. */
  readonly height: bigint;
  readonly lastBlockId: BlockID;
  /** Genesis time before the first block. */
  readonly lastBlockTime: Timestamp;
  readonly appHash: Uint8Array;
  readonly lastResultsHash: Uint8Array;
  readonly appVersion: bigint;
  readonly params: ConsensusParams;
  readonly power: bigint;
}

export function isFirst(state: ChainState): boolean {
  return state.height < state.initialHeight;
}

/** Room for transactions in a block. */
export function maxDataBytes(params: ConsensusParams): bigint {
  const limit = params.block?.maxBytes ?? -1n;
  return (limit === -1n ? MAX_BLOCK_BYTES : limit) - BLOCK_OVERHEAD_BYTES;
}

/** The validator's commit for a block in round 0. */
export function signCommit(chainId: string, height: bigint, id: BlockID, time: Timestamp, key: ValidatorKey): Commit {
  const signature = key.sign(voteSignBytes(chainId, height, id, time));
  return {
    height,
    round: 0,
    blockId: id,
    signatures: [{ blockIdFlag: BlockIDFlag.COMMIT, validatorAddress: key.address, timestamp: time, signature }],
  };
}

/**
 * The commit that the next block carries for the one before it. Its time is the time of the block that carries it: in
 * CometBFT block time is the median of the commit's times, and here there is one.
 */
export function lastCommit(state: ChainState, time: Timestamp, key: ValidatorKey): Commit {
  if (isFirst(state)) return { height: 0n, round: 0, blockId: NO_BLOCK_ID, signatures: [] };
  return signCommit(state.chainId, state.height, state.lastBlockId, time, key);
}

export function buildBlock(state: ChainState, txs: readonly Uint8Array[], commit: Commit, time: Timestamp, key: ValidatorKey): Block {
  const validators = validatorsHash(key.publicKey, state.power);
  return {
    header: {
      version: { block: BLOCK_PROTOCOL, app: state.appVersion },
      chainId: state.chainId,
      height: state.height + 1n,
      time,
      lastBlockId: state.lastBlockId,
      lastCommitHash: commitHash(commit),
      dataHash: dataHash(txs),
      validatorsHash: validators,
      nextValidatorsHash: validators,
      consensusHash: consensusHash(state.params),
      appHash: state.appHash,
      lastResultsHash: state.lastResultsHash,
      evidenceHash: merkleRoot([]),
      proposerAddress: key.address,
    },
    data: { txs: [...txs] },
    evidence: { evidence: [] },
    lastCommit: commit,
  };
}

function votes(commit: Commit, power: bigint): CommitInfo {
  return {
    round: commit.round,
    votes: commit.signatures.map(({ validatorAddress, blockIdFlag }) => ({ validator: { address: validatorAddress, power }, blockIdFlag })),
  };
}

export function prepareRequest(
  state: ChainState,
  txs: Uint8Array[],
  commit: Commit,
  time: Timestamp,
  key: ValidatorKey,
): RequestPrepareProposal {
  const { round, votes: plain } = votes(commit, state.power);
  const localLastCommit: ExtendedCommitInfo = {
    round,
    votes: plain.map((vote) => ({ ...vote, voteExtension: NO_BYTES, extensionSignature: NO_BYTES })),
  };
  return {
    maxTxBytes: maxDataBytes(state.params),
    txs,
    localLastCommit,
    misbehavior: [],
    height: state.height + 1n,
    time,
    nextValidatorsHash: validatorsHash(key.publicKey, state.power),
    proposerAddress: key.address,
  };
}

/** What ProcessProposal and FinalizeBlock are told of a block; after a restart the same as the first time. */
function aboutBlock(block: Block, id: BlockID, power: bigint): Omit<RequestProcessProposal, 'proposedLastCommit'> & { commit: CommitInfo } {
  const { header, data, lastCommit: commit } = block;
  if (header === undefined || data === undefined || commit === undefined) throw new Error('a block without header, data or commit');
  return {
    txs: data.txs,
    commit: votes(commit, power),
    misbehavior: [],
    hash: id.hash,
    height: header.height,
    time: header.time,
    nextValidatorsHash: header.nextValidatorsHash,
    proposerAddress: header.proposerAddress,
  };
}

export function processRequest(block: Block, id: BlockID, power: bigint): RequestProcessProposal {
  const { commit, ...rest } = aboutBlock(block, id, power);
  return { ...rest, proposedLastCommit: commit };
}

export function finalizeRequest(block: Block, id: BlockID, power: bigint): RequestFinalizeBlock {
  const { commit, ...rest } = aboutBlock(block, id, power);
  return { ...rest, decidedLastCommit: commit };
}

/** Groups of an update replace those in force. Nothing where the update says nothing. */
export function updatedParams(params: ConsensusParams, update: ConsensusParams | undefined): ConsensusParams | undefined {
  if (update === undefined) return undefined;
  return {
    block: update.block ?? params.block,
    evidence: update.evidence ?? params.evidence,
    validator: update.validator ?? params.validator,
    version: update.version ?? params.version,
    abci: update.abci ?? params.abci,
  };
}

/**
 * Changes of the validator set are not followed: staking keeps its books, and the one validator goes on sealing.
 * @throws R3mesError APP_BROKE_CONTRACT where the application's answer is one that CometBFT would stop for.
 */
export function checkResults(results: ResponseFinalizeBlock, txCount: number, height: bigint): void {
  if (results.txResults.length !== txCount) {
    throw contractBroken(`block ${height}: expected ${txCount} transaction results, got ${results.txResults.length}`);
  }
}

/** @throws R3mesError SOLO_VALIDATORS where genesis makes anybody but this key a validator. */
export function checkFirstValidators(validators: readonly ValidatorUpdate[], publicKey: Uint8Array, power: bigint): void {
  for (const { pubKey, power: given } of validators) {
    const sum = pubKey?.sum;
    if (sum?.$case === 'ed25519' && Buffer.compare(sum.value, publicKey) === 0 && given === power) continue;
    throw new R3mesError({
      code: 'SOLO_VALIDATORS',
      message: 'by app_state.staking another key validates than the one of this node, or with another power than the genesis document says',
      hint: 'run this chain with CometBFT',
    });
  }
}

export function contractBroken(what: string): R3mesError {
  return new R3mesError({ code: 'APP_BROKE_CONTRACT', message: `the application broke the ABCI contract: ${what}`, hint: 'this is a bug: please report it' });
}
