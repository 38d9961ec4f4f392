/**
 * Taking a case to the next layer when it was decided against work that one knows to be right. The arithmetic is exact:
 * who finds his own hash again is right, and a bond on it comes back.
 */
import { equalBytes } from '../protocol/bytes.js';
import { coin } from '../protocol/coins.js';
import { CaseLayer, CaseOrigin, CasePhase, DutyStatus, SubjectKind, Verdict, type Case } from '../protocol/gen/remes/remes/v1/challenge.js';
import { outgoing } from './messages.js';
import { recompute } from './recompute.js';
import { attempt, type Outbox, type RoleDeps } from './role.js';

async function openToEscalation(deps: RoleDeps, height: bigint): Promise<Case[]> {
  const cases = await deps.chain.cases(0n, true);
  return cases.filter((c) => c.phase === CasePhase.DECIDED && c.layer !== CaseLayer.APPEAL && height < c.escalateUntil);
}

async function escalate(deps: RoleDeps, outbox: Outbox, height: bigint, c: Case): Promise<void> {
  const key = `escalate ${c.id} ${c.layer}`;
  if (!outbox.isDue(key, height)) return;
  const bond = (await deps.chain.params()).challenge?.bond ?? '0';
  const address = deps.sender.address;
  const tx = await outbox.send(key, height, outgoing({ typeUrl: '/remes.remes.v1.MsgEscalateCase', value: { address, caseId: c.id, bond: coin(BigInt(bond)) } }));
  if (tx !== undefined) deps.emit({ type: 'escalation', case: c.id, address, layer: CaseLayer[c.layer].toLowerCase(), tx });
}

/** A miner whose gradient was found wrong, and who finds the same hash again. */
export async function defendGradients(deps: RoleDeps, outbox: Outbox, height: bigint): Promise<void> {
  for (const c of await openToEscalation(deps, height)) {
    const isMine = c.subjectKind === SubjectKind.GRADIENT && c.accused.includes(deps.sender.address);
    if (!isMine || c.verdict !== Verdict.INVALID) continue;
    await attempt(deps, height, async () => {
      if (equalBytes((await recompute(deps.chain, deps.work, c)).hash, c.disputedHash)) await escalate(deps, outbox, height, c);
    });
  }
}

/** A proposer whose reveal the verdict contradicts, and who finds the same result again. */
export async function defendAggregations(deps: RoleDeps, outbox: Outbox, height: bigint): Promise<void> {
  const { address } = deps.sender;
  for (const c of await openToEscalation(deps, height)) {
    if (c.subjectKind !== SubjectKind.AGGREGATION || !c.accused.includes(address)) continue;
    const records = (await deps.chain.aggregation(c.windowId))?.proposers ?? [];
    const own = records.find((r) => r.proposer === address)?.result?.resultHash;
    if (own === undefined) continue;
    const isContradicted =
      c.origin === CaseOrigin.UNEQUAL_REVEALS
        ? !equalBytes(own, c.verdictHash)
        : c.verdict === Verdict.INVALID && equalBytes(own, c.disputedHash);
    if (!isContradicted) continue;
    await attempt(deps, height, async () => {
      if (equalBytes((await recompute(deps.chain, deps.work, c)).hash, own)) await escalate(deps, outbox, height, c);
    });
  }
}

/** A verifier whose report the verdict contradicts, and who finds the same again. */
export async function defendReports(deps: RoleDeps, outbox: Outbox, height: bigint): Promise<void> {
  const { address } = deps.sender;
  for (const c of await openToEscalation(deps, height)) {
    const own = (await deps.chain.duties(c.windowId)).find(
      (d) => d.verifier === address && d.subjectKind === c.subjectKind && d.subjectId === c.subjectId && d.status === DutyStatus.REVEALED,
    );
    if (own === undefined) continue;
    const agrees =
      equalBytes(own.reportHash, c.verdictHash) && (c.verdictDigest.length === 0 || equalBytes(own.reportDigest, c.verdictDigest));
    if (agrees) continue;
    await attempt(deps, height, async () => {
      const truth = await recompute(deps.chain, deps.work, c);
      if (equalBytes(truth.hash, own.reportHash) && equalBytes(truth.digest, own.reportDigest)) await escalate(deps, outbox, height, c);
    });
  }
}
