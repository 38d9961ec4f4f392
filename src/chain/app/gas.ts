import type { KvStore } from '../store/kv.js';
import { sdkError } from '../modules/sdk-errors.js';

/** What access to the state costs; the Cosmos SDK's numbers (store/types/gas.go, KVGasConfig). */
export const KV_GAS = { readFlat: 1000, readPerByte: 3, writeFlat: 2000, writePerByte: 30, deleteFlat: 1000 } as const;

/** So far below 2⁵³ that no sum of a few costs of one access leaves the integers that a number holds. */
const MAX_HEADROOM = 2n ** 50n;

/**
 * Gas of one transaction. Charged before the work, and the same on every node: gas is part of the block's result hash.
 * Counts down in a number, since it is charged dozens of times a transaction; what is left beyond it lies in a bigint.
 */
export class GasMeter {
  readonly limit: bigint;
  /** Up to the last time that headroom was made. */
  #settled = 0n;
  #headroom = 0;
  #headroomThen = 0;

  constructor(limit: bigint) {
    this.limit = limit;
    this.#makeHeadroom();
  }

  get used(): bigint {
    return this.#settled + BigInt(this.#headroomThen - this.#headroom);
  }

  /** @throws ChainError sdk/11 beyond the limit. */
  consume(amount: bigint, why: string): void {
    if (amount < 0n) throw new Error(`negative gas ${amount} for ${why}`);
    this.#settled = this.used + amount;
    this.#makeHeadroom();
    this.#requireWithin(why);
  }

  /** The same for a small amount, a whole number below 2⁵⁰. */
  consumeSmall(amount: number, why: string): void {
    this.#headroom -= amount;
    if (this.#headroom >= 0) return;
    this.#settled = this.used;
    this.#makeHeadroom();
    this.#requireWithin(why);
  }

  #makeHeadroom(): void {
    const left = this.limit - this.#settled;
    // Beyond the limit every charge is refused, one of nothing too.
    this.#headroomThen = left < 0n ? -1 : Number(left < MAX_HEADROOM ? left : MAX_HEADROOM);
    this.#headroom = this.#headroomThen;
  }

  #requireWithin(why: string): void {
    if (this.#settled <= this.limit) return;
    throw sdkError(
      'OUT_OF_GAS',
      `out of gas in ${why}; gas wanted: ${this.limit}, used: ${this.#settled}`,
      'sign with a higher gas limit; simulate tells how much',
    );
  }
}

/** Charges for every access. */
export class MeteredStore implements KvStore {
  readonly #store: KvStore;
  readonly #meter: GasMeter;

  constructor(store: KvStore, meter: GasMeter) {
    this.#store = store;
    this.#meter = meter;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#meter.consumeSmall(KV_GAS.readFlat, 'read');
    const value = this.#store.get(key);
    this.#meter.consumeSmall(KV_GAS.readPerByte * (key.length + (value?.length ?? 0)), 'read');
    return value;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#meter.consumeSmall(KV_GAS.writeFlat + KV_GAS.writePerByte * (key.length + value.length), 'write');
    this.#store.set(key, value);
  }

  delete(key: Uint8Array): void {
    this.#meter.consumeSmall(KV_GAS.deleteFlat, 'delete');
    this.#store.delete(key);
  }
}
