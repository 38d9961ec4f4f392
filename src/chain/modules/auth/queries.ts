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
import { readU64be, u64be } from '../../../protocol/bytes.js';
import { type QueryHandler, defineQuery } from '../../module.js';
import { sdkError } from '../sdk-errors.js';
import type { Account, AccountKeeper } from './keeper.js';

export const SECP256K1_TYPE_URL = '/cosmos.crypto.secp256k1.PubKey';
const BASE_ACCOUNT_TYPE_URL = '/cosmos.auth.v1beta1.BaseAccount';
/** Most signatures that a transaction may carry (the Cosmos SDK's default of `tx_sig_limit`). */
export const TX_SIG_LIMIT = 7;
const MAX_PAGE = 1000n;

function packAccount(account: Account): Any {
  const pubKey =
    account.pubkey === undefined
      ? undefined
      : { typeUrl: SECP256K1_TYPE_URL, value: Buffer.from(PubKey.encode({ key: Buffer.from(account.pubkey) }).finish()) };
  const { address, accountNumber, sequence } = account;
  return {
    typeUrl: BASE_ACCOUNT_TYPE_URL,
    value: Buffer.from(BaseAccount.encode({ address, pubKey, accountNumber, sequence }).finish()),
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
        if (account === undefined) throw sdkError('NOT_FOUND', `account ${address} not found`);
        return { account: packAccount(account) };
      },
    }),
    defineQuery({
      path: '/cosmos.auth.v1beta1.Query/Accounts',
      request: QueryAccountsRequest,
      response: QueryAccountsResponse,
      handle: (ctx, { pagination }) => {
        const total = keeper.count(ctx);
        const start = pagination !== undefined && pagination.key.length === 8 ? readU64be(pagination.key) : (pagination?.offset ?? 0n);
        const limit = pagination === undefined || pagination.limit === 0n ? 100n : pagination.limit;
        const end = start + (limit > MAX_PAGE ? MAX_PAGE : limit);
        const accounts: Any[] = [];
        for (let number = start; number < end && number < total; number++) {
          const address = keeper.addressByNumber(ctx, number);
          if (address !== undefined) accounts.push(packAccount(keeper.mustGet(ctx, address)));
        }
        return { accounts, pagination: { nextKey: Buffer.from(end < total ? u64be(end) : []), total } };
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
