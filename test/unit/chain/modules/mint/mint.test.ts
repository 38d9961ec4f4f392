import { describe, expect, it } from 'vitest';

import { authzModule } from '../../../../../src/chain/modules/authz/index.js';
import { feegrantModule } from '../../../../../src/chain/modules/feegrant/index.js';
import { mintModule } from '../../../../../src/chain/modules/mint/index.js';
import { annualProvisions } from '../../../../../src/chain/modules/mint/provisions.js';
import type { Module } from '../../../../../src/chain/module.js';
import * as authz from '../../../../../src/protocol/gen/cosmos/authz/v1beta1/query.js';
import * as feegrant from '../../../../../src/protocol/gen/cosmos/feegrant/v1beta1/query.js';
import * as mint from '../../../../../src/protocol/gen/cosmos/mint/v1beta1/query.js';
import { SECONDS_PER_YEAR, profile } from '../../../../../src/protocol/params.js';
import { testAccount } from '../../../../app/harness.js';
import { contextAt } from '../kit.js';

const params = profile('network').reward;
const SUPPLY = 300_000_000_000_000n;
const remes = (amount: bigint): bigint => amount * 1_000_000n;
const alice = testAccount('alice').address;

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}
function ask<Q, R>(module: Module, path: string, request: Codec<Q>, value: Q, response: Codec<R>): R {
  const handler = module.queries.find((q) => q.path === path)!;
  return response.decode(handler.handle(contextAt(10n), request.encode(value).finish()));
}

describe('annual provisions', () => {
  it('are the emission of the year, and of the next one for what is left of it', () => {
    expect(annualProvisions(params, 0n, 0n, SUPPLY)).toBe(remes(60_000_000n));
    expect(annualProvisions(params, SECONDS_PER_YEAR, 0n, SUPPLY)).toBe(remes(54_000_000n));
    expect(annualProvisions(params, SECONDS_PER_YEAR / 2n, 0n, SUPPLY)).toBe(remes(57_000_000n));
    expect(annualProvisions(params, -5n, 0n, SUPPLY)).toBe(remes(60_000_000n));
  });

  it('end with the mining allocation and with the supply cap', () => {
    expect(annualProvisions(params, 0n, remes(299_999_999n), SUPPLY)).toBe(remes(1n));
    expect(annualProvisions(params, 0n, 0n, remes(999_999_998n))).toBe(remes(2n));
    expect(annualProvisions(params, 0n, remes(300_000_001n), SUPPLY)).toBe(0n);
  });
});

describe('mint', () => {
  const module = mintModule({ params: () => params, minted: () => 0n }, { supply: () => SUPPLY });
  it('answers in decimals of 18 digits, as bytes where the SDK does', () => {
    const provisions = ask(module, '/cosmos.mint.v1beta1.Query/AnnualProvisions', mint.QueryAnnualProvisionsRequest, {}, mint.QueryAnnualProvisionsResponse);
    // Ten seconds of the first year are over.
    const expected = remes(60_000_000n) - (remes(6_000_000n) * 10n + SECONDS_PER_YEAR - 1n) / SECONDS_PER_YEAR;
    expect(Buffer.from(provisions.annualProvisions).toString()).toBe(`${expected}000000000000000000`);
    const { inflation } = ask(module, '/cosmos.mint.v1beta1.Query/Inflation', mint.QueryInflationRequest, {}, mint.QueryInflationResponse);
    expect(Buffer.from(inflation).toString()).toBe(((expected * 10n ** 18n) / SUPPLY).toString());
    const answer = ask(module, '/cosmos.mint.v1beta1.Query/Params', mint.QueryParamsRequest, {}, mint.QueryParamsResponse);
    expect(answer.params).toMatchObject({ mintDenom: 'uremes', inflationRateChange: '100000000000000000', blocksPerYear: 6_307_200n });
    const none = mintModule({ params: () => params, minted: () => 0n }, { supply: () => 0n });
    expect(Buffer.from(ask(none, '/cosmos.mint.v1beta1.Query/Inflation', mint.QueryInflationRequest, {}, mint.QueryInflationResponse).inflation).toString()).toBe('0');
  });

  it('has no genesis of its own', () => {
    expect(() => module.initGenesis(contextAt(1n), { minter: {} })).toThrow(/app_state\.mint/);
    expect(module.exportGenesis?.(contextAt(1n))).toEqual({});
  });
});

describe('authz and feegrant', () => {
  it('answer that nothing is granted, to addresses', () => {
    const pagination = undefined;
    expect(ask(authzModule(), '/cosmos.authz.v1beta1.Query/GranterGrants', authz.QueryGranterGrantsRequest, { granter: alice, pagination }, authz.QueryGranterGrantsResponse)).toMatchObject({ grants: [], pagination: { total: 0n } });
    expect(ask(authzModule(), '/cosmos.authz.v1beta1.Query/GranteeGrants', authz.QueryGranteeGrantsRequest, { grantee: alice, pagination }, authz.QueryGranteeGrantsResponse).grants).toEqual([]);
    expect(ask(authzModule(), '/cosmos.authz.v1beta1.Query/Grants', authz.QueryGrantsRequest, { granter: alice, grantee: alice, msgTypeUrl: '', pagination }, authz.QueryGrantsResponse).grants).toEqual([]);
    expect(() => ask(authzModule(), '/cosmos.authz.v1beta1.Query/GranterGrants', authz.QueryGranterGrantsRequest, { granter: 'x', pagination }, authz.QueryGranterGrantsResponse)).toThrow(/expected an address/);
    expect(ask(feegrantModule(), '/cosmos.feegrant.v1beta1.Query/Allowances', feegrant.QueryAllowancesRequest, { grantee: alice, pagination }, feegrant.QueryAllowancesResponse).allowances).toEqual([]);
    expect(ask(feegrantModule(), '/cosmos.feegrant.v1beta1.Query/AllowancesByGranter', feegrant.QueryAllowancesByGranterRequest, { granter: alice, pagination }, feegrant.QueryAllowancesByGranterResponse).allowances).toEqual([]);
    expect(() => ask(feegrantModule(), '/cosmos.feegrant.v1beta1.Query/Allowance', feegrant.QueryAllowanceRequest, { granter: alice, grantee: alice }, feegrant.QueryAllowanceResponse)).toThrow(/not found/);
  });
});
