import type { ChainClient } from '../../../client/index.js';
import { SubjectKind } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { type Report, recompute } from '../../../roles/recompute.js';
import type { Context } from '../../frame/context.js';
import { type ComputeArgs, withBench } from '../../session/compute.js';
import { type Subject, subjectText } from '../../session/values.js';
import { notFound } from '../../session/not-found.js';
import { aggregatedWindow } from '../../session/verify.js';

/** The hash that a subject stands by. @throws R3mesError NOT_FOUND, NOTHING_ACCEPTED */
export async function submittedHash(client: ChainClient, { kind, id }: Subject): Promise<Uint8Array> {
  if (kind === SubjectKind.AGGREGATION) return (await aggregatedWindow(client, id)).accepted.resultHash;
  const gradient = await client.queries.gradient(id);
  if (gradient === undefined) throw notFound(`gradient ${id}`);
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
