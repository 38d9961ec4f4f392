import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { notFound, paginate } from '../../../../src/chain/modules/query-kit.js';
import { PageRequest } from '../../../../src/protocol/gen/cosmos/base/query/v1beta1/pagination.js';

const page = (request: Partial<PageRequest>, total: number) => paginate(PageRequest.fromPartial(request), BigInt(total), (i) => i);

describe('pages', () => {
  it('followed by their keys give every item once, in either direction', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.bigInt({ min: 1n, max: 120n }), fc.boolean(), (total, limit, reverse) => {
        const seen: bigint[] = [];
        let key = new Uint8Array();
        do {
          const { items, pagination } = page({ key, limit, reverse }, total);
          expect(items.length <= Number(limit)).toBe(true);
          seen.push(...items);
          key = new Uint8Array(pagination.nextKey);
        } while (key.length > 0);
        const all = Array.from({ length: total }, (_, i) => BigInt(i));
        expect(seen).toEqual(reverse ? all.reverse() : all);
      }),
      { numRuns: 100 },
    );
  });

  it('hold 100 items unless asked otherwise, and 1,000 at most', () => {
    expect(paginate(undefined, 5000n, (i) => i).items).toHaveLength(100);
    expect(page({ limit: 4000n }, 5000).items).toHaveLength(1000);
    expect(page({ offset: 4998n, limit: 10n }, 5000).items).toEqual([4998n, 4999n]);
    expect(page({ offset: 9999n }, 5000)).toEqual({ items: [], pagination: { nextKey: new Uint8Array(), total: 5000n } });
  });

  it('pass over what is not there', () => {
    expect(paginate(undefined, 4n, (i) => (i === 2n ? undefined : i)).items).toEqual([0n, 1n, 3n]);
  });
});

describe('what is not there', () => {
  it('is told by its name, as NOT_FOUND', () => {
    expect(notFound('window 7')).toMatchObject({ codespace: 'sdk', abciCode: 22, code: 'NOT_FOUND', message: 'window 7 not found' });
  });
});
