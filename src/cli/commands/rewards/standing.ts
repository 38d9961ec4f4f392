/** A miner's history: what it was given, what was paid, and so its trust and success at any settlement. */
import type { ChainClient } from '../../../client/index.js';
import { type Case, CasePhase, SubjectKind, Verdict } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part, type SlashRecord } from '../../../protocol/gen/remes/remes/v1/node.js';
import { type RewardRecord, RewardStatus } from '../../../protocol/gen/remes/remes/v1/reward.js';
import { GradientStatus } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { type Job, JobStatus, type TrainingWindow, WindowPhase } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import type { MinerStanding } from './terms.js';

const INITIAL_TRUST_BPS = 5000;
const TRUST_GAIN_BPS = 100;
const MAX_TRUST_BPS = 10_000;

export interface MinerHistory {
  /** Windows in which it had a job. */
  readonly jobs: readonly { readonly job: Job; readonly window: TrainingWindow }[];
  /** All its records as a miner. */
  readonly records: readonly RewardRecord[];
  /** Its slashes for wrong gradients. */
  readonly faults: readonly SlashRecord[];
  /** Heights of its registrations after genesis. */
  readonly registeredHeights: readonly bigint[];
  readonly cases: readonly Case[];
}

/** Reads every window: two questions each. */
export async function readJobs(client: ChainClient, address: string): Promise<MinerHistory['jobs']> {
  const newest = (await client.queries.window())?.id ?? 0n;
  const jobs: { job: Job; window: TrainingWindow }[] = [];
  for (let id = 1n; id <= newest; id++) {
    const job = await client.queries.job(id, address);
    const window = job === undefined ? undefined : await client.queries.window(id);
    if (job !== undefined && window !== undefined) jobs.push({ job, window });
  }
  return jobs;
}

/** What counted for `record` when its window was settled at `height`. */
export function standingAt(history: MinerHistory, record: RewardRecord, height: bigint): MinerStanding {
  const since = history.registeredHeights.filter((h) => h <= height).reduce((last, h) => (h > last ? h : last), 0n);
  // A settlement comes last in its block: cases have closed, and windows have opened.
  const paid = history.records.filter((r) => r.status === RewardStatus.PAID && r.height > since && (r.height < height || (r.height === height && r.id < record.id)));
  const faults = history.faults.filter((f) => f.height > since && f.height <= height);
  const steps = [...faults.map((f) => ({ height: f.height, rank: 0, gain: false })), ...paid.map((p) => ({ height: p.height, rank: 1, gain: true }))];
  steps.sort((a, b) => (a.height === b.height ? a.rank - b.rank : a.height < b.height ? -1 : 1));
  const trustBps = steps.reduce((trust, { gain }) => (gain ? Math.min(trust + TRUST_GAIN_BPS, MAX_TRUST_BPS) : 0), INITIAL_TRUST_BPS);
  const challenged = history.cases.some(
    (c) => c.subjectKind === SubjectKind.GRADIENT && c.subjectId === record.gradientId && c.phase === CasePhase.CLOSED && c.verdict !== Verdict.VOID && c.closedHeight <= height,
  );
  const assigned = history.jobs.filter(({ window }) => window.openedHeight > since && window.openedHeight <= height).length;
  return { trustBps, finalized: BigInt(paid.length), assigned: BigInt(assigned), challenged };
}

export interface Unpaid {
  readonly windowId: bigint;
  /** 0 where nothing was submitted. */
  readonly gradientId: bigint;
  readonly why: string;
}

const WHY: Readonly<Partial<Record<GradientStatus, string>>> = {
  [GradientStatus.EXCLUDED]: 'left out: fewer than two thirds of the proposers could fetch the file and found it whole',
  [GradientStatus.SLASHED]: 'proved wrong: never paid, and a part of the stake was slashed',
};

/** Jobs without a reward record, each with its reason. */
export async function readUnpaid(client: ChainClient, history: MinerHistory): Promise<Unpaid[]> {
  const paid = new Set(history.records.filter((r) => r.part === Part.MINER).map((r) => r.gradientId));
  const unpaid: Unpaid[] = [];
  for (const { job, window } of history.jobs) {
    const windowId = window.id;
    if (job.status === JobStatus.MISSED) unpaid.push({ windowId, gradientId: 0n, why: 'missed: no gradient was in a block before the window stopped collecting' });
    if (job.status === JobStatus.ASSIGNED) unpaid.push({ windowId, gradientId: 0n, why: window.phase === WindowPhase.COLLECTING ? 'not submitted yet' : 'never submitted' });
    if (job.status !== JobStatus.SUBMITTED || paid.has(job.gradientId)) continue;
    const status = (await client.queries.gradient(job.gradientId))?.status ?? GradientStatus.UNSPECIFIED;
    const why = WHY[status] ?? (window.settled ? 'not included in what was accepted' : 'the window is not settled yet');
    unpaid.push({ windowId, gradientId: job.gradientId, why });
  }
  return unpaid;
}
