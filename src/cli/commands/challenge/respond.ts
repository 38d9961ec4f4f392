import { equalBytes, toHex } from '../../../protocol/bytes.js';
import { coin } from '../../../protocol/coins.js';
import { R3mesError } from '../../../protocol/errors.js';
import { type Case, CaseLayer, CasePhase, SubjectKind, Verdict } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import type { Report } from '../../../roles/recompute.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { remes } from '../../devnet/names.js';
import type { ComputeArgs } from '../../session/compute.js';
import { openAccount, type SigningArgs } from '../../session/connect.js';
import { enumName } from '../../session/records.js';
import { mustHold, sendTx, type TxArgs, txResult } from '../../session/send.js';
import { notFound } from '../../session/not-found.js';
import { recomputeSubject } from './subject.js';

type Args = SigningArgs & TxArgs & ComputeArgs & { readonly caseId: bigint; readonly force: boolean };

/** @throws R3mesError CASE_NOT_OPEN unless the case is decided and may go on. */
function mustBeDecided(c: Case, height: bigint): void {
  const phase = enumName(CasePhase, c.phase);
  if (c.phase !== CasePhase.DECIDED) {
    const hint = c.phase === CasePhase.CLOSED ? 'a closed case stays closed; open another with r3mes challenge open' : 'wait for its verdict: r3mes query case shows it';
    throw new R3mesError({ code: 'CASE_NOT_OPEN', message: `case ${c.id} is ${phase}, expected a verdict that can be taken further`, hint });
  }
  if (c.layer === CaseLayer.APPEAL) throw new R3mesError({ code: 'NO_HIGHER_LAYER', message: `case ${c.id} was decided on appeal: no layer is above it` });
  if (height >= c.escalateUntil) throw new R3mesError({ code: 'CASE_NOT_OPEN', message: `case ${c.id} could be taken further until height ${c.escalateUntil}, the chain is at ${height}` });
}

function verdictStands(c: Case, { hash, digest }: Report): boolean {
  if (c.verdictHash.length === 0) return (c.verdict === Verdict.VALID) === equalBytes(hash, c.disputedHash);
  return equalBytes(hash, c.verdictHash) && (c.verdictDigest.length === 0 || equalBytes(digest, c.verdictDigest));
}

/** Nothing where it cannot be recomputed here and the user said so. */
async function recomputed(ctx: Context, args: Args, c: Case, recompute: () => Promise<Report>): Promise<Report | undefined> {
  let report: Report;
  try {
    report = await recompute();
  } catch (error) {
    if (!args.force || !(error instanceof R3mesError)) throw error;
    ctx.out.warn(`the subject cannot be recomputed here: ${error.message}`);
    return undefined;
  }
  if (!verdictStands(c, report)) return report;
  const message = `the verdict of case ${c.id} (${enumName(Verdict, c.verdict)}) is right: ${toHex(report.hash)} was found here as well`;
  if (args.force) ctx.out.warn(`${message}; the bond will be lost`);
  else throw new R3mesError({ code: 'VERDICT_RIGHT', message, hint: 'no bond was put down; --force puts it down all the same' });
  return report;
}

export async function challengeRespond(ctx: Context, args: Args): Promise<CommandResult> {
  const account = await openAccount(ctx, args);
  const { client, address } = account;
  const c = (await client.queries.case(args.caseId))?.case;
  if (c === undefined) throw notFound(`case ${args.caseId}`);
  mustBeDecided(c, (await client.status()).height);
  const bond = BigInt((await client.queries.params()).challenge?.bond ?? '0');
  await mustHold(account, bond);
  const kind = c.subjectKind === SubjectKind.AGGREGATION ? SubjectKind.AGGREGATION : SubjectKind.GRADIENT;
  const report = await recomputed(ctx, args, c, () => recomputeSubject(ctx, client, args, { kind, id: c.subjectId }));
  const layer = c.layer === CaseLayer.TWO ? CaseLayer.THREE : CaseLayer.APPEAL;
  await ctx.prompt.confirm(`put down a bond of ${remes(bond)} to take case ${c.id} to layer ${enumName(CaseLayer, layer)}`);
  const sent = await sendTx(ctx, account, [{ typeUrl: '/remes.remes.v1.MsgEscalateCase', value: { address, caseId: c.id, bond: coin(bond) } }], args);
  return txResult(
    sent,
    { caseId: c.id, layer: enumName(CaseLayer, layer), bond, verdict: enumName(Verdict, c.verdict), recomputedHash: report?.hash ?? null },
    `case   ${c.id} goes to layer ${enumName(CaseLayer, layer)}`,
  );
}
