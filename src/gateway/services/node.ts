/** cosmos.base.node.v1beta1.Service: what a fee must be, and how far the node is. */
import { z } from 'zod';

import { DENOM } from '../../protocol/coins.js';
import { ConfigRequest, ConfigResponse, StatusRequest, StatusResponse } from '../../protocol/gen/cosmos/base/node/v1beta1/query.js';
import { QueryGetParamsRequest, QueryGetParamsResponse } from '../../protocol/gen/remes/remes/v1/query.js';
import { type ServiceMethod, answerOf, defineService } from '../router.js';
import { header, statusAnswer } from './comet-json.js';

const SERVICE = '/cosmos.base.node.v1beta1.Service';
const MICRO_DECIMALS = 6;
const newestHeader = z.object({ header: header.nullable() });

/** Millionths of the denom as a decimal number: 25000 is 0.025000. */
function priceText(micro: bigint): string {
  const digits = micro.toString().padStart(MICRO_DECIMALS + 1, '0');
  return `${digits.slice(0, -MICRO_DECIMALS)}.${digits.slice(-MICRO_DECIMALS)}${DENOM}`;
}

export const nodeServices: readonly ServiceMethod[] = [
  defineService({
    path: `${SERVICE}/Config`,
    request: ConfigRequest,
    response: ConfigResponse,
    handle: async (_, { backend, height }) => {
      const answer = await backend.query({ path: '/remes.remes.v1.Query/GetParams', data: QueryGetParamsRequest.encode({}).finish(), height });
      const { auth } = QueryGetParamsResponse.decode(answerOf(answer).value);
      return ConfigResponse.fromPartial({ minimumGasPrice: priceText(auth?.minGasPriceMicro ?? 0n), pruningKeepRecent: '', pruningInterval: '' });
    },
  }),
  defineService({
    path: `${SERVICE}/Status`,
    request: StatusRequest,
    response: StatusResponse,
    handle: async (_, { backend }) => {
      const { sync_info: sync } = await backend.request('status', {}, statusAnswer);
      const newest = sync.latest_block_height === 0n ? { header: null } : await backend.request('header', { height: sync.latest_block_height.toString() }, newestHeader);
      return {
        earliestStoreHeight: sync.earliest_block_height,
        height: sync.latest_block_height,
        timestamp: sync.latest_block_time,
        appHash: sync.latest_app_hash,
        validatorHash: newest.header?.validatorsHash ?? new Uint8Array(),
      };
    },
  }),
];
