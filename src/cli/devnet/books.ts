import type { ChainQueries } from '../../client/index.js';
import { moduleAddress } from '../../protocol/address.js';
import { Part } from '../../protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../protocol/gen/remes/remes/v1/reward.js';
import { Ledger } from '../../protocol/ledger.js';
import { STAKE_ESCROW } from '../../chain/app/modules.js';
import { z } from 'zod';

import type { DevnetChain } from './chain.js';

const bankState = z.object({ bank: z.object({ balances: z.array(z.object({ address: z.string(), coins: z.array(z.object({ amount: z.string() })) })) }) });

/** Replays the money of all blocks up to a height. */
export async function replayMoney(chain: Pick<DevnetChain, 'genesis' | 'results'>, height: bigint): Promise<Ledger> {
  const { bank } = bankState.parse(chain.genesis.appState);
  const ledger = new Ledger(bank.balances.map(({ address, coins }) => [address, BigInt(coins[0]?.amount ?? '0')] as const));
  for (let at = chain.genesis.initialHeight; at <= height; at++) {
    const results = await chain.results(at);
    for (const tx of results.txResults) for (const event of tx.events) ledger.apply(event);
    for (const event of results.events) ledger.apply(event);
  }
  return ledger;
}

export interface Books {
  readonly isReconciled: boolean;
  /** What does not add up; empty where all does. */
  readonly differences: readonly string[];
}

/**
 * Holds the bank against the ledger that events give (every account), the supply against genesis + minted − burned, the
 * escrow against the stakes, and what was minted against the sum of all paid reward records.
 */
export async function checkBooks(queries: ChainQueries, ledger: Ledger, genesisSupply: bigint): Promise<Books> {
  const differences: string[] = [];
  const expect = (what: string, seen: bigint, expected: bigint): void => {
    if (seen !== expected) differences.push(`${what}: expected ${expected} uremes, got ${seen}`);
  };
  for (const address of ledger.addresses) expect(`balance of ${address}`, await queries.balance(address), ledger.balance(address));
  const supply = await queries.supply();
  expect('sum of balances', ledger.supply, supply);
  expect('supply', supply, genesisSupply + ledger.minted - ledger.burned);

  let stakes = 0n;
  const addresses = new Set<string>();
  for (const part of [Part.MINER, Part.PROPOSER, Part.VERIFIER]) {
    for (const r of await queries.registrations(part)) {
      stakes += BigInt(r.stake);
      addresses.add(r.address);
    }
  }
  expect('stake escrow', await queries.balance(moduleAddress(STAKE_ESCROW)), stakes);

  let paid = 0n;
  for (const address of addresses) {
    const records = await queries.rewards(address);
    const own = records.filter((r) => r.status === RewardStatus.PAID).reduce((sum, r) => sum + BigInt(r.amount), 0n);
    expect(`rewards of ${address}`, ledger.flow(address, 'rewards'), own);
    paid += own;
  }
  expect('minted', ledger.minted, paid);
  return { isReconciled: differences.length === 0, differences };
}
