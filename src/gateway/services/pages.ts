/** Pages as the SDK's requests name them, by offset and limit, turned into CometBFT's, numbered from 1. */
import type { PageRequest } from '../../protocol/gen/cosmos/base/query/v1beta1/pagination.js';
import { invalidArgument } from '../status.js';

const DEFAULT_ITEMS = 100n;
/** CometBFT gives no more at once. */
const MAX_ITEMS = 100n;

export interface CometPage {
  readonly page: string;
  readonly per_page: string;
}

/** @throws StatusError INVALID_ARGUMENT for an offset within a page, and for a key: these lists have none. */
export function cometPage(request: PageRequest | undefined): CometPage {
  const limit = itemsOf(request?.limit ?? 0n);
  const offset = request?.offset ?? 0n;
  if (request !== undefined && request.key.length > 0) throw invalidArgument('pagination.key: this list goes by pagination.offset');
  if (offset % limit !== 0n) throw invalidArgument(`pagination.offset: expected a multiple of the limit ${limit}, got ${offset}`);
  return { page: (offset / limit + 1n).toString(), per_page: limit.toString() };
}

export function itemsOf(limit: bigint): bigint {
  if (limit === 0n) return DEFAULT_ITEMS;
  return limit > MAX_ITEMS ? MAX_ITEMS : limit;
}
