import type { SubjectKind } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Case, Duty, DutyGroup } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { ChallengeParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, HeightQueue, NumberList, Table, TextSet } from '../collections.js';

const STORE = 'challenge';
const PLACES = {
  params: { store: STORE, prefix: 0x01 }, // -> ChallengeParams
  duties: { store: STORE, prefix: 0x02 }, // id -> Duty
  groups: { store: STORE, prefix: 0x03 }, // id -> DutyGroup
  cases: { store: STORE, prefix: 0x04 }, // id -> Case
  counts: { store: STORE, prefix: 0x05 }, // 0 duties, 1 groups, 2 cases
  openDuties: { store: STORE, prefix: 0x06 }, // verifier -> set of duty ids
  windowDuties: { store: STORE, prefix: 0x07 }, // window -> duty ids
  windowGroups: { store: STORE, prefix: 0x08 }, // window -> group ids of audits
  windowCases: { store: STORE, prefix: 0x09 }, // window -> case ids
  subjectDuties: { store: STORE, prefix: 0x0a }, // kind | subject -> ids of all duties ever given
  openCase: { store: STORE, prefix: 0x0b }, // kind | subject -> id of the open case
  finalCase: { store: STORE, prefix: 0x0c }, // kind | subject -> id of the last case that ended with a verdict
  auditDraws: { store: STORE, prefix: 0x0d }, // height -> windows whose gradients are drawn for audit
  aggregationAudits: { store: STORE, prefix: 0x0e }, // height -> windows whose aggregation is audited
  gradientAudits: { store: STORE, prefix: 0x0f }, // height -> gradients that are audited for certain
  redraws: { store: STORE, prefix: 0x10 }, // height -> groups of which seats are drawn anew
  caseDraws: { store: STORE, prefix: 0x11 }, // height -> cases that wait for verifiers
  groupDeadlines: { store: STORE, prefix: 0x12 }, // height -> groups with a deadline
  caseDeadlines: { store: STORE, prefix: 0x13 }, // height -> cases that close unless escalated
} as const;

const DUTIES = 0;
const GROUPS = 1;
const CASES = 2;

export interface Subject {
  readonly subjectKind: SubjectKind;
  readonly subjectId: bigint;
}

/** Records and queues of the challenge module and nothing but reading and writing them. */
export class ChallengeState {
  readonly #params = new Table(PLACES.params, ChallengeParams);
  readonly #duties = new Table(PLACES.duties, Duty);
  readonly #groups = new Table(PLACES.groups, DutyGroup);
  readonly #cases = new Table(PLACES.cases, Case);
  readonly #counts = new Counter(PLACES.counts);
  readonly #openDuties = new TextSet(PLACES.openDuties);
  readonly #windowDuties = new NumberList(PLACES.windowDuties);
  readonly #windowGroups = new NumberList(PLACES.windowGroups);
  readonly #windowCases = new NumberList(PLACES.windowCases);
  readonly #subjectDuties = new NumberList(PLACES.subjectDuties);
  readonly #openCase = new Counter(PLACES.openCase);
  readonly #finalCase = new Counter(PLACES.finalCase);
  readonly auditDraws = new HeightQueue(PLACES.auditDraws);
  readonly aggregationAudits = new HeightQueue(PLACES.aggregationAudits);
  readonly gradientAudits = new HeightQueue(PLACES.gradientAudits);
  readonly redraws = new HeightQueue(PLACES.redraws);
  readonly caseDraws = new HeightQueue(PLACES.caseDraws);
  readonly groupDeadlines = new HeightQueue(PLACES.groupDeadlines);
  readonly caseDeadlines = new HeightQueue(PLACES.caseDeadlines);

  params(ctx: QueryContext): ChallengeParams {
    return this.#params.get(ctx) ?? ChallengeParams.create();
  }

  setParams(ctx: Context, params: ChallengeParams): void {
    this.#params.set(ctx, params);
  }

  duty(ctx: QueryContext, id: bigint): Duty | undefined {
    return this.#duties.get(ctx, id);
  }

  saveDuty(ctx: Context, duty: Duty): void {
    this.#duties.set(ctx, duty, duty.id);
  }

