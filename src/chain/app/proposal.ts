/** What goes into a block, and what a block may hold. */
import type { ConsensusParams } from '../../protocol/gen/tendermint/types/params.js';
import type { DecodedTx } from '../../protocol/tx.js';
import type { ProposerTx } from '../module.js';

/** Blocks of CometBFT are never larger, whatever their parameters say (types.MaxBlockSizeBytes). */
const MAX_BLOCK_BYTES = 100n * 1024n * 1024n;

/** Gas of a block; −1 for no limit. */
export function blockMaxGas(params: ConsensusParams): bigint {
  return params.block?.maxGas ?? -1n;
}

export function blockMaxBytes(params: ConsensusParams): bigint {
  const maxBytes = params.block?.maxBytes ?? -1n;
  return maxBytes < 0n ? MAX_BLOCK_BYTES : maxBytes;
}

/** Bytes that a transaction takes of a block: a field tag, its length and itself. */
export function sizeInBlock(tx: Uint8Array): bigint {
  let lengthBytes = 1;
  for (let rest = tx.length >>> 7; rest > 0; rest >>>= 7) lengthBytes++;
  return BigInt(1 + lengthBytes + tx.length);
}

export interface Limits {
  readonly maxBytes: bigint;
  /** −1 for none. */
  readonly maxGas: bigint;
}

/** @returns the decoded transaction, or nothing where it cannot go into any block. */
export type Decode = (tx: Uint8Array) => DecodedTx | undefined;

/** What packing must know of a transaction. */
export interface Candidate {
  readonly gas: bigint;
  /** Who signs; the first one pays. */
  readonly signers: readonly string[];
  /** Of the first signer. */
  readonly sequence: bigint;
}

/** @returns nothing where the transaction cannot go into any block. */
export type Inspect = (tx: Uint8Array) => Candidate | undefined;

/** Transactions of one signer that are taken in a row while others wait. */
export const TURN = 4;

const gasOf = (tx: DecodedTx): bigint => tx.authInfo.fee?.gasLimit ?? 0n;

interface Waiting extends Candidate {
  readonly tx: Uint8Array;
  readonly size: bigint;
}

/**
 * The proposer's transaction, then the mempool's, in turns: of every signer up to `TURN`, in the order in which the mempool
 * has them, then up to `TURN` more, until nothing fits. So whoever sends a thousand transactions holds up nobody, and where all
 * fit, all go in. Of one signer none goes in before an earlier one, and none after one that did not fit: it would be out of
 * sequence. Those that can never fit, or are no transactions, are left out.
 */
export function packBlock(first: Uint8Array | undefined, txs: readonly Uint8Array[], limits: Limits, reserved: ProposerTx | undefined, inspect: Inspect): Uint8Array[] {
  const packed: Uint8Array[] = [];
  let bytes = 0n;
  let gas = 0n;
  if (first !== undefined && sizeInBlock(first) <= limits.maxBytes) {
    packed.push(first);
    bytes += sizeInBlock(first);
  }
  const hasGasLimit = limits.maxGas >= 0n;
  const ended = new Set<string>();
  for (let waiting = candidates(txs, limits, reserved, inspect); waiting.length > 0; ) {
    const taken = new Map<string, number>();
    const later: Waiting[] = [];
    for (const one of waiting) {
      if (one.signers.some((signer) => ended.has(signer))) {
        for (const signer of one.signers) ended.add(signer);
      } else if (one.signers.some((signer) => (taken.get(signer) ?? 0) >= TURN)) {
        // What comes after it in its signers' sequences waits as well.
        for (const signer of one.signers) taken.set(signer, TURN);
        later.push(one);
      } else if (bytes + one.size > limits.maxBytes || (hasGasLimit && gas + one.gas > limits.maxGas)) {
        for (const signer of one.signers) ended.add(signer);
      } else {
        packed.push(one.tx);
        bytes += one.size;
        gas += one.gas;
        for (const signer of one.signers) taken.set(signer, (taken.get(signer) ?? 0) + 1);
      }
    }
    waiting = later;
  }
  return packed;
}

/** What can go into some block, in the mempool's order, save that each first signer's are in the order of its sequences. */
function candidates(txs: readonly Uint8Array[], limits: Limits, reserved: ProposerTx | undefined, inspect: Inspect): Waiting[] {
  const all: Waiting[] = [];
  const placesOf = new Map<string, number[]>();
  for (const tx of txs) {
    const candidate = reserved?.matches(tx) === true ? undefined : inspect(tx);
    const size = sizeInBlock(tx);
    if (candidate === undefined || size > limits.maxBytes || (limits.maxGas >= 0n && candidate.gas > limits.maxGas)) continue;
    const [sender = ''] = candidate.signers;
    const places = placesOf.get(sender);
    if (places === undefined) placesOf.set(sender, [all.length]);
    else places.push(all.length);
    all.push({ ...candidate, tx, size });
  }
  const ordered = [...all];
  for (const places of placesOf.values()) {
    const inSequence = places.flatMap((place) => all[place] ?? []).sort((a, b) => (a.sequence < b.sequence ? -1 : a.sequence > b.sequence ? 1 : 0));
    for (const [index, place] of places.entries()) {
      const next = inSequence[index];
      if (next !== undefined) ordered[place] = next;
    }
  }
  return ordered;
}

/** Why a proposal's transactions are refused; nothing if they are fine. `txs` are without the proposer's own. */
export function refusalOfTxs(txs: readonly Uint8Array[], limits: Limits, reserved: ProposerTx | undefined, decode: Decode): string | undefined {
  let bytes = 0n;
  let gas = 0n;
  for (const [index, tx] of txs.entries()) {
    if (reserved?.matches(tx) === true) return `transaction ${index} is of the proposer's kind, which only the first may be`;
    const decoded = decode(tx);
    if (decoded === undefined) return `transaction ${index} is too large or cannot be decoded`;
    bytes += sizeInBlock(tx);
    gas += gasOf(decoded);
  }
  if (bytes > limits.maxBytes) return `expected at most ${limits.maxBytes} bytes of transactions, got ${bytes}`;
  if (limits.maxGas >= 0n && gas > limits.maxGas) return `expected at most ${limits.maxGas} gas, got ${gas}`;
  return undefined;
}
