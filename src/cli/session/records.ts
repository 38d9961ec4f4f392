/** Records of the chain as `--json` gives them: camelCase, enums by their lower-case names, losses as numbers. */
import * as challenge from '../../protocol/gen/remes/remes/v1/challenge.js';
import type { Dataset } from '../../protocol/gen/remes/remes/v1/dataset.js';
import { DatasetStatus } from '../../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../../protocol/gen/remes/remes/v1/model.js';
import * as node from '../../protocol/gen/remes/remes/v1/node.js';
import type { QueryGetAggregationResponse } from '../../protocol/gen/remes/remes/v1/query.js';
import { type RewardRecord, RewardStatus } from '../../protocol/gen/remes/remes/v1/reward.js';
import { GradientEncoding, GradientStatus, type StoredGradient } from '../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { type Job, JobStatus, type TrainingWindow, WindowOutcome, WindowPhase } from '../../protocol/gen/remes/remes/v1/training_window.js';
import type { Json, JsonObject } from '../frame/json.js';

type Enum = Readonly<Record<number, string>>;

/** `WindowPhase.COLLECTING` → `collecting` */
export function enumName(names: Enum, value: number): string {
  return (names[value] ?? `unknown_${value}`).toLowerCase();
}

function plainValue(value: unknown): Json {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (value === undefined || value === null) return null;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object') return plain(value);
  throw new Error(`a record of the chain holds a ${typeof value}`);
}

/** Any message of the protocol as JSON data. @param enums names of the enum fields; one that is not set yet becomes null. */
export function plain(record: object, enums: Readonly<Record<string, Enum>> = {}): JsonObject {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]: [string, unknown]) => {
      const names = enums[key];
      if (names === undefined || typeof value !== 'number') return [key, plainValue(value)];
      return [key, value === 0 ? null : enumName(names, value)];
    }),
  );
}

/** A number by its bits of binary32. */
export function floatOf(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

export const windowJson = (w: TrainingWindow): JsonObject => plain(w, { phase: WindowPhase, outcome: WindowOutcome });
export const jobJson = (j: Job): JsonObject => plain(j, { status: JobStatus });
export const gradientJson = (g: StoredGradient): JsonObject => ({ ...plain(g, { status: GradientStatus, encoding: GradientEncoding }), loss: floatOf(g.lossBits) });
export const dutyJson = (d: challenge.Duty): JsonObject => plain(d, { kind: challenge.DutyKind, subjectKind: challenge.SubjectKind, status: challenge.DutyStatus });
export const registrationJson = (r: node.Registration): JsonObject => plain(r, { part: node.Part, status: node.RegistrationStatus });
export const slashJson = (s: node.SlashRecord): JsonObject => plain(s, { part: node.Part });
export const rewardJson = (r: RewardRecord): JsonObject => plain(r, { part: node.Part, status: RewardStatus });
export const datasetJson = (d: Dataset): JsonObject => plain(d, { status: DatasetStatus });

export function aggregationJson({ accepted, proposers }: QueryGetAggregationResponse): JsonObject {
  return { accepted: accepted === undefined ? null : plain(accepted), proposers: proposers.map((p) => plain(p)) };
}

export function caseJson(c: challenge.Case): JsonObject {
  const { CaseLayer, CaseOrigin, CasePhase, SubjectKind, Verdict } = challenge;
  return {
    ...plain(c, { subjectKind: SubjectKind, origin: CaseOrigin, phase: CasePhase, layer: CaseLayer, verdict: Verdict }),
    bonds: c.bonds.map((b) => plain(b, { side: Verdict, layer: CaseLayer })),
  };
}

/** Settings of the optimizer as the numbers that their bits are. */
export function modelJson(m: Model): JsonObject {
  const settings = Object.entries(m.optimizer ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return { ...plain(m), optimizer: Object.fromEntries(settings.map(([key, bits]) => [key.replace(/Bits$/, ''), floatOf(bits)])) };
}

function cell(value: Json): string {
  if (value === undefined || value === null || value === '') return '-';
  if (value instanceof Uint8Array) return value.length === 0 ? '-' : Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(' ');
  if (typeof value === 'object') return Object.entries(value as JsonObject).map(([key, item]) => `${key}=${cell(item)}`).join(' ');
  return String(value);
}

/** One record for people: a line a field. */
export function recordText(record: JsonObject): string {
  const width = Math.max(0, ...Object.keys(record).map((key) => key.length));
  return Object.entries(record)
    .map(([key, value]) => `${key.padEnd(width)}  ${cell(value)}`)
    .join('\n');
}

/** Chosen fields of records for people, long texts shortened. */
export function cells(record: JsonObject, keys: readonly string[]): string[] {
  return keys.map((key) => {
    const text = cell(record[key]);
    return text.length > 46 ? `${text.slice(0, 16)}…${text.slice(-4)}` : text;
  });
}
