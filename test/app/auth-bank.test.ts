import { describe, expect, it } from 'vitest';

import { moduleAddress } from '../../src/protocol/address.js';
import { TestChain, msgSend, testAccount } from './harness.js';

const alice = testAccount('alice');
const bob = testAccount('bob');

describe('a chain of accounts and coins', () => {
  it('moves coins, takes the fee and counts the sequence', async () => {
    const chain = await TestChain.start({ balances: { alice: 10_000_000n }, onDisk: true });
    const result = await chain.deliver(alice, [msgSend(alice.address, bob.address, 1_000n)]);
    expect(result).toMatchObject({ code: 0, log: '', gasWanted: 1_000_000n });
    expect(await chain.balance(bob.address)).toBe(1_000n);
    expect(await chain.balance(alice.address)).toBe(10_000_000n - 1_000n - 2_500n);
    expect(await chain.balance(moduleAddress('fee_collector'))).toBe(2_500n);
    expect(await chain.supply()).toBe(10_000_000n);
    expect(await chain.accountState(alice.address)).toMatchObject({ sequence: 1n, accountNumber: 0n });
    await chain.restart();
    expect((await chain.deliver(bob, [msgSend(bob.address, alice.address, 1n)], { gas: 100_000n, fee: 250n })).code).toBe(0);
    await chain.replay();
    await chain.close();
  });
});
