import { describe, expect, it } from 'vitest';

import { makeKeys } from '../../../../src/cli/devnet/keys.js';
import { Names } from '../../../../src/cli/devnet/names.js';
import { readRound } from '../../../../src/cli/devnet/round.js';
import type { ChainQueries } from '../../../../src/client/index.js';
import { Case, Duty, DutyKind, DutyStatus, SubjectKind, Verdict } from '../../../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part, SlashRecord } from '../../../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardRecord } from '../../../../src/protocol/gen/remes/remes/v1/reward.js';
import { GradientStatus, StoredGradient } from '../../../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { Job, JobStatus, TrainingWindow, WindowOutcome } from '../../../../src/protocol/gen/remes/remes/v1/training_window.js';

const KEYS = makeKeys({ rounds: 1, miners: 2, cheaters: 1, proposers: 2, verifiers: 2, chunkTokens: 256, seed: 's' });
const at = Object.fromEntries(KEYS.accounts.map((a) => [a.name, a.address])) as Record<string, string>;
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const gradient = (id: bigint, miner: string, byte: number, status: GradientStatus, lossBits: number): StoredGradient =>
  StoredGradient.fromPartial({ id, windowId: 2n, miner: at[miner]!, payloadCid: `bafkreigradient${id}ofthatminer`, gradientHash: hash(byte), status, lossBits });
const report = (subjectKind: SubjectKind, subjectId: bigint, byte: number, changes: Partial<Duty> = {}): Duty =>
  Duty.fromPartial({ subjectKind, subjectId, windowId: 2n, kind: DutyKind.AUDIT, status: DutyStatus.REVEALED, reportHash: hash(byte), ...changes });
const reward = (name: string, part: Part, amount: number): RewardRecord => RewardRecord.fromPartial({ windowId: 2n, address: at[name]!, part, amount: String(amount) });

const CHAIN = {
  window: TrainingWindow.fromPartial({
    id: 2n,
    outcome: WindowOutcome.ACCEPTED,
    baseAdapterCid: 'bafkreibaseadapterofwindow',
    included: [4n, 5n],
    gradientCount: 2,
    proposers: [at['proposer-1']!, at['proposer-2']!],
    accepted: { adapterCid: 'bafkreinextadapterofwindow', resultHash: hash(9) },
  }),
  jobs: ['miner-1', 'cheater-1', 'miner-2'].map((name, index) => Job.fromPartial({ windowId: 2n, index, miner: at[name]!, status: name === 'miner-2' ? JobStatus.MISSED : JobStatus.SUBMITTED })),
  gradients: [gradient(4n, 'miner-1', 4, GradientStatus.FINALIZED, 0x40800000), gradient(5n, 'cheater-1', 5, GradientStatus.SLASHED, 0x40a00000)],
  duties: [
    report(SubjectKind.GRADIENT, 4n, 4),
    report(SubjectKind.GRADIENT, 4n, 4),
    report(SubjectKind.GRADIENT, 5n, 6),
    report(SubjectKind.GRADIENT, 5n, 5),
    // None of these is a finished audit of it.
    report(SubjectKind.GRADIENT, 4n, 7, { kind: DutyKind.LAYER2 }),
    report(SubjectKind.GRADIENT, 4n, 7, { status: DutyStatus.MISSED }),
    report(SubjectKind.AGGREGATION, 4n, 4),
    report(SubjectKind.AGGREGATION, 2n, 9),
  ],
  cases: [
    Case.fromPartial({ id: 1n, windowId: 2n, subjectKind: SubjectKind.GRADIENT, subjectId: 5n, verdict: Verdict.VALID }),
    Case.fromPartial({ id: 2n, windowId: 2n, subjectKind: SubjectKind.GRADIENT, subjectId: 5n, verdict: Verdict.INVALID }),
    Case.fromPartial({ id: 3n, windowId: 2n, subjectKind: SubjectKind.AGGREGATION, subjectId: 4n, verdict: Verdict.INVALID }),
  ],
  rewards: [reward('miner-1', Part.MINER, 1_500_000), reward('proposer-1', Part.PROPOSER, 200_000), reward('proposer-2', Part.PROPOSER, 100_000), reward('verifier-1', Part.VERIFIER, 50_000)],
  slashes: [
    SlashRecord.fromPartial({ address: at['cheater-1']!, amount: '500000000', windowId: 2n }),
    SlashRecord.fromPartial({ address: at['cheater-1']!, amount: '7', windowId: 1n }),
  ],
};

