import type { ChainClient } from '../../../client/index.js';
import { R3mesError } from '../../../protocol/errors.js';
import { SubjectKind } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { GradientStatus } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { type Report, recompute } from '../../../roles/recompute.js';
import type { Context } from '../../frame/context.js';
import { type ComputeArgs, withBench } from '../../session/compute.js';
import { type Subject, subjectText } from '../../session/values.js';
import { notFound } from '../../session/not-found.js';
import { aggregatedWindow } from '../../session/verify.js';

function mustBeUnsettled(window: TrainingWindow | undefined, subject: Subject): void {
  if (window?.settled !== true) return;
  throw new R3mesError({ code: 'TOO_LATE', message: `${subjectText(subject)} cannot be disputed any more: window ${window.id} is settled`, hint: 'a window can be challenged until the height that r3mes query window shows as challengeEnd' });
}

/** The hash that a subject stands by, where it may still be disputed. @throws R3mesError NOT_FOUND, NOTHING_ACCEPTED, TOO_LATE, ALREADY_CONDEMNED */
export async function submittedHash(client: ChainClient, subject: Subject): Promise<Uint8Array> {
  const { kind, id } = subject;
  if (kind === SubjectKind.AGGREGATION) {
    const window = await aggregatedWindow(client, id);
    mustBeUnsettled(window, subject);
    return window.accepted.resultHash;
  }
  const gradient = await client.queries.gradient(id);
  if (gradient === undefined) throw notFound(`gradient ${id}`);
  if (gradient.status === GradientStatus.SLASHED) throw new R3mesError({ code: 'ALREADY_CONDEMNED', message: `gradient ${id} was proved wrong already` });
  mustBeUnsettled(await client.queries.window(gradient.windowId), subject);
  return gradient.gradientHash;
}

/** What the subject yields when it is done again here. */
export function recomputeSubject(ctx: Context, client: ChainClient, args: ComputeArgs, subject: Subject): Promise<Report> {
  return withBench(ctx, client, args, { signal: ctx.signal }, async (bench) => {
    const progress = await ctx.progress(`recomputing ${subjectText(subject)}`);
    try {
      const report = await recompute(bench.chain, bench.work, { subjectKind: subject.kind, subjectId: subject.id });
      progress.succeed();
      return report;
    } catch (error) {
      progress.fail();
      throw error;
    }
  });
}
