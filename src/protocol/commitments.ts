/** Identifiers, leaves and commitments of docs/protocol.md. Every one is `taggedHash` with a tag of its own. */
import type { AggregationResult } from './gen/remes/remes/v1/training_window.js';
import { taggedHash } from './hash.js';
import { merkleRoot } from './merkle.js';

/** H("job", chain, window, miner, count, chunks…) */
export function jobId(chainId: string, windowId: bigint, miner: string, chunks: readonly number[]): Uint8Array {
  return taggedHash('job', chainId, windowId, miner, BigInt(chunks.length), ...chunks.map(BigInt));
}

/** Rank of a miner in a window's order of assignment: H("miner-order", beacon, window, address). */
export function minerOrderKey(beacon: Uint8Array, windowId: bigint, address: string): Uint8Array {
  return taggedHash('miner-order', beacon, windowId, address);
}

/** beacon' from the proposer's VRF output, or, where the proposer left it out, from the height alone. */
export function nextBeacon(previous: Uint8Array, height: bigint, vrfOutput: Uint8Array | undefined): Uint8Array {
  return vrfOutput === undefined
    ? taggedHash('beacon-skip', previous, height)
    : taggedHash('beacon', previous, height, vrfOutput);
}

/** What the proposer's VRF key is applied to. */
export function beaconAlpha(chainId: string, previous: Uint8Array, height: bigint): Uint8Array {
  return taggedHash('beacon-alpha', chainId, previous, height);
}

export interface GradientLeaf {
  readonly id: bigint;
  readonly miner: string;
  readonly payloadCid: string;
  readonly gradientHash: Uint8Array;
}

/** RFC 6962 root over the included gradients in ascending order of id; a leaf is H("gradient-leaf", id, miner, cid, hash). */
export function gradientsRoot(gradients: readonly GradientLeaf[]): Uint8Array {
  const leaves = [...gradients]
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .map((g) => taggedHash('gradient-leaf', g.id, g.miner, g.payloadCid, g.gradientHash));
  return merkleRoot(leaves);
}

/** Binds everything an aggregation yields, and what it stands on. */
export function aggregationResultHash(
  baseAdapterCid: string,
  result: Omit<AggregationResult, 'resultHash'>,
): Uint8Array {
  return taggedHash(
    'aggregation-result',
    baseAdapterCid,
    result.adapterCid,
    result.optimizerCid,
    result.step,
    result.aggregateHash,
    result.merkleRoot,
  );
}

/** H("aggregation-commit", chain, window, proposer, result hash, count, participants…, salt) */
export function aggregationCommitment(
  chainId: string,
  windowId: bigint,
  proposer: string,
  resultHash: Uint8Array,
  participants: readonly bigint[],
  salt: Uint8Array,
): Uint8Array {
  return taggedHash(
    'aggregation-commit',
    chainId,
    windowId,
    proposer,
    resultHash,
    BigInt(participants.length),
    ...participants,
    salt,
  );
}

/** H("report-commit", chain, duty, verifier, hash, digest, salt) */
export function reportCommitment(
  chainId: string,
  dutyId: bigint,
  verifier: string,
  reportHash: Uint8Array,
  reportDigest: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  return taggedHash('report-commit', chainId, dutyId, verifier, reportHash, reportDigest, salt);
}
