import type { Any } from '../../../protocol/gen/google/protobuf/any.js';
import { BaseAccount } from '../../../protocol/gen/cosmos/auth/v1beta1/auth.js';
import {
  QueryAccountRequest,
  QueryAccountResponse,
  QueryAccountsRequest,
  QueryAccountsResponse,
  QueryParamsRequest,
  QueryParamsResponse,
} from '../../../protocol/gen/cosmos/auth/v1beta1/query.js';
import { PubKey } from '../../../protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { type QueryHandler, defineQuery } from '../../module.js';
import { notFound, paginate } from '../query-kit.js';
import type { Account, AccountKeeper } from './keeper.js';

export const SECP256K1_TYPE_URL = '/cosmos.crypto.secp256k1.PubKey';
const BASE_ACCOUNT_TYPE_URL = '/cosmos.auth.v1beta1.BaseAccount';
/** Most signatures that a transaction may carry (the Cosmos SDK's default of `tx_sig_limit`). */
export const TX_SIG_LIMIT = 7;

function packAccount(account: Account): Any {
  const pubKey =
    account.pubkey === undefined
      ? undefined
      : { typeUrl: SECP256K1_TYPE_URL, value: PubKey.encode({ key: account.pubkey }).finish() };
  const { address, accountNumber, sequence } = account;
  return {
    typeUrl: BASE_ACCOUNT_TYPE_URL,
    value: BaseAccount.encode({ address, pubKey, accountNumber, sequence }).finish(),
  };
}

export function authQueries(keeper: AccountKeeper): readonly QueryHandler[] {
  return [
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Account',
      request: QueryAccountRequest,
      response: QueryAccountResponse,
      handle: (ctx, { address }) => {
        const account = keeper.account(ctx, address);
        if (account === undefined) throw notFound(`account ${address}`);
        return { account: packAccount(account) };
      },
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Accounts',
      request: QueryAccountsRequest,
      response: QueryAccountsResponse,
      handle: (ctx, { pagination }) => {
        const { items, pagination: next } = paginate(pagination, keeper.count(ctx), (number) => {
          const address = keeper.addressByNumber(ctx, number);
          return address === undefined ? undefined : packAccount(keeper.mustGet(ctx, address));
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
  ];
}
