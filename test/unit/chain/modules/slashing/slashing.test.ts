import { describe, expect, it } from 'vitest';

import { misbehaviorOf, votesOf } from '../../../../../src/chain/app/commit-info.js';
import type { BlockMisbehavior, BlockVote } from '../../../../../src/chain/module.js';
import { exportSlashing, initSlashingGenesis } from '../../../../../src/chain/modules/slashing/genesis.js';
import { SlashingKeeper } from '../../../../../src/chain/modules/slashing/index.js';
import { decimalBytes, defaultSlashingParams } from '../../../../../src/chain/modules/slashing/params.js';
import { undelegate } from '../../../../../src/chain/modules/staking/moves.js';
import { parseDecimal } from '../../../../../src/protocol/decimal.js';
import { MisbehaviorType } from '../../../../../src/protocol/gen/tendermint/abci/types.js';
import { BlockIDFlag } from '../../../../../src/protocol/gen/tendermint/types/types.js';
import { DAY, REMES, StakingChain, type TestValidator, testValidator } from '../staking/kit.js';

const WINDOW = 10n;
const [A, B] = [testValidator('a'), testValidator('b')];

/** Two bonded validators of 100 REMES each; who misses more than half of ten blocks is jailed. */
function start(): { chain: StakingChain; slashing: SlashingKeeper; block: (absent?: readonly TestValidator[], misbehavior?: BlockMisbehavior[]) => void } {
  const chain = new StakingChain({ unbondingTime: { seconds: 21n * DAY, nanos: 0 } });
  const slashing = new SlashingKeeper(chain.staking);
  chain.staking.addHooks(slashing.hooks);
  slashing.state.setParams(chain.ctx, { ...defaultSlashingParams(), signedBlocksWindow: WINDOW, minSignedPerWindow: decimalBytes(parseDecimal('0.5')) });
  for (const one of [A, B]) {
    chain.fund(one.account, 1000n * REMES);
    chain.create(one, 100n * REMES);
  }
  chain.endBlock();
  const block = (absent: readonly TestValidator[] = [], misbehavior: BlockMisbehavior[] = []): void => {
    const votes: BlockVote[] = [A, B].map((one) => ({ address: one.consAddress, power: 100n, signed: !absent.includes(one) }));
    Object.assign(chain.ctx.block, { votes, misbehavior });
    slashing.beginBlock(chain.ctx);
    chain.endBlock();
  };
  return { chain, slashing, block };
}

const doubleSign = (chain: StakingChain, height = chain.ctx.block.height - 1n): BlockMisbehavior => ({
  address: A.consAddress,
  power: 100n,
  height,
  timeSeconds: chain.ctx.block.timeSeconds - 5n,
});
const tokens = (chain: StakingChain, one: TestValidator): string | undefined => chain.staking.validator(chain.ctx, one.operator)?.tokens;
const refusal = (act: () => void): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

describe('who is away', () => {
  it('is slashed 0.01 % and jailed after too many missed blocks, and comes back after ten minutes', () => {
    const { chain, slashing, block } = start();
    for (let i = 0n; i < WINDOW + 1n; i++) block();
    for (let i = 0; i < 5; i++) block([A]);
    expect(slashing.state.info(chain.ctx, A.consAddress)?.missedBlocksCounter).toBe(5n);
    expect(chain.staking.validator(chain.ctx, A.operator)?.jailed).toBe(false);
    block([A]);
    expect(chain.staking.validator(chain.ctx, A.operator)?.jailed).toBe(true);
    expect(tokens(chain, A)).toBe('99990000');
    expect(tokens(chain, B)).toBe('100000000');
    expect([...chain.engine.values()]).toEqual([100n]);
    expect(slashing.state.info(chain.ctx, A.consAddress)?.missedBlocksCounter).toBe(0n);
    expect(slashing.state.missedIndexes(chain.ctx, A.consAddress, WINDOW)).toEqual([]);

    expect(refusal(() => slashing.unjail(chain.ctx, A.operator))).toBe('STILL_JAILED');
    expect(refusal(() => slashing.unjail(chain.ctx, B.operator))).toBe('NOT_JAILED');
    expect(refusal(() => slashing.unjail(chain.ctx, testValidator('nobody').operator))).toBe('NO_VALIDATOR');
    chain.endBlock(601n);
    slashing.unjail(chain.ctx, A.operator);
    chain.endBlock();
    expect([...chain.engine.values()].sort()).toEqual([100n, 99n]);
  });

  it('is forgiven block by block, and writes nothing while it signs', () => {
    const { chain, slashing, block } = start();
    for (let i = 0; i < 4; i++) block([A]);
    expect(slashing.state.info(chain.ctx, A.consAddress)?.missedBlocksCounter).toBe(4n);
    for (let i = 0n; i < WINDOW; i++) block();
    expect(slashing.state.info(chain.ctx, A.consAddress)?.missedBlocksCounter).toBe(0n);
    let writes = 0;
    for (let i = 0n; i < WINDOW; i++) {
      const store = chain.ctx.store('slashing');
      const set = store.set.bind(store);
      store.set = (key, value) => {
        writes++;
        set(key, value);
      };
      block();
    }
    expect(writes).toBe(0);
  });

  it('cannot be unjailed with too little of its own', () => {
    const { chain, slashing } = start();
    const modest = testValidator('modest');
    chain.fund(modest.account, 100n * REMES);
    chain.create(modest, 100n * REMES, 50n * REMES);
    undelegate(chain.staking, chain.ctx, modest.account, modest.operator, 51n * REMES * 10n ** 18n);
    expect(chain.staking.validator(chain.ctx, modest.operator)?.jailed).toBe(true);
    expect(refusal(() => slashing.unjail(chain.ctx, modest.operator))).toBe('SELF_DELEGATION_TOO_LOW');
  });
});

