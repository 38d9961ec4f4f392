/** `rewards explain` for people: a paragraph a reward, then the sums. */
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../../protocol/gen/remes/remes/v1/reward.js';
import { remes } from '../../devnet/names.js';
import { table } from '../../frame/table.js';
import { enumName } from '../../session/records.js';
import type { ExplainedRecord, Explanation } from './explain.js';

const COUNTS = new Set(['trustBps', 'successBps', 'qualityBps', 'count']);

function shown(name: string, value: bigint): string {
  return COUNTS.has(name) ? String(value) : remes(value);
}

function recordText({ record, settlement, terms, why }: ExplainedRecord): string {
  const gradient = record.gradientId === 0n ? '' : `, gradient ${record.gradientId}`;
  const rows = terms.map(({ name, stated, recomputed, equal, how }) => [`  ${name}`, shown(name, stated), equal ? 'equal' : `NOT ${shown(name, recomputed)}`, how]);
  const elsewhere = record.payoutAddress === record.address ? '' : ` to ${record.payoutAddress}`;
  return [
    `window ${record.windowId}, ${enumName(Part, record.part)}${gradient}: ${remes(record.amount)} ${enumName(RewardStatus, record.status)}${elsewhere} (settled at height ${settlement.height})`,
    table(['  term', 'chain', 'found', 'how'], rows),
    `  ${why}`,
  ].join('\n');
}

function signed(amount: bigint): string {
  return amount < 0n ? `-${remes(-amount)}` : remes(amount);
}

function sumText({ flows, pinned, slashed }: Explanation): string {
  const { opening, bounties, of, expected, stake } = flows;
  const stakeExpected = stake.genesis + stake.deposited - stake.returned - slashed;
  const verdict = (a: bigint, b: bigint): string => (a === b ? 'equal to the last uremes' : `NOT EQUAL: off by ${b - a} uremes`);
  const rows = [
    ['opening balance', signed(opening)],
    ['rewards', signed(of('rewards'))],
    ['bounties', signed(bounties)],
    ['bonds and what came of them', signed(of('bonds'))],
    ['stakes put down and returned', signed(of('stake'))],
    ['fees', signed(of('fees'))],
    ['burned', signed(of('burned'))],
    ['transfers', signed(of('transfers'))],
    ['expected', signed(expected)],
    [`balance at height ${pinned.height}`, `${signed(pinned.balance)}  ${verdict(expected, pinned.balance)}`],
    ['', ''],
    ['stake at genesis', signed(stake.genesis)],
    ['put down', signed(stake.deposited)],
    ['returned', signed(-stake.returned)],
    ['slashed', signed(-slashed)],
    ['stake now', `${signed(pinned.stake)}  ${verdict(stakeExpected, pinned.stake)}`],
  ];
  return table(['coins', 'amount'], rows);
}

export function explanationText(e: Explanation): string {
  const unpaid = e.unpaid.map((u) => [String(u.windowId), u.gradientId === 0n ? '-' : String(u.gradientId), u.why]);
  const slashes = e.slashes.map((s) => [String(s.height), String(s.windowId), enumName(Part, s.part), remes(s.amount), s.reason.replaceAll('_', ' ')]);
  const bonds = e.bonds.map((b) => [String(b.caseId), remes(b.amount), b.phase, b.verdict ?? '-']);
  return [
    `rewards of ${e.address} on ${e.chainId} up to height ${e.pinned.height}`,
    ...(e.records.length === 0 ? ['no reward yet'] : e.records.map(recordText)),
    ...(unpaid.length === 0 ? [] : [`not paid:\n${table(['window', 'gradient', 'why'], unpaid)}`]),
    ...(slashes.length === 0 ? [] : [`slashes:\n${table(['height', 'window', 'part', 'amount', 'for'], slashes)}`]),
    ...(bonds.length === 0 ? [] : [`bonds:\n${table(['case', 'amount', 'phase', 'verdict'], bonds)}`]),
    sumText(e),
    e.reconciled ? 'everything adds up' : 'SOMETHING DOES NOT ADD UP: see above',
  ].join('\n\n');
}
