import { describe, expect, it } from 'vitest';

import { type Method, schema } from '../../../src/gateway/descriptors.js';
import { Routes } from '../../../src/gateway/routes.js';

const routes = new Routes(schema().methods.values());
const at = (path: string, verb = 'GET'): unknown => {
  const match = routes.match(verb, path);
  return match === undefined ? undefined : [match.method.path.replace(/^\/cosmos\./, ''), Object.fromEntries(match.variables)];
};

describe('routes', () => {
  it('give the method and the values of the path', () => {
    expect(at('/cosmos/bank/v1beta1/balances/remes1x')).toEqual(['bank.v1beta1.Query/AllBalances', { address: 'remes1x' }]);
    expect(at('/cosmos/bank/v1beta1/balances/remes1x/')).toEqual(at('/cosmos/bank/v1beta1/balances/remes1x'));
    expect(at('/cosmos/staking/v1beta1/validators/v/delegations/d/unbonding_delegation')).toEqual(['staking.v1beta1.Query/UnbondingDelegation', { validator_addr: 'v', delegator_addr: 'd' }]);
    expect(at('/cosmos/bank/v1beta1/denoms_metadata/ibc%2FABC')).toEqual(['bank.v1beta1.Query/DenomMetadata', { denom: 'ibc/ABC' }]);
  });

  it('take a fixed segment before a variable, and the variable where the rest does not fit', () => {
    expect(at('/cosmos/base/tendermint/v1beta1/validatorsets/latest')).toEqual(['base.tendermint.v1beta1.Service/GetLatestValidatorSet', {}]);
    expect(at('/cosmos/base/tendermint/v1beta1/validatorsets/7')).toEqual(['base.tendermint.v1beta1.Service/GetValidatorSetByHeight', { height: '7' }]);
    expect(at('/cosmos/tx/v1beta1/txs/block/7')).toEqual(['tx.v1beta1.Service/GetBlockWithTxs', { height: '7' }]);
    expect(at('/cosmos/tx/v1beta1/txs/block')).toEqual(['tx.v1beta1.Service/GetTx', { hash: 'block' }]);
  });

  it('go by the verb; HEAD is GET', () => {
    expect(at('/cosmos/tx/v1beta1/txs', 'POST')).toEqual(['tx.v1beta1.Service/BroadcastTx', {}]);
    expect(at('/cosmos/tx/v1beta1/txs', 'HEAD')).toEqual(['tx.v1beta1.Service/GetTxsEvent', {}]);
    expect(at('/cosmos/tx/v1beta1/simulate', 'PUT')).toBeUndefined();
  });

  it.each(['', '/', '//', '/cosmos', '/cosmos/bank/v1beta1/balances/', '/cosmos/bank/v1beta1/balances//', '/cosmos/bank/v1beta1/balances/%zz', '/cosmos/bank/v1beta1/supply/by_denom/x/y'])('know no %j', (path) => {
    expect(at(path)).toBeUndefined();
  });

  it('refuse templates that they cannot read, rather than serve them wrongly', () => {
    const [method] = schema().methods.values();
    const odd: Method = { ...method!, bindings: [{ verb: 'GET', template: '/a/{b=**}', hasBody: false }] };
    expect(() => new Routes([odd])).toThrow('/a/{b=**}');
  });

  it('lead to every method that has one', () => {
    const bound = [...schema().methods.values()].flatMap((method) => method.bindings.map((binding) => ({ method, binding })));
    expect(bound.length).toBeGreaterThan(100);
    const lost = bound.filter(({ method, binding }) => routes.match(binding.verb, binding.template.replace(/\{\w+\}/g, 'x'))?.method.path !== method.path);
    // Two methods of auth have the same route but for the name of the variable; the later one has it in the SDK too.
    expect(lost.map(({ method }) => method.path)).toEqual(['/cosmos.auth.v1beta1.Query/AddressBytesToString']);
  });
});
