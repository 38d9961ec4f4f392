import * as authz from '../../../protocol/gen/cosmos/authz/v1beta1/query.js';
import { parseAddress } from '../../../protocol/address.js';
import { type Module, defineQuery } from '../../module.js';
import { message } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { emptyPage } from '../query-kit.js';

const schema = message({});

/** Nobody can grant anything here: wallets ask all the same, and hear of no grants. */
export function authzModule(): Module {
  return {
    name: 'authz',
    messages: [],
    queries: [
      defineQuery({
        path: '/cosmos.authz.v1beta1.Query/Grants',
        request: authz.QueryGrantsRequest,
        response: authz.QueryGrantsResponse,
        handle: (_ctx, { granter, grantee }) => {
          parseAddress(granter);
          parseAddress(grantee);
          return { grants: [], pagination: emptyPage() };
        },
      }),
      defineQuery({
        path: '/cosmos.authz.v1beta1.Query/GranterGrants',
        request: authz.QueryGranterGrantsRequest,
        response: authz.QueryGranterGrantsResponse,
        handle: (_ctx, { granter }) => {
          parseAddress(granter);
          return { grants: [], pagination: emptyPage() };
        },
      }),
      defineQuery({
        path: '/cosmos.authz.v1beta1.Query/GranteeGrants',
        request: authz.QueryGranteeGrantsRequest,
        response: authz.QueryGranteeGrantsResponse,
        handle: (_ctx, { grantee }) => {
          parseAddress(grantee);
          return { grants: [], pagination: emptyPage() };
        },
      }),
    ],
    initGenesis: (_ctx, state) => void parseGenesis('authz', schema, state),
    exportGenesis: () => ({}),
  };
}
