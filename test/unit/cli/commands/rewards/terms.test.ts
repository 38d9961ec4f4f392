import { describe, expect, it } from 'vitest';

import { type MinerHistory, standingAt } from '../../../../../src/cli/commands/rewards/standing.js';
import { explainRecord, type Facts } from '../../../../../src/cli/commands/rewards/terms.js';
import { Case, CasePhase, SubjectKind, Verdict } from '../../../../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part, SlashRecord } from '../../../../../src/protocol/gen/remes/remes/v1/node.js';
import { RewardRecord, RewardStatus } from '../../../../../src/protocol/gen/remes/remes/v1/reward.js';
import { Job, TrainingWindow } from '../../../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { profile } from '../../../../../src/protocol/params.js';

const params = profile('dev');

/** Ten seconds of the first year: 60,000,000 REMES × 10 ÷ 31,536,000, floored. */
const TEN_SECONDS = 19_025_875n;
const MINERS = 15_220_700n; // 80 %
const FACE = 3_700_000n; // 2 REMES × (1 + 0.85)

const record = RewardRecord.fromPartial({
  id: 1n,
  windowId: 1n,
  address: 'a',
  payoutAddress: 'a',
  part: Part.MINER,
  gradientId: 1n,
  trustBps: 5000,
  successBps: 5000,
  qualityBps: 8500,
  count: 1,
  face: FACE.toString(),
  faceTotal: (2n * FACE).toString(),
  budget: MINERS.toString(),
  amount: FACE.toString(),
  status: RewardStatus.PAID,
  height: 40n,
});

function facts(change: Partial<Facts> = {}): Facts {
  return {
    params,
    genesisTime: 1000n,
    window: TrainingWindow.fromPartial({ id: 1n, openedTime: 1000n, nextOpenedTime: 1010n }),
    settlement: { height: 40n, time: 1030n, budget: TEN_SECONDS },
    peers: [record, { ...record, id: 2n, address: 'b' }],
    leftNow: 10n ** 15n,
    standing: { trustBps: 5000, finalized: 0n, assigned: 2n, challenged: false },
    count: 1,
    ...change,
  };
}

const wrongOf = (explained: ReturnType<typeof explainRecord>): string[] => explained.terms.filter((t) => !t.equal).map((t) => t.name);

