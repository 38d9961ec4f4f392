import type { BlockResults } from '../../client/index.js';
import type { RoleEvent } from '../../roles/role.js';
import type { Output } from '../frame/output.js';
import type { JsonObject } from '../frame/json.js';
import { remes, short, type Names } from './names.js';

type Attributes = Readonly<Record<string, string>>;

/** What a chain event says to people; nothing for those that only machines need. */
const CHAIN_LINES: Readonly<Record<string, (a: Attributes, names: Names) => string>> = {
  window_opened: (a) => `window ${a['window_id']}: ${a['jobs']} jobs on adapter ${short(a['base_adapter_cid'] ?? '')}`,
  gradients_included: (a) => `window ${a['window_id']}: ${a['included']} of ${a['submitted']} gradients included`,
  aggregation_accepted: (a) => `window ${a['window_id']}: aggregation accepted, adapter ${short(a['adapter_cid'] ?? '')}`,
  case_opened: (a, names) => `case ${a['case_id']}: against ${a['subject']} ${a['subject_id']}${a['opener'] === '' ? '' : `, opened by ${names.of(a['opener'] ?? '')}`}`,
  case_decided: (a) => `case ${a['case_id']}: layer ${a['layer']} finds it ${a['verdict']}`,
  case_escalated: (a, names) => `case ${a['case_id']}: taken to layer ${a['layer']} by ${names.of(a['address'] ?? '')}`,
  case_joined: (a, names) => `case ${a['case_id']}: joined by ${names.of(a['address'] ?? '')}`,
  layer_failed: (a) => `case ${a['case_id']}: layer ${a['layer']} came to no verdict, the one before stands`,
  case_closed: (a) => `case ${a['case_id']}: closed, ${a['verdict']}`,
  slash: (a, names) => `slashed: ${names.of(a['address'] ?? '')} loses ${remes(a['amount'] ?? '0')} (${(a['reason'] ?? '').replaceAll('_', ' ')})`,
  window_closed: (a) => (a['outcome'] === 'accepted' ? '' : `window ${a['window_id']}: closed, ${(a['outcome'] ?? '').replaceAll('_', ' ')}`),
  audit_not_drawn: (a) => `window ${a['window_id']}: nobody is left to audit ${a['subject']} ${a['subject_id']}`,
  window_reverted: (a) => `window ${a['window_id']}: reverted`,
  job_missed: (a, names) => `window ${a['window_id']}: ${names.of(a['miner'] ?? '')} missed its job`,
  window_settled: (a) => `window ${a['window_id']}: settled, budget ${remes(a['budget'] ?? '0')}`,
};

const ROLE_LINES: Readonly<Record<string, (e: RoleEvent, names: Names) => string>> = {
  gradient: (e, names) =>
    `${names.of(String(e['miner']))}: gradient ${short(String(e['cid']))}, loss ${Number(e['loss']).toFixed(4)}, ${(Number(e['durationMs']) / 1000).toFixed(1)} s`,
  attestation: (e, names) => `${names.of(String(e['proposer']))}: attests ${String(e['fetched'])} of ${String(e['of'])} files`,
  reveal: (e, names) => `${names.of(String(e['proposer']))}: reveals adapter ${short(String(e['adapterCid']))}`,
  report: (e, names) => `${names.of(String(e['verifier']))}: ${String(e['kind'])} of ${String(e['subject'])} ${String(e['subjectId'])}, ${short(String(e['hash']))}`,
  unfetched: (e, names) => `${names.of(String(e['proposer']))}: could not take gradient ${String(e['gradient'])}: ${String(e['reason'])}`,
  escalation: (e, names) => `${names.of(String(e['address']))}: escalates case ${String(e['case'])}`,
  refused: (e, names) => `${names.of(String(e['address']))}: ${String(e['message'])} was refused: ${String(e['reason'])}`,
  problem: (e, names) => `${names.of(String(e['address']))}: ${String(e['reason'])}`,
  late: (e, names) => `${names.of(String(e['miner']))}: window ${String(e['window'])} closed before the gradient was ready`,
  restarted: (e) => `role ${String(e['role'])} ended by ${String(e['because'])} and was started again`,
};

/** Tells what happens: a line a step for people, an NDJSON line an event for scripts. */
export class Narrator {
  constructor(
    private readonly out: Output,
    private readonly names: Names,
  ) {}

  role(role: string, event: RoleEvent): void {
    const { type, ...fields } = event;
    this.tell(type, { role, ...toJsonObject(fields) }, ROLE_LINES[type]?.(event, this.names) ?? '');
  }

  block(height: bigint, results: BlockResults): void {
    const events = [...results.txResults.flatMap((r) => r.events), ...results.events];
    for (const event of events) {
      const line = CHAIN_LINES[event.type];
      if (line === undefined) continue;
      const attributes = Object.fromEntries(event.attributes.map((a) => [a.key, a.value]));
      this.tell(event.type, { height, ...attributes }, line(attributes, this.names));
    }
    for (const r of results.txResults) {
      if (r.code !== 0) this.tell('tx_failed', { height, codespace: r.codespace, code: r.code, log: r.log }, `a transaction failed: ${r.log}`);
    }
  }

  tell(type: string, data: JsonObject, text: string): void {
    if (this.out.mode.json) this.out.event(type, data, '');
    else if (text !== '') this.out.note(text);
  }
}

function toJsonObject(fields: Readonly<Record<string, string | number | boolean | bigint>>): JsonObject {
  return { ...fields };
}
