import { describe, expect, it } from 'vitest';

import { cancelUnbonding, redelegate, sharesToUnbond, undelegate } from '../../../../../src/chain/modules/staking/moves.js';
import { potentialPower, tokensOf } from '../../../../../src/chain/modules/staking/shares.js';
import { consensusKeyOf } from '../../../../../src/chain/modules/staking/state.js';
import { exportStaking, initStakingGenesis } from '../../../../../src/chain/modules/staking/genesis.js';
import { moduleAddress } from '../../../../../src/protocol/address.js';
import { toHex } from '../../../../../src/protocol/bytes.js';
import { DECIMAL_ONE } from '../../../../../src/protocol/decimal.js';
import { BondStatus } from '../../../../../src/protocol/gen/cosmos/staking/v1beta1/staking.js';
import { DAY, REMES, StakingChain, testAddress, testValidator } from './kit.js';

/** Small, known numbers from a seed: a run can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const VALIDATORS = Array.from({ length: 8 }, (_, i) => testValidator(`validator ${i}`));
const ACCOUNTS = [...VALIDATORS.map(({ account }) => account), ...Array.from({ length: 8 }, (_, i) => testAddress(`delegator ${i}`))];
const MAX_VALIDATORS = 4;
const FUNDS = 1_000n * REMES;

function supplyOf(chain: StakingChain): bigint {
  const holders = [...ACCOUNTS, moduleAddress('bonded_tokens_pool'), moduleAddress('not_bonded_tokens_pool')];
  return holders.reduce((sum, address) => sum + chain.bank.balance(chain.ctx, address), 0n);
}

/** The engine's set is the most powerful of those who may be bonded, found the slow way. */
function checkSet(chain: StakingChain): void {
  const candidates = chain.staking.validators(chain.ctx).filter((one) => !one.jailed && potentialPower(one) > 0n);
  const ranked = candidates.sort((a, b) =>
    potentialPower(a) === potentialPower(b) ? (a.operatorAddress < b.operatorAddress ? -1 : 1) : Number(potentialPower(b) - potentialPower(a)),
  );
  const expected = ranked.slice(0, MAX_VALIDATORS).map((one): [string, bigint] => [toHex(consensusKeyOf(one)), potentialPower(one)]);
  expect([...chain.engine].sort()).toEqual(expected.sort());
  for (const one of chain.staking.validators(chain.ctx)) {
    expect(one.status === BondStatus.BONDED).toBe(chain.engine.has(toHex(consensusKeyOf(one))));
  }
}

