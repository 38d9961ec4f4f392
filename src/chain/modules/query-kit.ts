import { readU64be, u64be } from '../../protocol/bytes.js';
import type { ChainError } from '../../protocol/errors.js';
import type { PageRequest, PageResponse } from '../../protocol/gen/cosmos/base/query/v1beta1/pagination.js';
import { sdkError } from './sdk-errors.js';

/** What a query answers for a key that is not there; clients see gRPC's NotFound. */
export function notFound(what: string): ChainError {
  return sdkError('NOT_FOUND', `${what} not found`);
}

const DEFAULT_LIMIT = 100n;
const MAX_LIMIT = 1000n;

/**
 * One page of a list that is reached by index. The page key is the next index as 8 big-endian bytes; `offset` works as
 * well. At most 1,000 items a page.
 */
export function paginate<T>(
  page: PageRequest | undefined,
  total: bigint,
  at: (index: bigint) => T | undefined,
): { items: T[]; pagination: PageResponse } {
  const asked = page?.limit ?? 0n;
  const limit = asked === 0n ? DEFAULT_LIMIT : asked > MAX_LIMIT ? MAX_LIMIT : asked;
  const start = page?.key.length === 8 ? readU64be(page.key) : (page?.offset ?? 0n);
  const items: T[] = [];
  let index = start;
  for (; index < total && items.length < limit; index++) {
    const item = at(page?.reverse === true ? total - 1n - index : index);
    if (item !== undefined) items.push(item);
  }
  return { items, pagination: { nextKey: index < total ? u64be(index) : new Uint8Array(), total } };
}

/** The page of a list that is always empty. */
export function emptyPage(): PageResponse {
  return { nextKey: new Uint8Array(), total: 0n };
}
