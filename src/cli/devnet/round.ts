import type { ChainQueries } from '../../client/index.js';
import { toHex } from '../../protocol/bytes.js';
import { DutyKind, DutyStatus, SubjectKind, Verdict, type Case, type Duty } from '../../protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../protocol/gen/remes/remes/v1/node.js';
import { GradientStatus, type StoredGradient } from '../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { JobStatus, WindowOutcome, type TrainingWindow } from '../../protocol/gen/remes/remes/v1/training_window.js';
import { R3mesError } from '../../protocol/errors.js';
import { fromFloatBits } from '../../roles/assets.js';
import { table } from '../frame/table.js';
import type { JsonObject } from '../frame/json.js';
import { remes, short, type Names } from './names.js';

/** What became of one round, from the chain alone. */
export interface Round {
  readonly window: TrainingWindow;
  readonly data: JsonObject;
  /** For people. */
  readonly text: string;
}

interface Reports {
  readonly equal: number;
  readonly different: number;
}

function reportsOn(duties: readonly Duty[], kind: SubjectKind, id: bigint, hash: Uint8Array): Reports {
  const done = duties.filter((d) => d.subjectKind === kind && d.subjectId === id && d.status === DutyStatus.REVEALED && d.kind === DutyKind.AUDIT);
  const equal = done.filter((d) => toHex(d.reportHash) === toHex(hash)).length;
  return { equal, different: done.length - equal };
}

function verdictOn(cases: readonly Case[], kind: SubjectKind, id: bigint): string {
  const last = cases.filter((c) => c.subjectKind === kind && c.subjectId === id).at(-1);
  return last === undefined ? '' : Verdict[last.verdict].toLowerCase();
}

function describe(reports: Reports): string {
  if (reports.equal + reports.different === 0) return 'none';
  return [reports.equal > 0 ? `${reports.equal} equal` : '', reports.different > 0 ? `${reports.different} different` : ''].filter((t) => t !== '').join(', ');
}

/** Reads a settled window and everything that belongs to it. */
export async function readRound(queries: ChainQueries, windowId: bigint, names: Names): Promise<Round> {
  const window = await queries.window(windowId);
  if (window === undefined) throw new R3mesError({ code: 'UNKNOWN_WINDOW', message: `the chain has no window ${windowId}` });
  const [jobs, gradients, duties, cases, rewards, slashes] = await Promise.all([
    queries.jobs(windowId),
    queries.gradients(windowId),
    queries.duties(windowId),
    queries.cases(windowId),
    queries.windowRewards(windowId),
    queries.slashes(),
  ]);
  const rewardOf = (address: string): bigint => rewards.filter((r) => r.address === address).reduce((sum, r) => sum + BigInt(r.amount), 0n);
  const slashOf = (address: string): bigint =>
    slashes.filter((s) => s.address === address && s.windowId === windowId).reduce((sum, s) => sum + BigInt(s.amount), 0n);
  const byMiner = new Map(gradients.map((g) => [g.miner, g]));

  const minerData = jobs.map((job) => {
    const g = byMiner.get(job.miner);
    return { name: names.of(job.miner), address: job.miner, status: JobStatus[job.status].toLowerCase(), ...gradientData(g, duties, cases), reward: rewardOf(job.miner), slashed: slashOf(job.miner) };
  });
  const rows = jobs.map((job) => {
    const g = byMiner.get(job.miner);
    const audits = g === undefined ? 'none' : describe(reportsOn(duties, SubjectKind.GRADIENT, g.id, g.gradientHash));
    return [
      names.of(job.miner),
      g === undefined ? '-' : short(g.payloadCid),
      g === undefined ? '-' : toHex(g.gradientHash).slice(0, 12),
      g === undefined ? '-' : fromFloatBits(g.lossBits).toFixed(4),
      g === undefined ? 'missed' : GradientStatus[g.status].toLowerCase(),
      audits,
      g === undefined ? '' : verdictOn(cases, SubjectKind.GRADIENT, g.id),
      remes(rewardOf(job.miner)),
      slashOf(job.miner) === 0n ? '' : remes(slashOf(job.miner)),
    ];
  });
  const accepted = window.accepted?.resultHash ?? new Uint8Array();
  const others = rewards.filter((r) => r.part !== Part.MINER);
  const sum = (part: Part): bigint => others.filter((r) => r.part === part).reduce((total, r) => total + BigInt(r.amount), 0n);
  const check = describe(reportsOn(duties, SubjectKind.AGGREGATION, windowId, accepted));
  const outcome = WindowOutcome[window.outcome].toLowerCase();
  const text = [
    `round ${windowId}: ${outcome.replaceAll('_', ' ')}, ${window.included.length} of ${window.gradientCount} gradients included, adapter ${short(window.accepted?.adapterCid ?? window.baseAdapterCid)}`,
    table(['miner', 'gradient', 'hash', 'loss', 'state', 'audits', 'verdict', 'reward', 'slashed'], rows, [3]),
    `proposers ${window.proposers.map((p) => names.of(p)).join(', ')}: ${remes(sum(Part.PROPOSER))}; auditors: ${remes(sum(Part.VERIFIER))}; aggregation recomputed: ${check}`,
  ].join('\n');
  const data = {
    round: windowId,
    outcome,
    included: window.included.length,
    submitted: window.gradientCount,
    adapterCid: window.accepted?.adapterCid ?? window.baseAdapterCid,
    miners: minerData,
    proposers: window.proposers.map((p) => ({ name: names.of(p), address: p, reward: rewardOf(p) })),
    auditorsReward: sum(Part.VERIFIER),
    aggregationAudit: check,
  };
  return { window, data, text };
}

function gradientData(g: StoredGradient | undefined, duties: readonly Duty[], cases: readonly Case[]): JsonObject {
  if (g === undefined) return {};
  const reports = reportsOn(duties, SubjectKind.GRADIENT, g.id, g.gradientHash);
  return {
    gradient: g.id,
    cid: g.payloadCid,
    hash: toHex(g.gradientHash),
    loss: fromFloatBits(g.lossBits),
    state: GradientStatus[g.status].toLowerCase(),
    auditsEqual: reports.equal,
    auditsDifferent: reports.different,
    verdict: verdictOn(cases, SubjectKind.GRADIENT, g.id),
  };
}
