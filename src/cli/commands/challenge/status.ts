import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { type Case, DutyKind, DutyStatus, type Duty, SubjectKind } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { table } from '../../frame/table.js';
import { remes } from '../../devnet/names.js';
import { addressOf, connectChain, type NodeArgs } from '../../session/connect.js';
import { caseJson, dutyJson, enumName, registrationJson } from '../../session/records.js';
import { newestWindows, payOf, registrationText, runningPid, statusText } from '../../session/status.js';

interface Args extends NodeArgs {
  readonly address: string | undefined;
  readonly wallet: string | undefined;
  readonly recent: number;
}

function isParty(c: Case, address: string): boolean {
  return c.opener === address || c.accused.includes(address) || c.bonds.some((b) => b.address === address);
}

function dutyRow(d: Duty): string[] {
  const state = d.punished ? 'slashed' : enumName(DutyStatus, d.status);
  return [String(d.id), String(d.windowId), enumName(DutyKind, d.kind), `${enumName(SubjectKind, d.subjectKind)} ${d.subjectId}`, state];
}

export async function challengeStatus(ctx: Context, args: Args): Promise<CommandResult> {
  const address = await addressOf(ctx, args.address, args.wallet);
  const client = await connectChain(args);
  const { queries } = client;
  const registration = await queries.registration(Part.VERIFIER, address);
  const pay = await payOf(client, address, Part.VERIFIER);
  const open = await queries.openDuties(address);
  const duties: Duty[] = [];
  for (const window of await newestWindows(client, args.recent)) {
    duties.push(...(await queries.duties(window.id)).filter((d) => d.verifier === address).reverse());
  }
  const cases = (await queries.cases(0n, true)).filter((c) => isParty(c, address));
  const running = await runningPid(ctx, 'challenge', address);
  return {
    data: {
      address,
      running,
      registration: registration === undefined ? null : registrationJson(registration),
      open: open.map(dutyJson),
      duties: duties.map(dutyJson),
      cases: cases.map(caseJson),
      paid: pay.paid,
      frozen: pay.frozen,
    },
    text: statusText(
      [
        ['account', address],
        ['running', running === null ? 'no' : `process ${running}`],
        ['registration', registrationText(registration)],
        ['open', `${open.length} duties wait for a report; party of ${cases.length} open cases`],
        ['paid', remes(pay.paid)],
        ['held back', `${remes(pay.frozen)} by open cases`],
      ],
      duties.length === 0 ? '' : table(['duty', 'window', 'kind', 'subject', 'state'], duties.map(dutyRow)),
    ),
  };
}
