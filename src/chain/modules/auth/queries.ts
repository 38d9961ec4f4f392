import { ADDRESS_PREFIX, formatAddress, moduleAddress, parseAddress } from '../../../protocol/address.js';
import { BaseAccount, ModuleAccount } from '../../../protocol/gen/cosmos/auth/v1beta1/auth.js';
import {
  AddressBytesToStringRequest,
  AddressBytesToStringResponse,
  AddressStringToBytesRequest,
  AddressStringToBytesResponse,
  Bech32PrefixRequest,
  Bech32PrefixResponse,
  QueryAccountRequest,
  QueryAccountResponse,
  QueryAccountsRequest,
  QueryAccountsResponse,
  QueryModuleAccountsRequest,
  QueryModuleAccountsResponse,
  QueryParamsRequest,
  QueryParamsResponse,
} from '../../../protocol/gen/cosmos/auth/v1beta1/query.js';
import type { Any } from '../../../protocol/gen/google/protobuf/any.js';
import { packPubkey } from '../../../protocol/pubkeys.js';
import { type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { Account, AccountKeeper } from './keeper.js';

const BASE_ACCOUNT_TYPE_URL = '/cosmos.auth.v1beta1.BaseAccount';
const MODULE_ACCOUNT_TYPE_URL = '/cosmos.auth.v1beta1.ModuleAccount';
/** Most signers that a transaction may have (the Cosmos SDK's default of `tx_sig_limit`); a multisig is one. */
export const TX_SIG_LIMIT = 7;

/** @param name of the module, where the account is a module's. */
function packAccount(account: Account, name: string | undefined): Any {
  const pubKey = account.pubkey === undefined ? undefined : packPubkey(account.pubkey);
  const { address, accountNumber, sequence } = account;
  const baseAccount = { address, pubKey, accountNumber, sequence };
  if (name === undefined) return { typeUrl: BASE_ACCOUNT_TYPE_URL, value: BaseAccount.encode(baseAccount).finish() };
  return { typeUrl: MODULE_ACCOUNT_TYPE_URL, value: ModuleAccount.encode({ baseAccount, name, permissions: [] }).finish() };
}

/** @param moduleNames of the accounts that belong to modules. */
export function authQueries(keeper: AccountKeeper, moduleNames: readonly string[]): readonly QueryHandler[] {
  const names = new Map(moduleNames.map((name) => [moduleAddress(name), name]));
  const pack = (account: Account): Any => packAccount(account, names.get(account.address));
  return [
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Account',
      request: QueryAccountRequest,
      response: QueryAccountResponse,
      handle: (ctx, { address }) => {
        const account = keeper.account(ctx, address);
        if (account === undefined) throw notFound(`account ${address}`);
        return { account: pack(account) };
      },
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Accounts',
      request: QueryAccountsRequest,
      response: QueryAccountsResponse,
      handle: (ctx, { pagination }) => {
        const { items, pagination: next } = paginate(pagination, keeper.count(ctx), (number) => {
          const address = keeper.addressByNumber(ctx, number);
          return address === undefined ? undefined : pack(keeper.mustGet(ctx, address));
        });
        return { accounts: items, pagination: next };
      },
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Params',
      request: QueryParamsRequest,
      response: QueryParamsResponse,
      handle: (ctx) => {
        const params = keeper.params(ctx);
        return {
          params: {
            maxMemoCharacters: params.maxMemoCharacters,
            txSigLimit: BigInt(TX_SIG_LIMIT),
            txSizeCostPerByte: params.txSizeCostPerByte,
            // No ed25519 account exists here; the field is what the SDK's clients expect to find.
            sigVerifyCostEd25519: params.sigVerifyCostSecp256k1,
            sigVerifyCostSecp256k1: params.sigVerifyCostSecp256k1,
          },
        };
      },
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/ModuleAccounts',
      request: QueryModuleAccountsRequest,
      response: QueryModuleAccountsResponse,
      // A module's account is there once it has received coins, like any other.
      handle: (ctx) => ({ accounts: [...names.keys()].flatMap((address) => keeper.account(ctx, address) ?? []).map(pack) }),
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Bech32Prefix',
      request: Bech32PrefixRequest,
      response: Bech32PrefixResponse,
      handle: () => ({ bech32Prefix: ADDRESS_PREFIX }),
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/AddressBytesToString',
      request: AddressBytesToStringRequest,
      response: AddressBytesToStringResponse,
      handle: (_ctx, { addressBytes }) => ({ addressString: formatAddress(addressBytes) }),
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/AddressStringToBytes',
      request: AddressStringToBytesRequest,
      response: AddressStringToBytesResponse,
      handle: (_ctx, { addressString }) => ({ addressBytes: parseAddress(addressString) }),
    }),
  ];
}
