/**
 * Transactions that wait for a block, in order of arrival: first come, first served, so that what one account sends in
 * order stays in order. Whether a transaction is any good is the application's word alone (CheckTx).
 */
import { toHex } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';
import { sha256 } from '../../protocol/hash.js';

export interface MempoolLimits {
  readonly maxTxs: number;
  readonly maxBytes: number;
  /** Largest single transaction. */
  readonly maxTxBytes: number;
}

export const DEFAULT_MEMPOOL_LIMITS: MempoolLimits = { maxTxs: 5000, maxBytes: 16 * 1024 * 1024, maxTxBytes: 1024 * 1024 };

export interface MempoolTx {
  readonly tx: Uint8Array;
  readonly hash: Uint8Array;
  readonly gasWanted: bigint;
}

/** Length that a transaction takes in the `txs` of a block: tag, length and bytes. */
export function txSizeInBlock(tx: Uint8Array): number {
  let lengthBytes = 1;
  for (let rest = tx.length; rest >= 0x80; rest = Math.floor(rest / 128)) lengthBytes++;
  return 1 + lengthBytes + tx.length;
}

export class Mempool {
  readonly limits: MempoolLimits;
  readonly #txs = new Map<string, MempoolTx>();
  /** Being checked right now: they already count, so that a flood cannot pass the limits between two checks. */
  readonly #reserved = new Map<string, number>();
  #reservedBytes = 0;
  #bytes = 0;

  constructor(limits: MempoolLimits = DEFAULT_MEMPOOL_LIMITS) {
    this.limits = limits;
  }

  get size(): number {
    return this.#txs.size;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a place for a transaction while it is checked; `admit` or `drop` must follow.
   * @returns its hash. @throws R3mesError TX_TOO_LARGE, TX_IN_CACHE or MEMPOOL_FULL, in CometBFT's words.
   */
  reserve(tx: Uint8Array): Uint8Array {
    if (tx.length > this.limits.maxTxBytes) {
      throw refusal('TX_TOO_LARGE', `Tx too large. Max size is ${this.limits.maxTxBytes}, but got ${tx.length}`);
    }
    const hash = sha256(tx);
    const name = toHex(hash);
    if (this.#txs.has(name) || this.#reserved.has(name)) throw refusal('TX_IN_CACHE', 'tx already exists in cache');
    const count = this.#txs.size + this.#reserved.size;
    const bytes = this.#bytes + this.#reservedBytes;
    if (count >= this.limits.maxTxs || bytes + tx.length > this.limits.maxBytes) {
      throw refusal(
        'MEMPOOL_FULL',
        `mempool is full: number of txs ${count} (max: ${this.limits.maxTxs}), total txs bytes ${bytes} (max: ${this.limits.maxBytes})`,
        true,
      );
    }
    this.#reserved.set(name, tx.length);
    this.#reservedBytes += tx.length;
    return hash;
  }

  /** Gives the reserved place up. */
  drop(hash: Uint8Array): void {
    const name = toHex(hash);
    this.#reservedBytes -= this.#reserved.get(name) ?? 0;
    this.#reserved.delete(name);
  }

  /** Turns the reserved place into a waiting transaction. */
  admit(entry: MempoolTx): void {
    this.drop(entry.hash);
    this.#txs.set(toHex(entry.hash), entry);
    this.#bytes += entry.tx.length;
  }

  remove(hash: Uint8Array): void {
    const name = toHex(hash);
    const entry = this.#txs.get(name);
    if (entry === undefined) return;
    this.#txs.delete(name);
    this.#bytes -= entry.tx.length;
  }

  /** All waiting transactions, oldest first. */
  entries(): MempoolTx[] {
    return [...this.#txs.values()];
  }
}

/** The longest beginning of `entries` that fits; a negative gas limit means none. */
export function takeFitting(entries: readonly MempoolTx[], maxBytes: bigint, maxGas: bigint): Uint8Array[] {
  const taken: Uint8Array[] = [];
  let bytes = 0n;
  let gas = 0n;
  for (const entry of entries) {
    bytes += BigInt(txSizeInBlock(entry.tx));
    gas += entry.gasWanted;
    if (bytes > maxBytes || (maxGas >= 0n && gas > maxGas)) break;
    taken.push(entry.tx);
  }
  return taken;
}

function refusal(code: string, message: string, retryable = false): R3mesError {
  return new R3mesError({ code, message, retryable });
}
