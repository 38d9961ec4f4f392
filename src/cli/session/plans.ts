/** Which part does what: the role behind it, its news, and when one window's work is done. */
import type { ChainClient } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import { DutyKind, DutyStatus, SubjectKind } from '../../protocol/gen/remes/remes/v1/challenge.js';
import { JobStatus, WindowPhase } from '../../protocol/gen/remes/remes/v1/training_window.js';
import { createMiner } from '../../roles/miner.js';
import { createProposer } from '../../roles/proposer.js';
import type { RoleEvent } from '../../roles/role.js';
import { createVerifier } from '../../roles/verifier.js';
import type { Account } from './connect.js';
import { enumName, recordText } from './records.js';
import type { RolePlan } from './role-run.js';
import { StandingNews } from './standing-news.js';

const nothingOwed = (): Promise<readonly string[]> => Promise.resolve([]);

/** The window of the newest event of a type. */
function lastWindow(events: readonly RoleEvent[], type: string): bigint | undefined {
  const window = events.filter((e) => e.type === type).at(-1)?.['window'];
  return typeof window === 'bigint' ? window : undefined;
}

/** Tells each thing once. */
function once(): (key: bigint) => boolean {
  let last: bigint | undefined;
  return (key) => {
    if (last === key) return false;
    last = key;
    return true;
  };
}

/** A job of an earlier window that was not done in time. */
async function missedJob({ client, address }: Account, windowId: bigint): Promise<RoleEvent[]> {
  const job = windowId < 1n ? undefined : await client.queries.job(windowId, address);
  if (job?.status !== JobStatus.MISSED) return [];
  return [{ type: 'missed', window: windowId, what: 'no gradient of this miner was in a block in time; three in a row end its registration' }];
}

export function minerPlan(): RolePlan {
  const isNew = once();
  const standing = new StandingNews('miner');
  let watched: bigint | undefined;
  return {
    part: 'miner',
    noun: 'mine',
    create: (deps, { device }) => createMiner(deps, { device }),
    async news(account) {
      const { client, address } = account;
      const events = await standing.read(account);
      const window = await client.queries.window();
      // The last job is watched until its window stops collecting, whether or not another window opens after it.
      const isOver = window !== undefined && (window.id !== watched || window.phase !== WindowPhase.COLLECTING);
      if (watched !== undefined && isOver) {
        events.push(...(await missedJob(account, watched)));
        watched = undefined;
      }
      if (window === undefined || !isNew(window.id)) return events;
      const job = await client.queries.job(window.id, address);
      if (job !== undefined && window.phase === WindowPhase.COLLECTING) watched = window.id;
      const what = job === undefined ? 'no job for this miner' : `job with ${job.chunks.length} of ${window.jobCount * job.chunks.length} chunks (${enumName(JobStatus, job.status)})`;
      return [...events, { type: 'window', window: window.id, phase: enumName(WindowPhase, window.phase), hasJob: job !== undefined, what }];
    },
    owed: nothingOwed,
    async done({ client, address }, events) {
      const windowId = lastWindow(events, 'gradient');
      if (windowId === undefined) return undefined;
      const job = await client.queries.job(windowId, address);
      if (job?.status === JobStatus.MISSED) {
        throw new R3mesError({ code: 'JOB_MISSED', message: `window ${windowId} closed before the gradient was in a block`, hint: 'a faster machine, more threads or a nearer node help; run it again for the next window' });
      }
      if (job?.status !== JobStatus.SUBMITTED) return undefined;
      const event: RoleEvent = events.filter(({ type }) => type === 'gradient').at(-1) ?? { type: '' };
      const keys = ['cid', 'hash', 'loss', 'sizeBytes', 'tokens', 'durationMs', 'tx'];
      const data = { windowId, gradientId: job.gradientId, ...Object.fromEntries(keys.map((key) => [key, event[key]])) };
      return { data, text: recordText(data) };
    },
  };
}

