import { toHex } from '../protocol/bytes.js';
import { reportCommitment } from '../protocol/commitments.js';
import { DutyKind, DutyStatus, SubjectKind, type Duty } from '../protocol/gen/remes/remes/v1/challenge.js';
import { defendReports } from './defence.js';
import { outgoing } from './messages.js';
import { recompute } from './recompute.js';
import { attempt, Outbox, saltFor, type Role, type RoleDeps } from './role.js';

/** Re-runs what it was drawn for and reports what it found, by commit and reveal. */
export function createVerifier(deps: RoleDeps): Role {
  const { chain, sender, work, emit } = deps;
  const outbox = new Outbox(sender, emit);
  const verifier = sender.address;

  async function commit(duty: Duty, height: bigint): Promise<void> {
    const report = await recompute(chain, work, duty);
    const salt = saltFor(sender, 'report', duty.id);
    const commitment = reportCommitment(chain.chainId, duty.id, verifier, report.hash, report.digest, salt);
    await outbox.send(`commit ${duty.id}`, height, outgoing({ typeUrl: '/remes.remes.v1.MsgCommitReport', value: { verifier, dutyId: duty.id, commitment } }));
  }

  async function mayReveal(duty: Duty, height: bigint): Promise<boolean> {
    if (duty.commitDue > 0n && height >= duty.commitDue) return true;
    const group = (await chain.duties(duty.windowId)).filter((d) => d.groupId === duty.groupId);
    return group.every((d) => d.status !== DutyStatus.DRAWN);
  }

  async function reveal(duty: Duty, height: bigint): Promise<void> {
    const report = await recompute(chain, work, duty);
    const salt = saltFor(sender, 'report', duty.id);
    const value = { verifier, dutyId: duty.id, reportHash: report.hash, reportDigest: report.digest, salt };
    const tx = await outbox.send(`reveal ${duty.id}`, height, outgoing({ typeUrl: '/remes.remes.v1.MsgRevealReport', value }));
    if (tx === undefined) return;
    emit({
      type: 'report',
      window: duty.windowId,
      verifier,
      duty: duty.id,
      kind: DutyKind[duty.kind].toLowerCase(),
      subject: SubjectKind[duty.subjectKind].toLowerCase(),
      subjectId: duty.subjectId,
      hash: toHex(report.hash),
      tx,
    });
  }

  async function act(duty: Duty, height: bigint): Promise<void> {
    if (duty.status === DutyStatus.DRAWN && outbox.isDue(`commit ${duty.id}`, height)) await commit(duty, height);
    else if (duty.status === DutyStatus.COMMITTED && outbox.isDue(`reveal ${duty.id}`, height) && (await mayReveal(duty, height))) {
      await reveal(duty, height);
    }
  }

  return {
    address: verifier,
    async onHeight(height) {
      outbox.forgetBefore(height - 100n);
      await defendReports(deps, outbox, height);
      for (const duty of await chain.openDuties(verifier)) await attempt(deps, height, () => act(duty, height));
    },
  };
}