  addDuty(ctx: Context, duty: Omit<Duty, 'id'>): Duty {
    const added = { ...duty, id: this.#counts.add(ctx, 1n, DUTIES) };
    this.saveDuty(ctx, added);
    this.#openDuties.add(ctx, added.id.toString(), added.verifier);
    this.#windowDuties.push(ctx, added.id, added.windowId);
    this.#subjectDuties.push(ctx, added.id, added.subjectKind, added.subjectId);
    return added;
  }

  /** Takes a duty from its verifier's list of open ones. */
  finishDuty(ctx: Context, duty: Duty): void {
    this.saveDuty(ctx, duty);
    this.#openDuties.remove(ctx, duty.id.toString(), duty.verifier);
  }

  openDuties(ctx: QueryContext, verifier: string): Duty[] {
    return this.#openDuties
      .values(ctx, verifier)
      .flatMap((id) => this.duty(ctx, BigInt(id)) ?? [])
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  windowDutyCount(ctx: QueryContext, windowId: bigint): bigint {
    return this.#windowDuties.length(ctx, windowId);
  }

  windowDutyAt(ctx: QueryContext, windowId: bigint, index: bigint): Duty | undefined {
    const id = this.#windowDuties.at(ctx, index, windowId);
    return id === undefined ? undefined : this.duty(ctx, id);
  }

  windowDuties(ctx: QueryContext, windowId: bigint): Duty[] {
    return this.#windowDuties.values(ctx, windowId).flatMap((id) => this.duty(ctx, id) ?? []);
  }

  /** Everybody's duties on a subject, of audits and of every case. */
  subjectDuties(ctx: QueryContext, s: Subject): Duty[] {
    return this.#subjectDuties.values(ctx, s.subjectKind, s.subjectId).flatMap((id) => this.duty(ctx, id) ?? []);
  }

  group(ctx: QueryContext, id: bigint): DutyGroup | undefined {
    return this.#groups.get(ctx, id);
  }

  saveGroup(ctx: Context, group: DutyGroup): void {
    this.#groups.set(ctx, group, group.id);
  }

  nextGroupId(ctx: Context): bigint {
    return this.#counts.add(ctx, 1n, GROUPS);
  }

  addAuditGroup(ctx: Context, group: DutyGroup): void {
    this.#windowGroups.push(ctx, group.id, group.windowId);
  }

  auditGroups(ctx: QueryContext, windowId: bigint): DutyGroup[] {
    return this.#windowGroups.values(ctx, windowId).flatMap((id) => this.group(ctx, id) ?? []);
  }

  groupDuties(ctx: QueryContext, group: DutyGroup): Duty[] {
    return group.dutyIds.flatMap((id) => this.duty(ctx, id) ?? []);
  }

  case(ctx: QueryContext, id: bigint): Case | undefined {
    return this.#cases.get(ctx, id);
  }

  saveCase(ctx: Context, c: Case): void {
    this.#cases.set(ctx, c, c.id);
  }

  addCase(ctx: Context, c: Omit<Case, 'id'>): Case {
    const added = { ...c, id: this.#counts.add(ctx, 1n, CASES) };
    this.saveCase(ctx, added);
    this.#windowCases.push(ctx, added.id, added.windowId);
    this.#openCase.set(ctx, added.id, added.subjectKind, added.subjectId);
    return added;
  }

  caseCount(ctx: QueryContext): bigint {
    return this.#counts.get(ctx, CASES);
  }

  windowCases(ctx: QueryContext, windowId: bigint): Case[] {
    return this.#windowCases.values(ctx, windowId).flatMap((id) => this.case(ctx, id) ?? []);
  }

  openCaseOn(ctx: QueryContext, s: Subject): Case | undefined {
    return this.case(ctx, this.#openCase.get(ctx, s.subjectKind, s.subjectId));
  }

  /** The last case on a subject that ended with a verdict. */
  finalCaseOn(ctx: QueryContext, s: Subject): Case | undefined {
    return this.case(ctx, this.#finalCase.get(ctx, s.subjectKind, s.subjectId));
  }

  closeCase(ctx: Context, c: Case, hasVerdict: boolean): void {
    this.saveCase(ctx, c);
    this.#openCase.set(ctx, 0n, c.subjectKind, c.subjectId);
    if (hasVerdict) this.#finalCase.set(ctx, c.id, c.subjectKind, c.subjectId);
  }
}
