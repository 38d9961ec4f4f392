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

const gasOf = (tx: DecodedTx): bigint => tx.authInfo.fee?.gasLimit ?? 0n;

/**
 * The proposer's transaction, then the mempool's in their order until one does not fit: what follows may be the same
 * account's and would be out of sequence. Those that can never fit, or are no transactions, are left out.
 */
export function packBlock(first: Uint8Array | undefined, txs: readonly Uint8Array[], limits: Limits, reserved: ProposerTx | undefined, decode: Decode): Uint8Array[] {
  const packed: Uint8Array[] = [];
  let bytes = 0n;
  let gas = 0n;
  if (first !== undefined && sizeInBlock(first) <= limits.maxBytes) {
    packed.push(first);
    bytes += sizeInBlock(first);
  }
  for (const tx of txs) {
    const decoded = reserved?.matches(tx) === true ? undefined : decode(tx);
    if (decoded === undefined) continue;
    const size = sizeInBlock(tx);
    const txGas = gasOf(decoded);
    if (size > limits.maxBytes || (limits.maxGas >= 0n && txGas > limits.maxGas)) continue;
    if (bytes + size > limits.maxBytes || (limits.maxGas >= 0n && gas + txGas > limits.maxGas)) break;
    packed.push(tx);
    bytes += size;
    gas += txGas;
  }
  return packed;
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
