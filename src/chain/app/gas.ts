import type { KvStore } from '../store/kv.js';
import { sdkError } from '../modules/sdk-errors.js';

/** What access to the state costs; the Cosmos SDK's numbers (store/types/gas.go, KVGasConfig). */
export const KV_GAS = { readFlat: 1000n, readPerByte: 3n, writeFlat: 2000n, writePerByte: 30n, deleteFlat: 1000n } as const;

/** Gas of one transaction. Charged before the work, and the same on every node: gas is part of the block's result hash. */
export class GasMeter {
  readonly limit: bigint;
  #used = 0n;

  constructor(limit: bigint) {
    this.limit = limit;
  }

  get used(): bigint {
    return this.#used;
  }

  /** @throws ChainError sdk/11 beyond the limit. */
  consume(amount: bigint, why: string): void {
    if (amount < 0n) throw new Error(`negative gas ${amount} for ${why}`);
    this.#used += amount;
    if (this.#used > this.limit) {
      throw sdkError(
        'OUT_OF_GAS',
        `out of gas in ${why}; gas wanted: ${this.limit}, used: ${this.#used}`,
        'sign with a higher gas limit; simulate tells how much',
      );
    }
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
    this.#meter.consume(KV_GAS.readFlat, 'read');
    const value = this.#store.get(key);
    this.#meter.consume(KV_GAS.readPerByte * BigInt(key.length + (value?.length ?? 0)), 'read');
    return value;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#meter.consume(KV_GAS.writeFlat + KV_GAS.writePerByte * BigInt(key.length + value.length), 'write');
    this.#store.set(key, value);
  }

  delete(key: Uint8Array): void {
    this.#meter.consume(KV_GAS.deleteFlat, 'delete');
    this.#store.delete(key);
  }
}
