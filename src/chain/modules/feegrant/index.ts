import { parseAddress } from '../../../protocol/address.js';
import * as feegrant from '../../../protocol/gen/cosmos/feegrant/v1beta1/query.js';
import { type Module, defineQuery } from '../../module.js';
import { message } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import { emptyPage, notFound } from '../query-kit.js';

const schema = message({});

/** Everybody pays their own fees: wallets ask for allowances all the same, and hear of none. */
export function feegrantModule(): Module {
  return {
    name: 'feegrant',
    messages: [],
    queries: [
      defineQuery({
        path: '/cosmos.feegrant.v1beta1.Query/Allowance',
        request: feegrant.QueryAllowanceRequest,
        response: feegrant.QueryAllowanceResponse,
        handle: (_ctx, { granter, grantee }) => {
          parseAddress(granter);
          parseAddress(grantee);
          throw notFound('fee-grant');
        },
      }),
      defineQuery({
        path: '/cosmos.feegrant.v1beta1.Query/Allowances',
        request: feegrant.QueryAllowancesRequest,
        response: feegrant.QueryAllowancesResponse,
        handle: (_ctx, { grantee }) => {
          parseAddress(grantee);
          return { allowances: [], pagination: emptyPage() };
        },
      }),
      defineQuery({
        path: '/cosmos.feegrant.v1beta1.Query/AllowancesByGranter',
        request: feegrant.QueryAllowancesByGranterRequest,
        response: feegrant.QueryAllowancesByGranterResponse,
        handle: (_ctx, { granter }) => {
          parseAddress(granter);
          return { allowances: [], pagination: emptyPage() };
        },
      }),
    ],
    initGenesis: (_ctx, state) => void parseGenesis('feegrant', schema, state),
    exportGenesis: () => ({}),
  };
}
