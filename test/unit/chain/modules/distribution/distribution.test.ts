import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import type { ExecutionContext } from '../../../../../src/chain/app/context.js';
import type { BlockVote } from '../../../../../src/chain/module.js';
import { AccountKeeper } from '../../../../../src/chain/modules/auth/index.js';
import { BankKeeper } from '../../../../../src/chain/modules/bank/index.js';
import { DistributionKeeper, distributionModule } from '../../../../../src/chain/modules/distribution/index.js';
import { moduleAddress } from '../../../../../src/protocol/address.js';
import { DECIMAL_ONE, toDecimal } from '../../../../../src/protocol/decimal.js';
import * as q from '../../../../../src/protocol/gen/cosmos/distribution/v1beta1/query.js';
import { accountOfOperator } from '../../../../../src/protocol/validator-address.js';
import { testAccount } from '../../../../app/harness.js';
import { contextAt } from '../kit.js';
import { FakeStaking, type FakeValidator } from './fake-staking.js';

const FEES = moduleAddress('fee_collector');
const alice = testAccount('alice').address;
const bob = testAccount('bob').address;
const PATH = '/cosmos.distribution.v1beta1.Query';

let staking: FakeStaking;
let bank: BankKeeper;
let keeper: DistributionKeeper;
let ctx: ExecutionContext;
let height = 1n;

function setUp(genesis: unknown = {}): void {
  staking = new FakeStaking();
  bank = new BankKeeper(new AccountKeeper());
  keeper = new DistributionKeeper({ bank, staking, fees: { params: () => ({ feeBurnBps: 2000n }) }, feeCollector: FEES, closed: new Set([FEES]) });
  staking.hooks = keeper.hooks;
  height = 1n;
  ctx = contextAt(height);
  distributionModule(keeper).initGenesis(ctx, genesis);
}
beforeEach(() => setUp());

function nextBlock(fees: bigint, votes: readonly BlockVote[] = [...staking.all.values()].map((v) => ({ address: v.consAddress, power: v.tokens / 1_000_000n, signed: true }))): void {
  height += 1n;
  ctx = contextAt(height, ctx.branch, { votes });
  if (fees > 0n) bank.mint(ctx, FEES, fees);
  keeper.beginBlock(ctx);
}

const checkInvariant = (): void => expect(keeper.owed(ctx)).toBe(toDecimal(bank.balance(ctx, keeper.address)));

describe('fees', () => {
  it('are a half the validators’, three tenths the community’s, and two tenths are burned', () => {
    const v = staking.create(ctx, 'v', 0n);
    staking.change(ctx, v, alice, 100_000_000n);
    const supply = bank.supply(ctx);
    nextBlock(1000n);
    expect(bank.supply(ctx) - supply).toBe(800n);
    expect([keeper.state.pool(ctx), keeper.state.outstanding(ctx, v.operator)]).toEqual([toDecimal(300n), toDecimal(500n)]);
    expect(bank.balance(ctx, FEES)).toBe(0n);
    checkInvariant();
  });

  it('go by power, what nobody known voted for to the community', () => {
    const [v, w] = [staking.create(ctx, 'v', 0n), staking.create(ctx, 'w', DECIMAL_ONE / 2n)];
    staking.change(ctx, v, alice, 100_000_000n);
    staking.change(ctx, w, bob, 100_000_000n);
    const votes = [{ address: v.consAddress, power: 1n, signed: true }, { address: w.consAddress, power: 2n, signed: true }, { address: new Uint8Array(20), power: 2n, signed: true }];
    nextBlock(1000n, votes);
    expect([keeper.state.outstanding(ctx, v.operator), keeper.state.outstanding(ctx, w.operator), keeper.state.commission(ctx, w.operator)]).toEqual([toDecimal(100n), toDecimal(200n), toDecimal(100n)]);
    expect(keeper.state.pool(ctx)).toBe(toDecimal(500n));
    nextBlock(10n, []);
    expect(keeper.state.pool(ctx)).toBe(toDecimal(508n));
    checkInvariant();
  });
});

