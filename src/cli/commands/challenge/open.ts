import type { ChainMessage } from '../../../client/index.js';
import { equalBytes, toHex } from '../../../protocol/bytes.js';
import { coin } from '../../../protocol/coins.js';
import { R3mesError } from '../../../protocol/errors.js';
import { SubjectKind } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { MsgChallengeGradientResponse } from '../../../protocol/gen/remes/remes/v1/tx.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { remes } from '../../devnet/names.js';
import type { ComputeArgs } from '../../session/compute.js';
import { openAccount, type SigningArgs } from '../../session/connect.js';
import { enumName } from '../../session/records.js';
import { mustHold, type Sent, sendTx, type TxArgs, txResult } from '../../session/send.js';
import { parseArgument, parseSubject, type Subject, subjectText } from '../../session/values.js';
import { recomputeSubject, submittedHash } from './subject.js';

function message(challenger: string, { kind, id }: Subject, claimedHash: Uint8Array, bond: bigint): ChainMessage {
  const common = { challenger, claimedHash, evidenceCid: '', bond: coin(bond) };
  return kind === SubjectKind.GRADIENT
    ? { typeUrl: '/remes.remes.v1.MsgChallengeGradient', value: { ...common, gradientId: id } }
    : { typeUrl: '/remes.remes.v1.MsgChallengeAggregation', value: { ...common, windowId: id } };
}

/** Both responses hold the case in the same field. */
function caseOf({ outcome }: Sent): bigint | null {
  const [response] = outcome?.responses ?? [];
  return response === undefined ? null : MsgChallengeGradientResponse.decode(response.value).caseId;
}

export async function challengeOpen(ctx: Context, args: SigningArgs & TxArgs & ComputeArgs & { readonly subject: string }): Promise<CommandResult> {
  const subject = parseArgument('SUBJECT', args.subject, parseSubject);
  const account = await openAccount(ctx, args);
  const { client, address } = account;
  const disputedHash = await submittedHash(client, subject);
  const bond = BigInt((await client.queries.params()).challenge?.bond ?? '0');
  await mustHold(account, bond);
  const { hash: claimedHash } = await recomputeSubject(ctx, client, args, subject);
  if (equalBytes(claimedHash, disputedHash)) {
    throw new R3mesError({ code: 'NOTHING_TO_DISPUTE', message: `${subjectText(subject)} is right: it was submitted and found again as ${toHex(disputedHash)}`, hint: 'no bond was put down' });
  }
  await ctx.prompt.confirm(`put down a bond of ${remes(bond)} against ${subjectText(subject)}`);
  const sent = await sendTx(ctx, account, [message(address, subject, claimedHash, bond)], args);
  const caseId = caseOf(sent);
  return txResult(
    sent,
    { subject: enumName(SubjectKind, subject.kind), subjectId: subject.id, claimedHash, disputedHash, bond, caseId },
    `case   ${String(caseId ?? '?')} against ${subjectText(subject)}: r3mes query case ${String(caseId ?? '')}`,
  );
}
