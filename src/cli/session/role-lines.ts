/** What a role's events say to the person who runs it. With --json the events themselves are printed. */
import type { RoleEvent } from '../../roles/role.js';
import { remes, short } from '../devnet/names.js';

const t = (value: RoleEvent[string] | undefined): string => String(value ?? '');

const LINES: Readonly<Record<string, (e: RoleEvent) => string>> = {
  started: (e) => `${t(e['part'])} ${t(e['address'])} on ${t(e['chainId'])} (${t(e['node'])}, height ${t(e['height'])})\n${t(e['device'])}`,
  window: (e) => `window ${t(e['window'])}: ${t(e['what'])}`,
  computing: (e) =>
    e['what'] === 'job' ? `window ${t(e['window'])}: training ${t(e['tokens'])} tokens …` : `window ${t(e['window'])}: aggregating ${t(e['gradients'])} gradients …`,
  gradient: (e) =>
    `window ${t(e['window'])}: gradient ${short(t(e['cid']))} submitted, loss ${Number(e['loss']).toFixed(4)}, ${t(e['tokens'])} tokens in ${(Number(e['durationMs']) / 1000).toFixed(1)} s`,
  attestation: (e) => `window ${t(e['window'])}: attested ${t(e['fetched'])} of ${t(e['of'])} files`,
  commit: (e) => `window ${t(e['window'])}: committed to a result`,
  reveal: (e) => `window ${t(e['window'])}: revealed adapter ${short(t(e['adapterCid']))}`,
  unfetched: (e) => `window ${t(e['window'])}: gradient ${t(e['gradient'])} left out: ${t(e['reason'])}`,
  report: (e) => `window ${t(e['window'])}: ${t(e['kind'])} of ${t(e['subject'])} ${t(e['subjectId'])} reported, ${short(t(e['hash']))}`,
  duty: (e) => `window ${t(e['window'])}: drawn for the ${t(e['kind'])} of ${t(e['subject'])} ${t(e['subjectId'])}`,
  escalation: (e) => `case ${t(e['case'])}: taken to the next layer`,
  reward: (e) => `window ${t(e['window'])}: ${t(e['status'])} ${remes(t(e['amount']))}${e['amount'] === e['face'] ? '' : ` of a face value of ${remes(t(e['face']))}`}`,
  missed: (e) => `window ${t(e['window'])}: MISSED, ${t(e['what'])}`,
  late: (e) => `window ${t(e['window'])}: stopped collecting while the job was trained; not submitted`,
  registration: (e) =>
    `registration as ${t(e['part'])} is ${t(e['status'])} now${e['status'] === 'inactive' ? `: no work comes until r3mes tx reactivate ${t(e['part'])} or r3mes tx top-up ${t(e['part'])} AMOUNT` : ''}`,
  refused: (e) => `${t(e['message'])} was refused, tried again later: ${t(e['reason'])}`,
  problem: (e) => `height ${t(e['height'])}: ${t(e['reason'])}; tried again at the next block`,
  node_unreachable: (e) => `the node cannot be reached (${t(e['reason'])}); waiting for it`,
  node_back: (e) => `the node is back at height ${t(e['height'])}`,
  owed: (e) => t(e['what']),
};

export function roleLine(event: RoleEvent): string {
  return LINES[event.type]?.(event) ?? event.type;
}
