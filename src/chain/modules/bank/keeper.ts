import { parseAddress } from '../../../protocol/address.js';
import { concatBytes } from '../../../protocol/bytes.js';
import { MAX_AMOUNT, formatAmount } from '../../../protocol/coins.js';
import type { Context, QueryContext } from '../../module.js';
import { sdkError } from '../sdk-errors.js';

export const BANK_STORE = 'bank';

const PREFIX = {
  /** address(20) -> balance in uremes, u128be; no entry for zero */
  balance: 0x01,
  /** -> sum of all balances in uremes, u128be */
  supply: 0x02,
} as const;

const SUPPLY_KEY = Uint8Array.of(PREFIX.supply);
const balanceKey = (address: string): Uint8Array => concatBytes(Uint8Array.of(PREFIX.balance), parseAddress(address));

const AMOUNT_BYTES = 16;
const LOW_64 = (1n << 64n) - 1n;

function encodeAmount(amount: bigint): Uint8Array {
  const out = new Uint8Array(AMOUNT_BYTES);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, amount >> 64n);
  view.setBigUint64(8, amount & LOW_64);
  return out;
}

function decodeAmount(value: Uint8Array | undefined): bigint {
  if (value === undefined) return 0n;
  const view = new DataView(value.buffer, value.byteOffset, AMOUNT_BYTES);
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

/** What bank needs of auth: an account comes to be when it first receives, and has a number from then on. */
export interface Accounts {
  ensure(ctx: Context, address: string): void;
  count(ctx: QueryContext): bigint;
  addressByNumber(ctx: QueryContext, accountNumber: bigint): string | undefined;
}

/**
 * Balances and their sum, in uremes. Invariant: the supply is the sum of all balances, each 0 … 2¹²⁷−1.
 * Escrows are ordinary balances of module accounts (`moduleAddress`).
 */
export class BankKeeper {
  readonly #accounts: Accounts;

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  /** Every account that ever held coins, in the order in which they came to be. */
  accountCount(ctx: QueryContext): bigint {
    return this.#accounts.count(ctx);
  }

  accountAt(ctx: QueryContext, index: bigint): string | undefined {
    return this.#accounts.addressByNumber(ctx, index);
  }

  balance(ctx: QueryContext, address: string): bigint {
    return decodeAmount(ctx.reader(BANK_STORE).get(balanceKey(address)));
  }

  supply(ctx: QueryContext): bigint {
    return decodeAmount(ctx.reader(BANK_STORE).get(SUPPLY_KEY));
  }

  /**
   * Moves `amount` uremes; creates the receiving account. Emits `transfer`.
   * @throws ChainError sdk/5 where the balance is smaller, sdk/10 where the amount is not above 0.
   */
  send(ctx: Context, from: string, to: string, amount: bigint): void {
    requirePositive(amount);
    this.#subtract(ctx, from, amount);
    this.#add(ctx, to, amount);
    ctx.emit({ type: 'transfer', attributes: { recipient: to, sender: from, amount: formatAmount(amount) } });
  }

  /** Creates `amount` uremes in `to`. Emits `coinbase`. @throws ChainError sdk/10 for a bad amount or a supply above 2¹²⁷−1. */
  mint(ctx: Context, to: string, amount: bigint): void {
    requirePositive(amount);
    const supply = this.supply(ctx) + amount;
    if (supply > MAX_AMOUNT) throw sdkError('INVALID_COINS', `supply would be ${supply}, above ${MAX_AMOUNT}`);
    this.#add(ctx, to, amount);
    ctx.store(BANK_STORE).set(SUPPLY_KEY, encodeAmount(supply));
    ctx.emit({ type: 'coinbase', attributes: { minter: to, amount: formatAmount(amount) } });
  }

  /** Destroys `amount` uremes of `from`. Emits `burn`. @throws ChainError sdk/5 where the balance is smaller, sdk/10 for a bad amount. */
  burn(ctx: Context, from: string, amount: bigint): void {
    requirePositive(amount);
    this.#subtract(ctx, from, amount);
    const store = ctx.store(BANK_STORE);
    store.set(SUPPLY_KEY, encodeAmount(this.supply(ctx) - amount));
    ctx.emit({ type: 'burn', attributes: { burner: from, amount: formatAmount(amount) } });
  }

  #subtract(ctx: Context, from: string, amount: bigint): void {
    const key = balanceKey(from);
    const store = ctx.store(BANK_STORE);
    const balance = decodeAmount(store.get(key));
    if (balance < amount) {
      throw sdkError(
        'INSUFFICIENT_FUNDS',
        `spendable balance ${formatAmount(balance)} of ${from} is smaller than ${formatAmount(amount)}: insufficient funds`,
      );
    }
    if (balance === amount) store.delete(key);
    else store.set(key, encodeAmount(balance - amount));
  }

  #add(ctx: Context, to: string, amount: bigint): void {
    const key = balanceKey(to);
    const store = ctx.store(BANK_STORE);
    // The supply bounds every balance, so this sum cannot overflow.
    const before = store.get(key);
    if (before === undefined) this.#accounts.ensure(ctx, to);
    store.set(key, encodeAmount(decodeAmount(before) + amount));
  }
}

function requirePositive(amount: bigint): void {
  if (amount <= 0n) throw sdkError('INVALID_COINS', `expected an amount above 0, got ${amount}`);
}