function queries(changes: Partial<Omit<typeof CHAIN, 'window'>> & { window?: TrainingWindow | undefined } = {}): ChainQueries {
  const chain = { ...CHAIN, ...changes };
  const answers = {
    window: () => Promise.resolve(chain.window),
    jobs: () => Promise.resolve(chain.jobs),
    gradients: () => Promise.resolve(chain.gradients),
    duties: () => Promise.resolve(chain.duties),
    cases: () => Promise.resolve(chain.cases),
    windowRewards: () => Promise.resolve(chain.rewards),
    slashes: () => Promise.resolve(chain.slashes),
  };
  return answers as unknown as ChainQueries;
}
const read = (changes: Parameters<typeof queries>[0] = {}) => readRound(queries(changes), 2n, new Names(KEYS));

describe('the table of a round', () => {
  it('has a line a job with what became of it, and what the others earned', async () => {
    const { text } = await read();
    expect(text.split('\n').map((line) => line.trimEnd().replaceAll(/ {2,}/g, ' | '))).toEqual([
      'round 2: accepted, 2 of 2 gradients included, adapter bafkreinextada…',
      'miner | gradient | hash | loss | state | audits | verdict | reward | slashed',
      'miner-1 | bafkreigradien… | 040404040404 | 4.0000 | finalized | 2 equal | 1.5 REMES',
      'cheater-1 | bafkreigradien… | 050505050505 | 5.0000 | slashed | 1 equal, 1 different | invalid | 0 REMES | 500 REMES',
      'miner-2 | - | - | - | missed | none | 0 REMES',
      'proposers proposer-1, proposer-2: 0.3 REMES; auditors: 0.05 REMES; aggregation recomputed: 1 equal',
    ]);
  });

  it('is the same for scripts', async () => {
    const { data, window } = await read();
    expect(window).toEqual(CHAIN.window);
    expect(data).toEqual({
      round: 2n,
      outcome: 'accepted',
      included: 2,
      submitted: 2,
      adapterCid: 'bafkreinextadapterofwindow',
      miners: [
        { name: 'miner-1', address: at['miner-1'], status: 'submitted', gradient: 4n, cid: CHAIN.gradients[0]!.payloadCid, hash: '04'.repeat(32), loss: 4, state: 'finalized', auditsEqual: 2, auditsDifferent: 0, verdict: '', reward: 1_500_000n, slashed: 0n },
        { name: 'cheater-1', address: at['cheater-1'], status: 'submitted', gradient: 5n, cid: CHAIN.gradients[1]!.payloadCid, hash: '05'.repeat(32), loss: 5, state: 'slashed', auditsEqual: 1, auditsDifferent: 1, verdict: 'invalid', reward: 0n, slashed: 500_000_000n },
        { name: 'miner-2', address: at['miner-2'], status: 'missed', reward: 0n, slashed: 0n },
      ],
      proposers: [
        { name: 'proposer-1', address: at['proposer-1'], reward: 200_000n },
        { name: 'proposer-2', address: at['proposer-2'], reward: 100_000n },
      ],
      auditorsReward: 50_000n,
      aggregationAudit: '1 equal',
    });
  });

  it('of a window without result shows the adapter that stays', async () => {
    const window = TrainingWindow.fromPartial({ ...CHAIN.window, outcome: WindowOutcome.NO_GRADIENTS, accepted: undefined, included: [], gradientCount: 0 });
    const { text, data } = await read({ window, gradients: [], duties: [], cases: [], rewards: [] });
    expect(text).toMatch(/^round 2: no gradients, 0 of 0 gradients included, adapter bafkreibaseada…\n/);
    expect(text).toMatch(/auditors: 0 REMES; aggregation recomputed: none$/);
    expect(data).toMatchObject({ outcome: 'no_gradients', adapterCid: 'bafkreibaseadapterofwindow' });
  });

  it('of a window that is not there is refused', async () => {
    await expect(read({ window: undefined })).rejects.toMatchObject({ code: 'UNKNOWN_WINDOW', message: 'the chain has no window 2' });
  });
});
