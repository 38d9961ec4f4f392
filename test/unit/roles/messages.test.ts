import { describe, expect, it } from 'vitest';

import { outgoing } from '../../../src/roles/messages.js';
import { Simulation } from '../../app/simulation.js';

/** Highest gas of each message in the first window of this many miners. */
async function gasOf(miners: number): Promise<Map<string, bigint>> {
  const sim = await Simulation.start({ miners, trainingChunks: miners, verifiers: 4 });
  const gas = new Map<string, bigint>();
  while (((await sim.window(1n))?.closedHeight ?? 0n) === 0n) {
    for (const result of (await sim.step()).results) {
      const action = result.events.find((e) => e.type === 'message')?.attributes['action'] ?? '';
      if (result.gasUsed > (gas.get(action) ?? 0n)) gas.set(action, result.gasUsed);
    }
  }
  expect(sim.failures).toEqual([]);
  await sim.chain.close();
  return gas;
}

const limitOf = (typeUrl: string, participants = 0): bigint =>
  outgoing({ typeUrl, value: { participants: Array.from({ length: participants }, (_, i) => BigInt(i)) } } as unknown as Parameters<typeof outgoing>[0]).gasLimit;

describe('gas limits of the roles', () => {
  it('are at least twice what messages use, in a window of any number of miners', async () => {
    const [few, many] = [await gasOf(3), await gasOf(60)];
    for (const gas of [few, many]) {
      expect([...gas.keys()].map((typeUrl) => typeUrl.split('.').at(-1)).sort()).toEqual(
        ['MsgAttestGradients', 'MsgCommitAggregation', 'MsgCommitReport', 'MsgRevealAggregation', 'MsgRevealReport', 'MsgSubmitGradient'].sort(),
      );
    }
    for (const [typeUrl, used] of few) expect(limitOf(typeUrl, 3)).toBeGreaterThan(2n * used);
    for (const [typeUrl, used] of many) expect(limitOf(typeUrl, 60)).toBeGreaterThan(2n * used);
    const reveal = '/remes.remes.v1.MsgRevealAggregation';
    const perParticipant = ((many.get(reveal) ?? 0n) - (few.get(reveal) ?? 0n)) / 57n;
    expect(limitOf(reveal, 2000) - limitOf(reveal, 0)).toBeGreaterThan(2n * 2000n * perParticipant);
  });
});