describe('terms of a reward', () => {
  it('are found again', () => {
    const explained = explainRecord(record, facts());
    expect(explained.terms.map((t) => t.name)).toEqual(['trustBps', 'successBps', 'qualityBps', 'face', 'windowBudget', 'budget', 'faceTotal', 'amount']);
    expect(wrongOf(explained)).toEqual([]);
    expect(explained).toMatchObject({ equal: true, why: 'paid in full: the budget covers all face values' });
  });

  it.each<[string, Partial<RewardRecord>, Partial<Facts>, string[]]>([
    ['another trust', { trustBps: 5100 }, {}, ['trustBps']],
    ['another success', { successBps: 10_000 }, {}, ['successBps']],
    ['another quality', { qualityBps: 9000 }, {}, ['qualityBps']],
    ['a face value that does not follow', { face: '1' }, {}, ['face', 'faceTotal', 'amount']],
    ['another budget', { budget: '1' }, {}, ['budget', 'amount']],
    ['one uremes too little', { amount: (FACE - 1n).toString() }, {}, ['amount']],
    ['a window that minted too much', {}, { settlement: { height: 40n, time: 1030n, budget: TEN_SECONDS + 1n } }, ['windowBudget']],
    ['a case that was decided', {}, { standing: { trustBps: 5000, finalized: 0n, assigned: 2n, challenged: true } }, ['qualityBps', 'face']],
  ])('differ for %s', (_, change, given, names) => {
    const changed = { ...record, ...change };
    const explained = explainRecord(changed, facts({ peers: [changed, { ...record, id: 2n, address: 'b' }], ...given }));
    expect(wrongOf(explained)).toEqual(names);
    expect(explained.equal).toBe(false);
  });

  it('count at most the nominal length of the phases, and up to the settlement where no window followed', () => {
    const nominal = (16n * 5000n) / 1000n; // 8 + 2 + 3 + 3 blocks
    const budget = (60_000_000_000_000n * nominal) / 31_536_000n;
    for (const nextOpenedTime of [0n, 5000n]) {
      const window = TrainingWindow.fromPartial({ id: 1n, openedTime: 1000n, nextOpenedTime });
      const explained = explainRecord(record, facts({ window, settlement: { height: 40n, time: 4000n, budget } }));
      expect(explained.terms.find((t) => t.name === 'windowBudget')).toMatchObject({ equal: true, how: 'emission of 80 s (3000 s passed, at most 80 s count)' });
    }
  });

  it('may be capped by what was left to mint, and only then', () => {
    const settlement = { height: 40n, time: 1030n, budget: 5n };
    expect(explainRecord(record, facts({ settlement })).terms.find((t) => t.name === 'windowBudget')?.equal).toBe(false);
    expect(explainRecord(record, facts({ settlement, leftNow: 0n })).terms.find((t) => t.name === 'windowBudget')?.equal).toBe(true);
  });

  it('of proposers and verifiers follow from what they did', () => {
    const proposer = { ...record, part: Part.PROPOSER, count: 4, face: '10800000', faceTotal: '10800000', budget: '1902587', amount: '1902587' };
    const { params: own, genesisTime, window, settlement, leftNow } = facts();
    const others: Facts = { params: own, genesisTime, window, settlement, leftNow, peers: [proposer], count: 4 };
    expect(explainRecord(proposer, others)).toMatchObject({ equal: true, why: expect.stringContaining('paid pro rata') as string });
    expect(wrongOf(explainRecord(proposer, { ...others, count: 3 }))).toEqual(['count', 'face']);
    const verifier = { ...record, part: Part.VERIFIER, count: 2, face: '800000', faceTotal: '800000', budget: '1902587', amount: '800000', status: RewardStatus.FROZEN };
    const frozen = explainRecord(verifier, { ...others, peers: [verifier], count: 2 });
    expect(frozen).toMatchObject({ equal: true, why: expect.stringContaining('an open case holds it back') as string });
  });
});

describe('the standing of a miner', () => {
  const job = (id: bigint, openedHeight: bigint) => ({ job: Job.fromPartial({ windowId: id }), window: TrainingWindow.fromPartial({ id, openedHeight }) });
  const paid = (id: bigint, height: bigint) => RewardRecord.fromPartial({ id, part: Part.MINER, status: RewardStatus.PAID, height, gradientId: id });
  const history: MinerHistory = {
    jobs: [job(1n, 1n), job(2n, 20n), job(3n, 40n), job(4n, 60n)],
    records: [paid(1n, 30n), paid(2n, 50n), paid(3n, 70n)],
    faults: [],
    registeredHeights: [],
    cases: [],
  };

  it('grows with every job that was paid before', () => {
    expect(standingAt(history, paid(1n, 30n), 30n)).toEqual({ trustBps: 5000, finalized: 0n, assigned: 2n, challenged: false });
    expect(standingAt(history, paid(3n, 70n), 70n)).toEqual({ trustBps: 5200, finalized: 2n, assigned: 4n, challenged: false });
  });

  it('starts anew after a proved fault and after another registration', () => {
    const fault = SlashRecord.fromPartial({ reason: 'wrong_gradient', height: 45n });
    expect(standingAt({ ...history, faults: [fault] }, paid(3n, 70n), 70n).trustBps).toBe(100);
    expect(standingAt({ ...history, registeredHeights: [55n] }, paid(3n, 70n), 70n)).toMatchObject({ trustBps: 5000, finalized: 0n, assigned: 1n });
  });

  it('knows of cases that were decided in time, and of no others', () => {
    const decided = Case.fromPartial({ subjectKind: SubjectKind.GRADIENT, subjectId: 3n, phase: CasePhase.CLOSED, verdict: Verdict.VALID, closedHeight: 65n });
    const at = (c: Case): boolean => standingAt({ ...history, cases: [c] }, paid(3n, 70n), 70n).challenged;
    expect(at(decided)).toBe(true);
    expect(at({ ...decided, verdict: Verdict.VOID })).toBe(false);
    expect(at({ ...decided, closedHeight: 71n })).toBe(false);
    expect(at({ ...decided, subjectId: 2n })).toBe(false);
  });
});
