import { formatAddress, parseAddress } from '../../../protocol/address.js';
import { readU64be, u64be } from '../../../protocol/bytes.js';
import { AuthParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import type { Context, QueryContext } from '../../module.js';
import { sdkError } from '../sdk-errors.js';
import { AUTH_STORE, COUNT_KEY, PARAMS_KEY, accountKey, byNumberKey } from './keys.js';

export interface Account {
  readonly address: string;
  readonly accountNumber: bigint;
  /** Number of transactions that this account has signed and that were let in. */
  readonly sequence: bigint;
  /** Compressed secp256k1 key, or a multisig's LegacyAminoPubKey; unknown until the account signs for the first time. */
  readonly pubkey: Uint8Array | undefined;
}

const NUMBERS_BYTES = 16;

/** Accounts: number, sequence and public key. An account comes to be by receiving coins, and never goes. */
export class AccountKeeper {
  account(ctx: QueryContext, address: string): Account | undefined {
    const value = ctx.reader(AUTH_STORE).get(accountKey(parseAddress(address)));
    if (value === undefined) return undefined;
    return {
      address,
      accountNumber: readU64be(value, 0),
      sequence: readU64be(value, 8),
      pubkey: value.length === NUMBERS_BYTES ? undefined : value.subarray(NUMBERS_BYTES),
    };
  }

  /** @throws ChainError sdk/9 where nothing was ever sent to this address. */
  mustGet(ctx: QueryContext, address: string): Account {
    const account = this.account(ctx, address);
    if (account !== undefined) return account;
    throw sdkError('UNKNOWN_ADDRESS', `account ${address} does not exist`, 'send coins to it first: receiving creates it');
  }

  set(ctx: Context, account: Account): void {
    const value = new Uint8Array(NUMBERS_BYTES + (account.pubkey?.length ?? 0));
    value.set(u64be(account.accountNumber), 0);
    value.set(u64be(account.sequence), 8);
    if (account.pubkey !== undefined) value.set(account.pubkey, NUMBERS_BYTES);
    ctx.store(AUTH_STORE).set(accountKey(parseAddress(account.address)), value);
  }

  /** Creates the account, with the next free number, unless it is there. */
  ensure(ctx: Context, address: string): void {
    const bytes = parseAddress(address);
    const store = ctx.store(AUTH_STORE);
    if (store.get(accountKey(bytes)) !== undefined) return;
    const accountNumber = this.count(ctx);
    this.set(ctx, { address, accountNumber, sequence: 0n, pubkey: undefined });
    store.set(byNumberKey(accountNumber), bytes);
    store.set(COUNT_KEY, u64be(accountNumber + 1n));
  }

  /** How many accounts there are; they are numbered from 0. */
  count(ctx: QueryContext): bigint {
    const value = ctx.reader(AUTH_STORE).get(COUNT_KEY);
    return value === undefined ? 0n : readU64be(value);
  }

  addressByNumber(ctx: QueryContext, accountNumber: bigint): string | undefined {
    const bytes = ctx.reader(AUTH_STORE).get(byNumberKey(accountNumber));
    return bytes === undefined ? undefined : formatAddress(bytes);
  }

  params(ctx: QueryContext): AuthParams {
    const value = ctx.reader(AUTH_STORE).get(PARAMS_KEY);
    if (value === undefined) throw new Error('auth parameters are missing: genesis was not run');
    return AuthParams.decode(value);
  }

  setParams(ctx: Context, params: AuthParams): void {
    ctx.store(AUTH_STORE).set(PARAMS_KEY, AuthParams.encode(params).finish());
  }
}
