import { describe, expect, it } from 'vitest';

import { checkBooks, replayMoney } from '../../../../src/cli/devnet/books.js';
import type { DevnetChain } from '../../../../src/cli/devnet/chain.js';
import type { ChainQueries } from '../../../../src/client/index.js';
import { moduleAddress } from '../../../../src/protocol/address.js';
import { Part, Registration } from '../../../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardRecord, RewardStatus } from '../../../../src/protocol/gen/remes/remes/v1/reward.js';
import { Ledger, type MoneyEvent } from '../../../../src/protocol/ledger.js';

const ESCROW = moduleAddress('node');
const FEES = moduleAddress('fee_collector');
const GENESIS = { miner: 1000n, verifier: 500n, rich: 8000n, [ESCROW]: 500n };
const SUPPLY = 10_000n;

const event = (type: string, attributes: Record<string, string>): MoneyEvent => ({ type, attributes: Object.entries(attributes).map(([key, value]) => ({ key, value })) });
const transfer = (sender: string, recipient: string, amount: bigint): MoneyEvent => event('transfer', { sender, recipient, amount: `${amount}uremes` });

/** Fees, a stake that grows, a slash that is burned, and pay. */
const EVENTS: readonly MoneyEvent[] = [
  transfer('miner', FEES, 10n),
  transfer('miner', ESCROW, 200n),
  event('burn', { burner: ESCROW, amount: '50uremes' }),
  event('coinbase', { minter: 'miner', amount: '70uremes' }),
  event('coinbase', { minter: 'verifier', amount: '30uremes' }),
  event('message', { action: 'something else' }),
];

interface Bank {
  balances: Record<string, bigint>;
  supply: bigint;
  stakes: [Part, string, bigint][];
  rewards: [string, RewardStatus, bigint][];
}
const bank = (): Bank => ({
  balances: { miner: 860n, verifier: 530n, rich: 8000n, [ESCROW]: 650n, [FEES]: 10n },
  supply: SUPPLY + 100n - 50n,
  stakes: [
    [Part.MINER, 'miner', 450n],
    [Part.VERIFIER, 'verifier', 200n],
  ],
  rewards: [
    ['miner', RewardStatus.PAID, 40n],
    ['miner', RewardStatus.PAID, 30n],
    ['miner', RewardStatus.FORFEITED, 99n],
    ['verifier', RewardStatus.PAID, 30n],
  ],
});

function queries(b: Bank): ChainQueries {
  const answers = {
    balance: (address: string) => Promise.resolve(b.balances[address] ?? 0n),
    supply: () => Promise.resolve(b.supply),
    registrations: (part: Part) => Promise.resolve(b.stakes.filter(([p]) => p === part).map(([, address, stake]) => Registration.fromPartial({ part, address, stake: String(stake) }))),
    rewards: (address: string) => Promise.resolve(b.rewards.filter(([a]) => a === address).map(([, status, amount]) => RewardRecord.fromPartial({ address, status, amount: String(amount) }))),
  };
  return answers as unknown as ChainQueries;
}
function ledger(events: readonly MoneyEvent[] = EVENTS): Ledger {
  const l = new Ledger(Object.entries(GENESIS));
  for (const e of events) l.apply(e);
  return l;
}

describe('the books', () => {
  it('balance where every coin is where its events say', async () => {
    expect(await checkBooks(queries(bank()), ledger(), SUPPLY)).toEqual({ isReconciled: true, differences: [] });
  });

  it.each<[string, (b: Bank) => void, string[]]>([
    ['a uremes too much', (b) => (b.balances['rich'] = 8001n), ['balance of rich: expected 8000 uremes, got 8001']],
    ['a uremes too few', (b) => (b.balances['miner'] = 859n), ['balance of miner: expected 860 uremes, got 859']],
    ['a supply that was raised', (b) => (b.supply += 1n), ['sum of balances: expected 10051 uremes, got 10050', 'supply: expected 10050 uremes, got 10051']],
    ['a stake that nobody paid', (b) => (b.stakes[0] = [Part.MINER, 'miner', 451n]), ['stake escrow: expected 651 uremes, got 650']],
    ['a stake that was lost', (b) => b.stakes.pop(), ['stake escrow: expected 450 uremes, got 650', 'minted: expected 70 uremes, got 100']],
    ['pay without a record', (b) => b.rewards.shift(), ['rewards of miner: expected 30 uremes, got 70', 'minted: expected 60 uremes, got 100']],
    ['a record that was not paid', (b) => b.rewards.push(['verifier', RewardStatus.PAID, 5n]), ['rewards of verifier: expected 35 uremes, got 30', 'minted: expected 105 uremes, got 100']],
  ])('do not balance with %s', async (_what, edit, differences) => {
    const wrong = bank();
    edit(wrong);
    const books = await checkBooks(queries(wrong), ledger(), SUPPLY);
    expect(books.isReconciled).toBe(false);
    expect([...books.differences].sort()).toEqual([...differences].sort());
  });

  it('do not balance where an event is missing', async () => {
    for (const [i, missing] of EVENTS.entries()) {
      if (missing.type === 'message') continue;
      const { isReconciled } = await checkBooks(queries(bank()), ledger(EVENTS.filter((_, at) => at !== i)), SUPPLY);
      expect([missing.type, isReconciled]).toEqual([missing.type, false]);
    }
  });
});

describe('the replay of all blocks', () => {
  it('takes genesis balances, then the events of transactions and blocks', async () => {
    const blocks = new Map([
      [1n, { txResults: [{ events: EVENTS.slice(0, 2) }], events: [EVENTS[2]] }],
      [2n, { txResults: [], events: [] }],
      [3n, { txResults: [], events: EVENTS.slice(3) }],
      [4n, { txResults: [], events: EVENTS }],
    ]);
    const balances = Object.entries(GENESIS).map(([address, amount]) => ({ address, coins: [{ amount: String(amount) }] }));
    balances.push({ address: 'poor', coins: [] });
    const chain = { genesis: { initialHeight: 1n, appState: { bank: { balances } } }, results: (h: bigint) => Promise.resolve(blocks.get(h)) };
    const replayed = await replayMoney(chain as unknown as DevnetChain, 3n);
    for (const address of [...ledger().addresses, 'poor']) expect([address, replayed.balance(address)]).toEqual([address, ledger().balance(address)]);
    expect({ minted: replayed.minted, burned: replayed.burned, supply: replayed.supply }).toEqual({ minted: 100n, burned: 50n, supply: 10_050n });
  });
});