/** The newest window in which the account is a drawn proposer, if it is among the last ones. */
async function drawnRecord(client: ChainClient, address: string, windowId: bigint) {
  const aggregation = await client.queries.aggregation(windowId);
  return aggregation?.proposers.find((p) => p.proposer === address);
}

export function proposerPlan(): RolePlan {
  const isNew = once();
  const standing = new StandingNews('proposer');
  return {
    part: 'proposer',
    noun: 'aggregate',
    create: (deps) => createProposer(deps),
    async news(account) {
      const { client, address } = account;
      const events = await standing.read(account);
      const window = await client.queries.window();
      if (window === undefined || window.proposers.length === 0 || !isNew(window.id)) return events;
      const isDrawn = window.proposers.includes(address);
      const what = isDrawn ? `drawn as proposer, ${window.gradientCount} gradients` : 'not drawn as proposer';
      return [...events, { type: 'window', window: window.id, phase: enumName(WindowPhase, window.phase), isDrawn, what }];
    },
    async owed({ client, address }) {
      const window = await client.queries.window();
      if (window === undefined || window.phase > WindowPhase.REVEALING || !window.proposers.includes(address)) return [];
      const own = await drawnRecord(client, address, window.id);
      if (own === undefined || own.revealed || (!own.owesCommit && own.attested)) return [];
      return [`window ${window.id} still waits for this proposer (phase ${enumName(WindowPhase, window.phase)}): start again before height ${window.revealingEnd || window.attestingEnd}, silence costs stake`];
    },
    async done({ client, address }, events) {
      const told = events.filter((e) => e.type === 'window' && e['isDrawn'] === true).at(-1)?.['window'];
      if (typeof told !== 'bigint') return undefined;
      const window = await client.queries.window(told);
      const own = await drawnRecord(client, address, told);
      if (window === undefined || own === undefined) return undefined;
      const isOver = own.revealed || window.phase > WindowPhase.REVEALING;
      if (!isOver) return undefined;
      const { attested, revealed, result, participants } = own;
      const data = { windowId: told, attested, revealed, participants, adapterCid: result?.adapterCid ?? null, resultHash: result?.resultHash ?? null };
      return { data, text: recordText(data) };
    },
  };
}

export function verifierPlan(): RolePlan {
  const standing = new StandingNews('verifier');
  const told = new Set<bigint>();
  return {
    part: 'verifier',
    noun: 'challenge',
    create: (deps) => createVerifier(deps),
    async news(account) {
      const { client, address } = account;
      const events = await standing.read(account);
      const open = await client.queries.openDuties(address);
      const fresh = open.filter((d) => !told.has(d.id));
      for (const id of told) if (!open.some((d) => d.id === id)) told.delete(id);
      for (const d of fresh) {
        told.add(d.id);
        events.push({ type: 'duty', window: d.windowId, duty: d.id, kind: enumName(DutyKind, d.kind), subject: enumName(SubjectKind, d.subjectKind), subjectId: d.subjectId });
      }
      return events;
    },
    async owed({ client, address }) {
      const open = await client.queries.openDuties(address);
      return open.map((d) => {
        const isCommitted = d.status === DutyStatus.COMMITTED;
        const due = isCommitted ? d.revealDue : d.commitDue;
        return `duty ${d.id} still waits for its ${isCommitted ? 'reveal' : 'commit'}${due === 0n ? '' : ` (height ${due})`}: start again before that, silence costs stake`;
      });
    },
    async done({ client, address }, events) {
      const windowId = lastWindow(events, 'report');
      if (windowId === undefined || (await client.queries.openDuties(address)).length > 0) return undefined;
      const own = (await client.queries.duties(windowId)).filter((d) => d.verifier === address);
      const reported = own.filter((d) => d.status === DutyStatus.REVEALED);
      if (reported.length === 0) return undefined;
      const reports = reported.map((d) => ({ dutyId: d.id, kind: enumName(DutyKind, d.kind), subject: enumName(SubjectKind, d.subjectKind), subjectId: d.subjectId, hash: d.reportHash }));
      const data = { windowId, reports };
      return { data, text: reports.map(recordText).join('\n\n') };
    },
  };
}