function run(seed: number, operations: number): { chain: StakingChain; done: Map<string, number> } {
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const chain = new StakingChain({ maxValidators: MAX_VALIDATORS, unbondingTime: { seconds: DAY, nanos: 0 }, historicalEntries: 5 });
  for (const account of ACCOUNTS) chain.fund(account, FUNDS);
  const { staking } = chain;
  const done = new Map<string, number>();
  const amount = (): bigint => BigInt(1 + random(20_000_000));
  const acts: Record<string, () => boolean> = {
    create: () => {
      const validator = pick(VALIDATORS);
      return chain.attempt((ctx) => {
        const before = chain.ctx;
        chain.ctx = ctx;
        try {
          chain.create(validator, amount(), BigInt(1 + random(1_000_000)));
        } finally {
          chain.ctx = before;
        }
      });
    },
    delegate: () => {
      const account = pick(ACCOUNTS);
      return chain.attempt((ctx) => staking.delegate(ctx, account, pick(VALIDATORS).operator, amount(), account));
    },
    undelegate: () => {
      const [account, { operator }] = [pick(ACCOUNTS), pick(VALIDATORS)];
      return chain.attempt((ctx) => undelegate(staking, ctx, account, operator, sharesToUnbond(staking, ctx, account, operator, amount())));
    },
    undelegateAll: () => {
      const [account, { operator }] = [pick(ACCOUNTS), pick(VALIDATORS)];
      const shares = BigInt(staking.delegation(chain.ctx, account, operator)?.shares ?? '1');
      return chain.attempt((ctx) => undelegate(staking, ctx, account, operator, shares));
    },
    redelegate: () => {
      const [account, source, target] = [pick(ACCOUNTS), pick(VALIDATORS).operator, pick(VALIDATORS).operator];
      return chain.attempt((ctx) => redelegate(staking, ctx, account, source, target, sharesToUnbond(staking, ctx, account, source, amount())));
    },
    cancel: () => {
      const all = staking.state.unbondings(chain.ctx);
      if (all.length === 0) return false;
      const { delegatorAddress, validatorAddress, entries } = pick(all);
      const { creationHeight, balance } = pick(entries);
      const tokens = random(2) === 0 && balance !== '0' ? BigInt(balance) : amount();
      return chain.attempt((ctx) => cancelUnbonding(staking, ctx, delegatorAddress, validatorAddress, tokens, creationHeight));
    },
    slash: () => {
      const { consAddress } = pick(VALIDATORS);
      const validator = staking.validatorByConsAddress(chain.ctx, consAddress);
      if (validator === undefined) return false;
      const height = chain.ctx.block.height - BigInt(random(30));
      const fraction = DECIMAL_ONE / BigInt([1, 2, 20, 10_000][random(4)] ?? 1);
      return staking.slash(chain.ctx, consAddress, height < 1n ? 1n : height, tokensOf(validator) / REMES + BigInt(random(3)), fraction) > 0n;
    },
    jail: () => {
      staking.jail(chain.ctx, pick(VALIDATORS).consAddress);
      return true;
    },
    unjail: () => {
      staking.unjail(chain.ctx, pick(VALIDATORS).consAddress);
      return true;
    },
  };
  const names = ['create', 'delegate', 'delegate', 'delegate', 'undelegate', 'undelegate', 'undelegateAll', 'redelegate', 'redelegate', 'cancel', 'slash', 'jail', 'unjail', 'unjail'];
  for (let i = 0; i < operations; i++) {
    const name = pick(names);
    if (acts[name]?.() === true) done.set(name, (done.get(name) ?? 0) + 1);
    if (random(3) === 0) {
      chain.endBlock(BigInt(random(7200)));
      checkSet(chain);
      // Slashes burn; everything else only moves.
      expect(supplyOf(chain)).toBe(chain.bank.supply(chain.ctx));
    }
  }
  chain.endBlock();
  return { chain, done };
}

describe('staking under random operations', () => {
  it.each([1, 2, 3])('keeps pools, shares and the validator set in step (seed %i, 2000 operations)', (seed) => {
    const { done } = run(seed, 2000);
    for (const name of ['create', 'delegate', 'undelegate', 'undelegateAll', 'redelegate', 'cancel', 'slash']) {
      expect(done.get(name) ?? 0, `${name} was never done`).toBeGreaterThan(5);
    }
  });

  it('pays everything out when everybody leaves', () => {
    const { chain } = run(4, 500);
    const { staking } = chain;
    for (const { operatorAddress } of staking.validators(chain.ctx)) {
      for (const { delegatorAddress, shares } of staking.delegationsTo(chain.ctx, operatorAddress)) {
        while (!chain.attempt((ctx) => undelegate(staking, ctx, delegatorAddress, operatorAddress, BigInt(shares)))) chain.endBlock(DAY);
      }
    }
    chain.endBlock(2n * DAY);
    chain.endBlock(2n * DAY);
    chain.endBlock();
    expect(staking.validators(chain.ctx)).toEqual([]);
    expect(staking.state.unbondings(chain.ctx)).toEqual([]);
    expect(staking.state.redelegations(chain.ctx)).toEqual([]);
    expect(chain.bank.balance(chain.ctx, moduleAddress('bonded_tokens_pool'))).toBe(0n);
    expect(chain.bank.balance(chain.ctx, moduleAddress('not_bonded_tokens_pool'))).toBe(0n);
    expect(chain.engine.size).toBe(0);
  });

  it('is the same after an export and an import', () => {
    const { chain } = run(5, 800);
    const exported = exportStaking(chain.staking, chain.ctx);
    const again = new StakingChain();
    for (const pool of ['bonded_tokens_pool', 'not_bonded_tokens_pool'].map(moduleAddress)) {
      const amount = chain.bank.balance(chain.ctx, pool);
      if (amount > 0n) again.fund(pool, amount);
    }
    initStakingGenesis(again.staking, again.ctx, JSON.parse(JSON.stringify(exported)));
    again.endBlock();
    expect([...again.engine].sort()).toEqual([...chain.engine].sort());
    const { last_validator_powers: powers, ...rest } = exportStaking(again.staking, again.ctx);
    const { last_validator_powers: powersBefore, ...restBefore } = exported;
    expect(powers).toEqual(powersBefore);
    expect(rest).toEqual(restBefore);
  });
});
