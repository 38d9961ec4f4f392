/** The formula of docs/protocol.md §7, term by term: what the record states beside what follows from the chain. Pure. */
import { auditorFace, minerFace, minerQualityBps, proposerFace, shareOut, windowBudget } from '../../../chain/modules/reward/emission.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { QueryGetParamsResponse } from '../../../protocol/gen/remes/remes/v1/query.js';
import { type RewardRecord, RewardStatus } from '../../../protocol/gen/remes/remes/v1/reward.js';
import type { TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { BASIS_POINTS } from '../../../protocol/params.js';
import { remes } from '../../devnet/names.js';

export interface Term {
  readonly name: string;
  readonly stated: bigint;
  readonly recomputed: bigint;
  readonly equal: boolean;
  /** The calculation in figures. */
  readonly how: string;
}

/** What the chain told of a settlement. */
export interface Settlement {
  readonly height: bigint;
  /** Block time in seconds. */
  readonly time: bigint;
  /** All that the window could mint, in uremes. */
  readonly budget: bigint;
}

/** What a miner had when a window was settled, read from its history. */
export interface MinerStanding {
  readonly trustBps: number;
  readonly finalized: bigint;
  readonly assigned: bigint;
  readonly challenged: boolean;
}

export interface Facts {
  readonly params: QueryGetParamsResponse;
  /** In seconds. */
  readonly genesisTime: bigint;
  readonly window: TrainingWindow;
  readonly settlement: Settlement;
  /** Records of the same window and part. */
  readonly peers: readonly RewardRecord[];
  /** What is left of allocation and supply cap now, in uremes. */
  readonly leftNow: bigint;
  /** For a miner. */
  readonly standing?: MinerStanding;
  /** For a proposer the participants, for a verifier the reports, found again. */
  readonly count: number;
}

export interface Explained {
  readonly terms: readonly Term[];
  readonly why: string;
  readonly equal: boolean;
}

function term(name: string, stated: bigint | number, recomputed: bigint | number, how: string): Term {
  const [a, b] = [BigInt(stated), BigInt(recomputed)];
  return { name, stated: a, recomputed: b, equal: a === b, how };
}

const share = (bps: number | bigint): string => (Number(bps) / 10_000).toFixed(4);

function minerTerms(record: RewardRecord, base: bigint, standing: MinerStanding): Term[] {
  const { trustBps, finalized, assigned, challenged } = standing;
  const done = finalized + 1n;
  const successBps = assigned <= done ? Number(BASIS_POINTS) : Number((done * BASIS_POINTS) / assigned);
  const qualityBps = minerQualityBps(trustBps, successBps, challenged);
  const unchallenged = challenged ? '0.05 (a case on it was decided)' : '0.1';
  return [
    term('trustBps', record.trustBps, trustBps, `trust after ${finalized} paid jobs: ${share(trustBps)}`),
    term('successBps', record.successBps, successBps, `${done} of ${assigned} jobs: ${share(successBps)}`),
    term('qualityBps', record.qualityBps, qualityBps, `q = 0.5 + 0.4·${share(trustBps)} + ${unchallenged} + 0.1·${share(successBps)} = ${share(qualityBps)}`),
    term('face', BigInt(record.face), minerFace(base, qualityBps), `${remes(base)} × (1 + ${share(qualityBps)})`),
  ];
}

function countedTerms(record: RewardRecord, base: bigint, count: number): Term[] {
  if (record.part === Part.PROPOSER) {
    return [
      term('count', record.count, count, `${count} participants`),
      term('face', BigInt(record.face), proposerFace(base, count), `${remes(base)} × (5 + ${count} ÷ 10)`),
    ];
  }
  return [
    term('count', record.count, count, `${count} reports that were not found lazy or false`),
    term('face', BigInt(record.face), auditorFace(base, count), `${remes(base)} × (0.3 + 0.05 × ${count})`),
  ];
}

function budgetTerms(record: RewardRecord, facts: Facts): Term[] {
  const { params, window, settlement, genesisTime, leftNow } = facts;
  const { reward, training, aggregation } = params;
  if (reward === undefined || training === undefined || aggregation === undefined) return [];
  const blocks = training.collectingBlocks + aggregation.attestingBlocks + aggregation.committingBlocks + aggregation.revealingBlocks;
  const nominalSeconds = (blocks * reward.nominalBlockMs) / 1000n;
  const isNextLater = window.nextOpenedTime === 0n || window.nextOpenedTime > settlement.time;
  const endTime = isNextLater ? settlement.time : window.nextOpenedTime;
  const passed = endTime - window.openedTime;
  const seconds = passed < nominalSeconds ? passed : nominalSeconds;
  const uncapped = windowBudget(reward, { genesisTime, openedTime: window.openedTime, endTime, nominalSeconds }, 0n, 0n);
  const isCapped = settlement.budget < uncapped && leftNow < uncapped;
  const how = `emission of ${seconds} s (${passed} s passed, at most ${nominalSeconds} s count)${isCapped ? ', capped by what was left to mint' : ''}`;
  const shares: Readonly<Partial<Record<Part, number>>> = { [Part.MINER]: reward.minerShareBps, [Part.PROPOSER]: reward.proposerShareBps, [Part.VERIFIER]: reward.auditorShareBps };
  const bps = shares[record.part] ?? 0;
  return [
    term('windowBudget', settlement.budget, isCapped ? settlement.budget : uncapped, how),
    term('budget', BigInt(record.budget), (settlement.budget * BigInt(bps)) / BASIS_POINTS, `${bps / 100} % of ${remes(settlement.budget)}, floored`),
  ];
}

function amountTerms(record: RewardRecord, peers: readonly RewardRecord[]): Term[] {
  const faces = peers.map((p) => BigInt(p.face));
  const faceTotal = faces.reduce((sum, face) => sum + face, 0n);
  const amount = shareOut(BigInt(record.budget), faces)[peers.findIndex((p) => p.id === record.id)] ?? 0n;
  const pro = `${remes(record.budget)} × ${remes(record.face)} ÷ ${remes(faceTotal)}`;
  return [
    term('faceTotal', BigInt(record.faceTotal), faceTotal, `sum of ${peers.length} face values`),
    term('amount', BigInt(record.amount), amount, `the smaller of ${pro}, floored, and the face value`),
  ];
}

function reason(record: RewardRecord): string {
  if (record.status === RewardStatus.FROZEN) return 'an open case holds it back: it is paid or lost when the case closes';
  if (record.status === RewardStatus.FORFEITED) return 'a case was lost: it was never paid';
  if (record.amount === record.face) return 'paid in full: the budget covers all face values';
  return 'the budget is smaller than all face values together: paid pro rata, floored to whole uremes';
}

/** Explains one reward record. */
export function explainRecord(record: RewardRecord, facts: Facts): Explained {
  const base = BigInt(facts.params.reward?.minerBase ?? '0');
  const own = facts.standing === undefined ? countedTerms(record, base, facts.count) : minerTerms(record, base, facts.standing);
  const terms = [...own, ...budgetTerms(record, facts), ...amountTerms(record, facts.peers)];
  return { terms, why: reason(record), equal: terms.every((t) => t.equal) };
}