describe('who signs twice', () => {
  it('loses 5 % once, also of what left since, is tombstoned and never returns', () => {
    const { chain, slashing, block } = start();
    const height = chain.ctx.block.height;
    undelegate(chain.staking, chain.ctx, A.account, A.operator, 40_000_000n * 10n ** 18n);
    chain.endBlock();
    block([], [doubleSign(chain, height)]);
    expect(tokens(chain, A)).toBe('57000000');
    expect(chain.staking.state.unbonding(chain.ctx, A.account, A.operator)?.entries[0]?.balance).toBe('38000000');
    expect(chain.bank.supply(chain.ctx)).toBe(1995n * REMES);
    expect(slashing.state.info(chain.ctx, A.consAddress)).toMatchObject({ tombstoned: true });
    expect(slashing.state.evidenceCount(chain.ctx)).toBe(1n);

    block([], [doubleSign(chain), doubleSign(chain)]);
    expect(tokens(chain, A)).toBe('57000000');
    chain.endBlock(30n * DAY);
    expect(refusal(() => slashing.unjail(chain.ctx, A.operator))).toBe('STILL_JAILED');
  });

  it('cannot come back as another validator with the same key', () => {
    const { chain, block } = start();
    block([], [doubleSign(chain)]);
    const shares = BigInt(chain.staking.delegation(chain.ctx, A.account, A.operator)?.shares ?? '');
    undelegate(chain.staking, chain.ctx, A.account, A.operator, shares);
    chain.endBlock(22n * DAY);
    chain.endBlock();
    expect(chain.staking.validator(chain.ctx, A.operator)).toBeUndefined();
    const other = testValidator('other');
    chain.fund(other.account, REMES);
    expect(refusal(() => chain.create({ ...other, consensusKey: A.consensusKey, consAddress: A.consAddress }, REMES))).toBe('TOMBSTONED_KEY');
  });

  it('is not slashed for a key that staking does not know, nor when it is unbonded', () => {
    const { chain, slashing } = start();
    Object.assign(chain.ctx.block, {
      votes: [{ address: new Uint8Array(20), power: 10n, signed: false }],
      misbehavior: [{ ...doubleSign(chain), address: new Uint8Array(20) }],
    });
    slashing.beginBlock(chain.ctx);
    expect(chain.bank.supply(chain.ctx)).toBe(2000n * REMES);
  });
});

describe('what the engine tells', () => {
  const validator = { address: A.consAddress, power: 7n };
  it('counts a vote for nil as a sign of life', () => {
    const flags = [BlockIDFlag.COMMIT, BlockIDFlag.NIL, BlockIDFlag.ABSENT, BlockIDFlag.UNKNOWN];
    const votes = votesOf({ round: 0, votes: flags.map((blockIdFlag) => ({ validator, blockIdFlag })) });
    expect(votes.map(({ signed }) => signed)).toEqual([true, true, false, false]);
    expect(votesOf(undefined)).toEqual([]);
  });

  it('drops evidence that is too old by blocks and by time, not by one alone', () => {
    const limits = { maxAgeNumBlocks: 100n, maxAgeDuration: { seconds: 1000n, nanos: 0 }, maxBytes: 0n };
    const at = (height: bigint, seconds: bigint) => [{ type: MisbehaviorType.DUPLICATE_VOTE, validator, height, time: { seconds, nanos: 0 }, totalVotingPower: 7n }];
    const now = { height: 500n, timeSeconds: 5000n };
    expect(misbehaviorOf(at(399n, 3999n), now, limits)).toEqual([]);
    expect(misbehaviorOf(at(400n, 3999n), now, limits)).toHaveLength(1);
    expect(misbehaviorOf(at(399n, 4000n), now, limits)).toEqual([{ address: A.consAddress, power: 7n, height: 399n, timeSeconds: 4000n }]);
    expect(misbehaviorOf(at(1n, 1n), now, undefined)).toHaveLength(1);
  });
});

describe('slashing in genesis', () => {
  it('is the same after an export and an import', () => {
    const { chain, slashing, block } = start();
    block([A, B], [doubleSign(chain)]);
    block([B]);
    const exported = exportSlashing(slashing, chain.ctx);
    const fresh = new StakingChain();
    const other = new SlashingKeeper(fresh.staking);
    Object.assign(fresh.ctx.block, { height: chain.ctx.block.height });
    initSlashingGenesis(other, fresh.ctx, JSON.parse(JSON.stringify(exported)));
    expect(exportSlashing(other, fresh.ctx)).toEqual(exported);
  });

  it.each([
    [{ params: { signed_blocks_window: '0' } }, /app_state\.slashing\.params\.min_signed_per_window/],
    [{ signing_infos: [{ address: 'x' }] }, /app_state\.slashing\.signing_infos\[0\]\.address/],
    [{ punishments: [] }, /punishments/],
  ])('names what is wrong: %j', (state, message) => {
    const { chain, slashing } = start();
    expect(() => initSlashingGenesis(slashing, chain.ctx, state)).toThrow(message);
  });
});