describe('a delegation', () => {
  it('earns by its stake and from its beginning on, and is paid to its withdraw address', () => {
    const v = staking.create(ctx, 'v', DECIMAL_ONE / 10n);
    staking.change(ctx, v, alice, 100_000_000n);
    nextBlock(1000n);
    staking.change(ctx, v, bob, 300_000_000n);
    nextBlock(1000n);
    // 450 alone, then a quarter of 450.
    expect(keeper.pendingRewards(ctx, alice, v.operator)).toBe((toDecimal(450n) * 5n) / 4n);
    expect(keeper.pendingRewards(ctx, bob, v.operator)).toBe((toDecimal(450n) * 3n) / 4n);
    keeper.setWithdrawAddress(ctx, alice, bob);
    expect(keeper.withdrawRewards(ctx, alice, v.operator)).toBe(562n);
    expect(bank.balance(ctx, bob)).toBe(562n);
    expect(keeper.pendingRewards(ctx, alice, v.operator)).toBe(0n);
    expect(keeper.withdrawCommission(ctx, v.operator)).toBe(100n);
    expect(bank.balance(ctx, accountOfOperator(v.operator))).toBe(100n);
    expect(() => keeper.withdrawCommission(ctx, v.operator)).toThrow(/no validator commission to withdraw/);
    checkInvariant();
  });

  it('earns less from a slash on', () => {
    const v = staking.create(ctx, 'v', 0n);
    staking.change(ctx, v, alice, 100_000_000n);
    nextBlock(1000n);
    staking.slash(ctx, v, DECIMAL_ONE / 2n);
    staking.change(ctx, v, bob, 50_000_000n);
    nextBlock(1000n);
    expect(keeper.pendingRewards(ctx, alice, v.operator)).toBe(toDecimal(750n));
    expect(keeper.pendingRewards(ctx, bob, v.operator)).toBe(toDecimal(250n));
    const slashes = distributionModule(keeper).queries.find((one) => one.path === `${PATH}/ValidatorSlashes`)!;
    const request = q.QueryValidatorSlashesRequest.fromPartial({ validatorAddress: v.operator, startingHeight: 1n, endingHeight: 100n });
    const answer = q.QueryValidatorSlashesResponse.decode(slashes.handle(ctx, q.QueryValidatorSlashesRequest.encode(request).finish()));
    expect(answer.slashes).toEqual([{ validatorPeriod: 2n, fraction: (DECIMAL_ONE / 2n).toString() }]);
    keeper.withdrawRewards(ctx, alice, v.operator);
    staking.change(ctx, v, bob, -50_000_000n);
    checkInvariant();
  });

  it('that ends is paid at once, and leaves nothing behind with its validator', () => {
    const v = staking.create(ctx, 'v', DECIMAL_ONE / 10n);
    staking.change(ctx, v, alice, 100_000_000n);
    nextBlock(1001n);
    staking.slash(ctx, v, DECIMAL_ONE / 3n);
    staking.change(ctx, v, alice, -200_000_000n);
    expect(bank.balance(ctx, alice)).toBe(450n);
    expect(v.shares).toBe(0n);
    staking.remove(ctx, v);
    expect(bank.balance(ctx, accountOfOperator(v.operator))).toBe(50n);
    checkInvariant();
    expect([...ctx.branch.changes()].filter(({ value }) => value !== undefined).filter(({ key }) => key.includes(v.operator))).toEqual([]);
  });

  it('that is none, to a validator that is none, or a withdraw address that is a module’s is refused', () => {
    const v = staking.create(ctx, 'v', 0n);
    expect(() => keeper.withdrawRewards(ctx, alice, v.operator)).toThrow(/no delegation distribution info/);
    staking.all.clear();
    expect(() => keeper.withdrawRewards(ctx, alice, v.operator)).toThrow(/does not exist/);
    expect(() => keeper.setWithdrawAddress(ctx, alice, FEES)).toThrow(/is a module's account/);
    setUp({ params: { community_tax: '0.1', withdraw_addr_enabled: false } });
    expect(() => keeper.setWithdrawAddress(ctx, alice, bob)).toThrow(/set withdraw address disabled/);
  });
});

describe('the community pool', () => {
  it('is given to and spent from, no more than it has and to no module', () => {
    bank.mint(ctx, alice, 100n);
    keeper.fundPool(ctx, alice, 60n);
    expect(() => keeper.spendPool(ctx, bob, 61n)).toThrow(/does not have sufficient coins/);
    expect(() => keeper.spendPool(ctx, FEES, 1n)).toThrow(/not allowed to receive/);
    keeper.spendPool(ctx, bob, 60n);
    expect([bank.balance(ctx, bob), keeper.state.pool(ctx)]).toEqual([60n, 0n]);
    checkInvariant();
  });
});

describe('whatever happens', () => {
  it('outstanding rewards and pool are what the account holds, nobody is owed more, and an export is imported to the same', () => {
    const delegators = [alice, bob, testAccount('carol').address];
    const step = fc.oneof(
      fc.record({ kind: fc.constant('block' as const), fees: fc.bigInt(0n, 100_003n) }),
      fc.record({ kind: fc.constant('delegate' as const), v: fc.nat(2), d: fc.nat(2), tokens: fc.bigInt(1n, 10_000_000_007n) }),
      fc.record({ kind: fc.constant('undelegate' as const), v: fc.nat(2), d: fc.nat(2), tokens: fc.bigInt(1n, 10_000_000_007n) }),
      fc.record({ kind: fc.constant('slash' as const), v: fc.nat(2), fraction: fc.bigInt(1n, DECIMAL_ONE / 2n) }),
      fc.record({ kind: fc.constant('withdraw' as const), v: fc.nat(2), d: fc.nat(2) }),
      fc.record({ kind: fc.constant('commission' as const), v: fc.nat(2) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        setUp();
        const validators = ['v', 'w', 'x'].map((name, i) => staking.create(ctx, name, (DECIMAL_ONE * BigInt(i)) / 7n));
        for (const s of steps) {
          const v = 'v' in s ? (validators[s.v] as FakeValidator) : validators[0]!;
          const delegator = 'd' in s ? delegators[s.d]! : alice;
          const has = v.delegations.has(delegator);
          if (s.kind === 'block') nextBlock(s.fees);
          else if (s.kind === 'delegate' && (v.shares === 0n || v.tokens > 0n)) staking.change(ctx, v, delegator, s.tokens);
          else if (s.kind === 'undelegate' && has && v.tokens > 0n) staking.change(ctx, v, delegator, -s.tokens);
          else if (s.kind === 'slash' && v.tokens > 0n) staking.slash(ctx, v, s.fraction);
          else if (s.kind === 'withdraw' && has) keeper.withdrawRewards(ctx, delegator, v.operator);
          else if (s.kind === 'commission' && keeper.state.commission(ctx, v.operator) >= DECIMAL_ONE) keeper.withdrawCommission(ctx, v.operator);
          checkInvariant();
          for (const { operator, delegations } of validators) {
            const pending = [...delegations.keys()].reduce((sum, d) => sum + (keeper.pendingRewards(ctx, d, operator) ?? 0n), keeper.state.commission(ctx, operator));
            expect(pending).toBeLessThanOrEqual(keeper.state.outstanding(ctx, operator));
          }
        }
        const exported = distributionModule(keeper).exportGenesis?.(ctx);
        const [before, held] = [staking, bank.balance(ctx, keeper.address)];
        setUp();
        staking.all.clear();
        for (const [operator, v] of before.all) staking.all.set(operator, v);
        if (held > 0n) bank.mint(ctx, keeper.address, held);
        distributionModule(keeper).initGenesis(ctx, JSON.parse(JSON.stringify(exported)));
        expect(distributionModule(keeper).exportGenesis?.(ctx)).toEqual(exported);
        checkInvariant();
      }),
      { numRuns: 60 },
    );
  });
});

describe('genesis', () => {
  it('names what is wrong', () => {
    expect(() => setUp({ params: { community_tax: '1.1', withdraw_addr_enabled: true } })).toThrow(/app_state\.distribution\.params\.community_tax: expected a share of at most 1/);
    expect(() => setUp({ params: { community_tax: '0.3', bonus_proposer_reward: '0.1', withdraw_addr_enabled: true } })).toThrow(/bonus_proposer_reward: expected 0/);
    expect(() => setUp({ fee_pool: { community_pool: [{ denom: 'uremes', amount: '5' }] } })).toThrow(/expected 5\.0+ uremes for the distribution account remes\w+, got 0\.0/);
    expect(() => setUp({ nonsense: 1 })).toThrow(/app_state\.distribution/);
  });
});
